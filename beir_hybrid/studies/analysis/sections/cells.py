"""The cells: what each was trained on, how much, and how long it took."""

from __future__ import annotations

from beir_hybrid.report.markup import Html, h
from beir_hybrid.report.sections.table import table_element
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.tables import cell_table


def section(findings: Findings) -> Html:
    return h(
        "section",
        h("h2", "Cells and budget"),
        h("p", findings.budget),
        h("details", h("summary", findings.counts), table_element(cell_table(findings))),
        id="section-cells",
    )
