"""Rank distances: how far apart the answers of one question are ranked in the pool."""

from __future__ import annotations

from beir_hybrid.report.contents import Contents
from beir_hybrid.report.distances import Distances, labels, rank_distances
from beir_hybrid.report.markup import Html, h

_INTRODUCTION = (
    "Rank of a question's worst-ranked answer minus that of its best-ranked one, in the pool: how far one would read "
    "to find the same answer in every language. Bars are shares of the questions of all languages. Striped: an answer "
    "has no rank, because it was not retrieved; the distance is at least this, and may belong in any row below."
)


def section(contents: Contents) -> Html | None:
    found = rank_distances(contents)
    if not found:
        return None
    largest = max((a + b) / (each.queries or 1) for each in found.values() for a, b in _bins(each))
    return h(
        "section",
        h("h2", "Rank distance"),
        h("p", _INTRODUCTION),
        h("div", [_figure(name, each, largest) for name, each in found.items()], class_="grid"),
        id="section-distance",
    )


def _bins(each: Distances) -> list[tuple[int, int]]:
    return list(zip(each.known, each.at_least, strict=True))


def _figure(name: str, each: Distances, largest: float) -> Html:
    rows = []
    for label, (known, bound) in zip(labels(), _bins(each), strict=True):
        total = each.queries or 1
        words = f"{known:,} known, {bound:,} at least"
        bars = [
            h("span", class_=kind, style=f"width:{100 * count / total / (largest or 1):.2f}%")
            for kind, count in (("known", known), ("atleast", bound))
            if count
        ]
        share = h("td", f"{(known + bound) / total:.1%}".replace("%", " %"), title=words)
        rows.append(h("tr", h("th", label, scope="row"), h("td", h("div", bars, class_="track")), share))
    quantiles = ", ".join(
        f"{words} {'≥ ' if at_least else ''}{value:,.0f}"
        for words, (value, at_least) in zip(("median", "90th percentile"), each.quantiles.values(), strict=True)
    )
    unknown = sum(each.at_least) / (each.queries or 1)
    caption = h("figcaption", h("strong", name), h("br"), f"{quantiles}; not known: {unknown:.0%}".replace("%", " %"))
    return h("figure", caption, h("table", h("tbody", rows), class_="histogram"))
