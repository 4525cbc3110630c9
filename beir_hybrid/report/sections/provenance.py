"""Where the numbers come from: commands, versions, what each retriever says of itself, inputs and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from beir_hybrid.evaluation.results import Results
from beir_hybrid.report.commands import compare_command, evaluate_command
from beir_hybrid.report.contents import Contents
from beir_hybrid.report.markup import Html, h, scroller


def section(contents: Contents) -> Html:
    commands = [
        evaluate_command(each) or f"# {each.name}: no evaluate command makes it, see its retriever below"
        for each in contents.results
    ]
    commands.append(compare_command(contents.folders, contents.comparison))
    comparison = contents.comparison
    tested = (
        f"Test: {comparison.test}, correction {comparison.correction}, alpha {comparison.alpha:g}, "
        f"{comparison.draws:,} draws, seed {comparison.seed}; intervals are 95 % bootstraps over question groups. "
        "Queries are paired by id."
    )
    return h(
        "section",
        h("h2", "Where this comes from"),
        h("p", "Commands that make these results and this page:"),
        scroller("commands", h("pre", "\n".join(commands))),
        h("p", tested),
        scroller("versions", _versions(contents)),
        [_system(each) for each in contents.results],
        id="section-provenance",
    )


def _versions(contents: Contents) -> Html:
    packages = list(dict.fromkeys(package for each in contents.results for package in each.versions))
    rows = [
        h("tr", h("th", package, scope="row"), [h("td", each.versions.get(package, "–")) for each in contents.results])
        for package in packages
    ]
    rows.append(
        h("tr", h("th", "seconds", scope="row"), [h("td", f"{each.seconds:,.0f}") for each in contents.results])
    )
    heads = [h("td"), *(h("th", each.name, scope="col") for each in contents.results)]
    return h("table", h("thead", h("tr", heads)), h("tbody", rows), class_="plain")


def _system(results: Results) -> Html:
    inputs: Mapping[str, Any] = {
        key: value for key, value in results.inputs.items() if key not in ("tasks", "retriever")
    }
    if "tasks" in results.inputs:
        inputs = {**inputs, "tasks": f"{len(results.inputs['tasks'])} tasks"}
    record = {"retriever": dict(results.retriever), "inputs": inputs}
    text = json.dumps(record, ensure_ascii=False, indent=1)
    return h("details", h("summary", f"{results.name}: retriever and inputs"), scroller(results.name, h("pre", text)))
