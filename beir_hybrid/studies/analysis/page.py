"""The page of a study: one self-contained file, in the manner of the page of a comparison."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from beir_hybrid.errors import MissingExtraError
from beir_hybrid.report.document import render_document
from beir_hybrid.report.figures import charts_svg
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.language_groups import KINDS, LEAST_GIB
from beir_hybrid.studies.analysis.means import tabled_metrics
from beir_hybrid.studies.analysis.tables import (
    MARKS,
    cell_table,
    difference_tables,
    fit_table,
    group_tables,
    mean_tables,
)
from beir_hybrid.studies.analysis.wording import method_words, notes
from beir_hybrid.studies.analysis.words import counted
from beir_hybrid.tables import Table

_TITLES = {
    "found": "Findings", "means": "Means", "curves": "Curves", "groups": "Groups of languages", "fits": "Fits",
    "cautions": "Limits", "cells": "Cells and budget", "provenance": "Provenance",
}  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """What one choice of data set and of one thing more shows."""

    key: str = ""
    title: str = ""
    tables: Sequence[Table] = ()
    svg: str = ""
    points: Sequence[str] = ()


@dataclass(frozen=True)
class Chosen:
    """Panels and the two choices that lead to them, each as (value, text)."""

    label: str
    datasets: Sequence[tuple[str, str]]
    names: Sequence[tuple[str, str]]
    panels: list[Panel] = field(default_factory=list)


def render_page(findings: Findings) -> str:
    """The page as HTML; what was not measured has no section."""
    measured = findings.measured
    shown = {
        "means": _means(findings),
        "curves": _curves(findings),
        "groups": _groups(findings) if len(findings.groups) else None,
        "fits": [(fit_table(fit), method_words(fit), notes(fit)) for fit in findings.fits],
        "provenance": [_datasets(findings), _versions(findings)] if measured.runs else [],
    }
    summary = [findings.counts]
    summary += [f"measured on {', '.join(measured.datasets)}"] if measured.datasets else []
    summary += [counted(len(measured.seeds), "seed")] if measured.seeds else []
    return render_document(
        "beir_hybrid.studies.analysis:study.html",
        title=f"Study: {findings.title}",
        sections=[(key, name) for key, name in _TITLES.items() if shown.get(key, True)],
        findings=findings,
        summary=summary,
        marks=MARKS,
        one_seed=bool((findings.means.seeds == 1).any()),
        least_gib=LEAST_GIB,
        cells=cell_table(findings),
        asked=json.dumps(dict(findings.outcome.analysis), ensure_ascii=False, indent=1, default=str),
        **shown,
    )


def _chosen(label: str, datasets: Sequence[str], names: Sequence[str], make: Callable[[str, str], Panel]) -> Chosen:
    """A panel for every data set and name; a choice of one is none."""
    one, two = ([(str(at), name) for at, name in enumerate(each)] for each in (datasets, names))
    found = Chosen(label, one, two)
    for at, dataset in enumerate(datasets):
        for place, name in enumerate(names):
            key = " ".join([*([str(at)] if len(datasets) > 1 else []), *([str(place)] if len(names) > 1 else [])])
            made = make(dataset, name)
            found.panels.append(Panel(key, f"{dataset}: {name}", made.tables, made.svg, made.points))
    return found


def _means(findings: Findings) -> Chosen | None:
    tables = {table.title: table for table in mean_tables(findings)}
    tables |= {table.title: table for table in difference_tables(findings)}
    if not tables:
        return None
    datasets = findings.measured.datasets
    own = [tabled_metrics(findings.measured, findings.options, dataset) for dataset in datasets]

    def panel(dataset: str, metric: str) -> Panel:
        title = f"{dataset}: {metric}"
        return Panel(tables=[tables[t] for t in (title, f"{title}, difference to the baseline") if t in tables])

    return _chosen("Metric", datasets, list(dict.fromkeys(metric for each in own for metric in each)), panel)


def _curves(findings: Findings) -> Chosen | None:
    if not findings.panels:
        return None
    there = {(panel.dataset, panel.lines): panel for panel in findings.panels}

    def panel(dataset: str, lines: str) -> Panel:
        found = there.get((dataset, lines))
        if found is None:
            return Panel()
        points = [f"{c.title}: {point.words}" for c in found.charts for line in c.lines for point in line.points]
        try:
            svg = charts_svg(found.charts, f"{dataset}: {lines}")
        except MissingExtraError:  # the values stand below all the same
            svg = ""
        return Panel(svg=svg, points=points)

    datasets, lines = (list(dict.fromkeys(names)) for names in zip(*there, strict=True))
    return _chosen("Lines", datasets, lines, panel)


def _groups(findings: Findings) -> Chosen:
    def panel(dataset: str, title: str) -> Panel:
        kind = next(key for key, name in KINDS.items() if name == title)
        tables = group_tables(findings, [kind])
        return Panel(tables=[table for table in tables if table.title.startswith(f"{dataset}, ")])

    return _chosen("By", findings.measured.datasets, list(KINDS.values()), panel)


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
