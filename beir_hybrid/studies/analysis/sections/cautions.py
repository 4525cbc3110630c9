"""What this study cannot conclude."""

from __future__ import annotations

from beir_hybrid.report.markup import Html, h
from beir_hybrid.studies.analysis.findings import Findings


def section(findings: Findings) -> Html:
    return h(
        "section",
        h("h2", "What cannot be concluded"),
        h("ul", [h("li", line) for line in findings.cautions], class_="cautions"),
        id="section-cautions",
    )
