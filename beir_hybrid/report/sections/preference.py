"""How much of the first results are in the query's own language, against what the pool holds of it."""

from __future__ import annotations

from beir_hybrid.metrics.bias import SHARE_CUTOFF
from beir_hybrid.report.contents import Contents, language_name
from beir_hybrid.report.markup import Html, h, scroller
from beir_hybrid.report.preference import own_language, pool_shares

_INTRODUCTION = (
    f"Share of the first {SHARE_CUTOFF} passages from the pool that are in the language of the query, and how many "
    "times the language's share of the pool that is. 1.0× is no preference."
)


def section(contents: Contents) -> Html | None:
    shares = own_language(contents)
    if not shares:
        return None
    pool = pool_shares(shares)
    heads = [h("th", "query language", scope="col"), h("th", "pool", scope="col", title="share of the pool")]
    heads += [h("th", name, scope="col") for name in contents.names]
    rows = []
    for language in contents.languages:
        cells = [h("td", _percent(pool.get(language)))]
        for name in contents.names:
            share, lift = shares.get((name, language), (None, None))
            text = h("span", f"{lift:.1f}×", class_="lift") if lift is not None else None
            style = None if share is None else f"--v:{share:.3f}"
            cells.append(h("td", h("span", _percent(share)), " ", text, class_="bar", style=style))
        rows.append(h("tr", h("th", language_name(language), scope="row"), cells))
    return h(
        "section",
        h("h2", "Preference for the query's own language"),
        h("p", _INTRODUCTION),
        scroller("same-language share", h("table", h("thead", h("tr", heads)), h("tbody", rows), class_="shares")),
        id="section-preference",
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}".replace("%", " %")
