"""The page of a study: one self-contained file, in the manner of the page of a comparison."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beir_hybrid.errors import MissingExtraError
from beir_hybrid.progress import counted
from beir_hybrid.report.document import panel_choices, render_document
from beir_hybrid.report.figures import charts_svg
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.language_groups import KINDS, LEAST_GIB
from beir_hybrid.studies.analysis.tables import (
    cell_table,
    difference_tables,
    fit_table,
    group_tables,
    mean_tables,
    signs,
)
from beir_hybrid.studies.analysis.wording import method_words, notes
from beir_hybrid.tables import Table

if TYPE_CHECKING:
    import pandas as pd

_TITLES = {
    "found": "Findings", "means": "Means", "curves": "Curves", "groups": "Groups of languages", "fits": "Fits",
    "cautions": "Limits", "cells": "Cells and budget", "provenance": "Provenance",
}  # fmt: skip


def render_page(findings: Findings) -> str:
    """The page as HTML; what was not measured has no section."""
    measured, datasets = findings.measured, findings.measured.datasets
    differences, groups = difference_tables(findings), group_tables(findings, list(KINDS))
    means = {
        key: {"tables": [table, differences[key]] if key in differences else [table]}
        for key, table in mean_tables(findings).items()
    }
    shown = {
        "means": _chosen("Metric", means),
        "curves": _chosen(
            "Lines",
            {
                names: _drawn(findings, ": ".join(names), points)
                for names, points in findings.curves.groupby(["dataset", "panel"], sort=False)
            },
        ),
        "groups": _chosen("By", {(dataset, KINDS[kind]): {"tables": own} for (dataset, kind), own in groups.items()}),
        "fits": [(fit_table(fit), method_words(fit), notes(fit)) for fit in findings.fits],
        "provenance": [_datasets(findings), _versions(findings)] if measured.runs else [],
    }
    seeds = {cell.seed for cell in findings.outcome.cells}
    summary = [findings.counts]
    summary += [f"measured on {', '.join(datasets)}"] if datasets else []
    summary += [counted(len(seeds), "seed", "seeds")] if seeds else []
    return render_document(
        "beir_hybrid.studies.analysis:study.html",
        title=f"Study: {findings.title}",
        sections=[(key, name) for key, name in _TITLES.items() if shown.get(key, True)],
        findings=findings,
        summary=summary,
        marks=signs(findings),
        one_seed=bool((findings.means.seeds == 1).any()),
        least_gib=LEAST_GIB,
        cells=cell_table(findings),
        asked=json.dumps(dict(findings.outcome.analysis), ensure_ascii=False, indent=1, default=str),
        **shown,
    )


def _chosen(label: str, shown: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[str, Any]:
    """What is shown for each data set and name, and the two choices that lead there; a choice of one is none."""
    if not shown:
        return {}
    every = list(itertools.product(*(dict.fromkeys(part) for part in zip(*shown, strict=True))))
    choices, keys = panel_choices(("Data set", label), every)
    nothing: dict[str, Any] = {"tables": [], "svg": "", "points": []}
    panels = [
        {"key": key, "title": f"{dataset}: {name}", **nothing, **shown.get((dataset, name), {})}
        for key, (dataset, name) in zip(keys, every, strict=True)
    ]
    return {"choices": choices, "panels": panels}


def _drawn(findings: Findings, words: str, points: pd.DataFrame) -> dict[str, Any]:
    factor = next(each for each in findings.measured.factors if each.name == findings.options.x)
    ticks = {float(value if factor.numeric else at): factor.labels[at] for at, value in enumerate(factor.values)}
    said = [f"{chart}: {each}" for chart, each in zip(points.chart, points.words, strict=True)]
    try:
        return {"svg": charts_svg(points, ticks, factor.name, words, connected=factor.numeric), "points": said}
    except MissingExtraError:  # the values stand below all the same
        return {"points": said}


def _datasets(findings: Findings) -> Table:
    rows: dict[tuple[str, ...], None] = {}
    for run in findings.measured.runs:
        for dataset, results in run.results.items():
            print_ = str(results.inputs.get("dataset_fingerprint", "-"))
            rows.setdefault((dataset, results.split, ",".join(results.languages), print_))
    return Table("Data sets", ["data set", "split", "languages", "fingerprint"], list(rows), 4)


def _versions(findings: Findings) -> Table:
    found: dict[str, dict[str, None]] = {}
    for results in (each for run in findings.measured.runs for each in run.results.values()):
        for package, version in results.versions.items():
            found.setdefault(package, {}).setdefault(version)
    return Table("Versions", ["package", "version"], [[name, ", ".join(each)] for name, each in found.items()], 2)
