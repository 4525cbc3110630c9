"""The page of a study: one self-contained file, in the manner of the page of a comparison."""

from __future__ import annotations

from beir_hybrid.report.document import render_document
from beir_hybrid.report.markup import Html, h, join
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.sections import cautions, cells, curves, fits, found, groups, means, provenance
from beir_hybrid.studies.analysis.words import counted

_TITLES = {
    "section-found": "Findings", "section-means": "Means", "section-curves": "Curves",
    "section-groups": "Groups of languages", "section-fits": "Fits", "section-cautions": "Limits",
    "section-cells": "Cells and budget", "section-provenance": "Provenance",
}  # fmt: skip


def render_page(findings: Findings) -> str:
    """The page as HTML; what was not measured has no section."""
    sections = [
        found.section(findings),
        means.section(findings),
        curves.section(findings),
        groups.section(findings),
        fits.section(findings),
        cautions.section(findings),
        cells.section(findings),
        provenance.section(findings),
    ]
    return render_document(f"Study: {findings.title}", _summary(findings), sections, _TITLES, {})


def _summary(findings: Findings) -> Html:
    measured = findings.measured
    items = [findings.counts]
    if measured.datasets:
        items.append(f"measured on {', '.join(measured.datasets)}")
    if measured.seeds:
        items.append(counted(len(measured.seeds), "seed"))
    question = h("p", findings.outcome.question) if findings.outcome.question else None
    return join([question, h("ul", [h("li", item) for item in items], class_="summary")])
