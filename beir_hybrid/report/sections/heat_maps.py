"""Query language by passage language: one system, and one system minus another; which ones is chosen in the page."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from beir_hybrid.report.contents import Contents, language_name
from beir_hybrid.report.markup import Html, h, scroller, select
from beir_hybrid.report.matrices import Matrix, Measure, difference, measures

_INTRODUCTION = (
    "Rows are the languages questions are asked in, columns those of the passages. A system that is blind to language "
    "has like values along a row; a strong diagonal is a preference for the language of the question."
)
_NOTE = (
    "One system: colours from 0 (none) to 1 (full). Difference: blue is more, orange is less, and full colour is the "
    "largest difference of the map."
)


def section(contents: Contents) -> Html | None:
    found = measures(contents)
    if not found:
        return None
    names = [(str(place), name) for place, name in enumerate(contents.names)]
    shown = found[0]
    one, two = (_short(shown.matrices[name]) for name in (contents.names[0], contents.names[min(1, len(names) - 1)]))
    kinds = [(measure.key, measure.title) for measure in found]
    maps = [
        h(
            "figure",
            h("figcaption", select("System", names, "0", id="heat-system")),
            scroller("heat map of one system", _table(shown, one, "heat-one")),
        )
    ]
    if len(names) > 1:
        maps.append(
            h(
                "figure",
                h("figcaption", select("Difference", names, "1", id="heat-plus"), " ",
                  select("minus", names, "0", id="heat-minus")),
                scroller("heat map of a difference", _table(
                    shown, difference(two, one), "heat-two", signed=True)),
            )
        )  # fmt: skip
    return h(
        "section",
        h("h2", "Query language by passage language"),
        h("p", _INTRODUCTION),
        h("p", select("Measure", kinds, shown.key, id="heat-measure"), class_="controls"),
        h("div", maps, class_="pair"),
        h("p", _NOTE, class_="note"),
        id="section-heat",
    )


def data(contents: Contents) -> dict[str, Any]:
    """The numbers the page draws other choices from."""
    return {measure.key: [_short(measure.matrices[name]) for name in contents.names] for measure in measures(contents)}


def _short(matrix: Matrix) -> Matrix:
    """What the page carries: enough digits for the four it shows. The first choices are written from the same."""
    return [[None if value is None else round(value, 6) for value in row] for row in matrix]


def _table(measure: Measure, matrix: Matrix, identity: str, *, signed: bool = False) -> Html:
    largest = max((abs(v) for row in matrix for v in row if v is not None), default=0.0) or 1.0
    heads = [h("th", language, scope="col", title=language_name(language)) for language in measure.languages]
    rows = [
        h(
            "tr",
            h("th", language, scope="row", title=language_name(language)),
            [_cell(value, 1.0 if not signed else largest, signed) for value in row],
        )
        for language, row in zip(measure.languages, matrix, strict=True)
    ]
    corner = h("td", h("span", "query language ↓, passage language →", class_="hidden"))
    return h("table", h("thead", h("tr", corner, heads)), h("tbody", rows), class_="heat", id=identity)


def _cell(value: float | None, largest: float, signed: bool) -> Html:
    """As `paint` of the script does it."""
    if value is None:
        return h("td", "–")
    strength = min(1.0, abs(value) / largest)
    # where the text changes its colour to stay readable: later on a light page than on a dark one
    kind = ("less" if value < 0 else "more") + (" strong" if strength > 0.76 else " middle" if strength > 0.66 else "")
    text = _fixed(abs(value), 2).replace("0.", ".", 1) if abs(value) < 0.995 else "1"
    sign = ("−" if value < 0 else "+") if signed and text != ".00" else ""
    title = ("-" if value < 0 else "+" if signed else "") + _fixed(abs(value), 4)
    return h("td", sign + text, class_=kind, style=f"--v:{strength:.3f}", title=title)


def _fixed(value: float, digits: int) -> str:
    """As JavaScript's ``toFixed``: Python's own formatting rounds a tie to the even digit."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))
