"""What was fitted: every effect with its interval, and how."""

from __future__ import annotations

from beir_hybrid.report.markup import Html, h
from beir_hybrid.report.sections.table import table_element
from beir_hybrid.studies.analysis.findings import Findings
from beir_hybrid.studies.analysis.fits import Fit
from beir_hybrid.studies.analysis.tables import fit_table
from beir_hybrid.studies.analysis.wording import method_words, notes

_NOTE = (
    "Response: the metric of each trained model and query language (each ordered pair in cross). Numbers are centred: "
    "a main effect is told at the mean of what it interacts with; estimates are for one unit. Categories are compared "
    "with the first: the baseline's value. cc100: the binary logarithm of GiB. Without passage_ before it, a property "
    "is that of the query language. p is of a t distribution whose degrees of freedom (df) count trained models or "
    "languages, whichever bear on the effect and are fewer. Factors that vary and are not in the formula are held "
    "apart as further terms."
)


def section(findings: Findings) -> Html | None:
    if not findings.fits:
        return None
    return h(
        "section",
        h("h2", "Fits"),
        h("p", _NOTE, class_="note"),
        [_fit(fit) for fit in findings.fits],
        id="section-fits",
    )


def _fit(fit: Fit) -> list[Html | None]:
    lines = notes(fit)
    below = h("ul", [h("li", line) for line in lines], class_="note") if lines else None
    table = table_element(fit_table(fit)) if fit.estimates else h("p", h("strong", fit_table(fit).title))
    return [table, h("p", method_words(fit), class_="note"), below]
