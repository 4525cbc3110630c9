"""Where the numbers come from: data sets and their contents, versions, models, the analysis as it was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator

from beir_hybrid.evaluation.results import Results
from beir_hybrid.report.markup import Html, h, scroller
from beir_hybrid.report.sections.table import table_element
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.tables import Table


def section(findings: Findings) -> Html | None:
    if not findings.measured.runs:
        return None
    asked = json.dumps(dict(findings.outcome.analysis), ensure_ascii=False, indent=1, default=str)
    return h(
        "section",
        h("h2", "Where this comes from"),
        table_element(_datasets(findings)),
        table_element(_versions(findings)),
        h("details", h("summary", "The table [analysis] of the study"), scroller("analysis", h("pre", asked))),
        id="section-provenance",
    )


def _all(findings: Findings) -> Iterator[tuple[str, Results]]:
    for run in findings.measured.runs:
        yield from run.results.items()


def _datasets(findings: Findings) -> Table:
    rows: dict[tuple[str, ...], None] = {}
    for dataset, results in _all(findings):
        inputs = results.inputs
        languages = ",".join(results.languages)
        rows.setdefault((dataset, results.split, languages, str(inputs.get("dataset_fingerprint", "-"))))
    return Table("Data sets", ["data set", "split", "languages", "fingerprint"], list(rows), 4)


def _versions(findings: Findings) -> Table:
    found: dict[str, dict[str, None]] = {}
    for _, results in _all(findings):
        for package, version in results.versions.items():
            found.setdefault(package, {}).setdefault(version)
    return Table("Versions", ["package", "version"], [[name, ", ".join(each)] for name, each in found.items()], 2)
