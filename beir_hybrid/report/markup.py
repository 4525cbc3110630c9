"""HTML from values: whatever is not `Html` already is escaped, so that no text of a data set becomes markup."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any, TypeAlias


class Html(str):
    """Markup that is safe to put into a page."""

    __slots__ = ()


Child: TypeAlias = "Html | str | int | float | Iterable[Child] | None"
_VOID = {"br", "hr", "input", "meta", "col"}


def h(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Html:
    """An element; ``class_`` and ``for_`` lose their last underscore, ``data_x`` becomes ``data-x``.

    Children that are not `Html` are escaped; iterables are flattened; None is nothing. An attribute that is True
    stands alone, one that is None or False is left out.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(f" {attribute}" if value is True else f' {attribute}="{html.escape(str(value))}"')
    parts.append(">")
    if name not in _VOID:
        parts += [join(children), f"</{name}>"]
    return Html("".join(parts))


def join(children: Child) -> Html:
    """Children one after the other."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str | int | float):
        return Html(html.escape(str(children)))
    return Html("".join(map(join, children)))


def embedded_json(value: Any) -> Html:
    """JSON for a ``<script type="application/json">`` element: no value can end the element or begin another."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # < > & as escapes: the JSON is the same, and no parser of HTML sees a tag, a comment or an entity in it
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Html(text)


def select(label: str, options: Iterable[tuple[str, str]], chosen: str, **attributes: str) -> Html:
    """A labelled choice; ``options`` are (value, text)."""
    made = [h("option", text, value=value, selected=value == chosen) for value, text in options]
    return h("label", h("span", label), " ", h("select", made, **attributes))


def scroller(label: str, *children: Child) -> Html:
    """A part that scrolls sideways by itself, by keyboard as well, so that the page never does."""
    return h("div", *children, class_="scroll", role="region", aria_label=label, tabindex="0")
