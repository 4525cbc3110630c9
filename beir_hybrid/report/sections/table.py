"""A table of text as an element of a page."""

from __future__ import annotations

from beir_hybrid.report.markup import Html, h, scroller
from beir_hybrid.tables import Table


def table_element(table: Table) -> Html:
    """It scrolls by itself where it is too wide; its title is its caption."""
    heads = [h("th", head, scope="col", class_=_kind(table, at)) for at, head in enumerate(table.heads)]
    rows = [
        h(
            "tr",
            [
                h("th", cell, scope="row") if at == 0 else h("td", cell, class_=_kind(table, at))
                for at, cell in enumerate(row)
            ],
        )
        for row in table.rows
    ]
    caption = h("caption", table.title)
    return scroller(table.title, h("table", caption, h("thead", h("tr", heads)), h("tbody", rows), class_="plain"))


def _kind(table: Table, at: int) -> str | None:
    return "text" if at < table.text_columns else None
