"""What was found, in sentences; and what is missing from it."""

from __future__ import annotations

from beir_hybrid.report.markup import Html, h
from beir_hybrid.studies.analysis.findings import Findings


def section(findings: Findings) -> Html:
    problems = findings.measured.problems
    parts: list[Html] = [h("h2", "What was found")]
    if problems:
        lines = h("ul", [h("li", problem) for problem in problems], class_="note")
        parts.append(h("div", h("p", "Missing from what follows:"), lines, class_="warning"))
    if findings.sentences:
        for formula, said in findings.sentences.items():
            parts.append(h("h3", formula))
            parts.append(h("ul", [h("li", line) for line in said], class_="found"))
        parts.append(h("p", _NOTE, class_="note"))
    else:
        hint = ' Add a line such as fit = "map ~ alpha * joshi" to the table [analysis] of the study file.'
        parts.append(h("p", "Nothing was fitted.", None if findings.fits else hint))
    return h("section", parts, id="section-found")


_NOTE = (
    "Brackets are 95 % intervals. They allow for the luck of a training and for the choice of languages: an effect "
    "counts as many times as there are trained models, or languages, to see it in, not as there are questions."
)
