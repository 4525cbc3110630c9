"""The frame of a self-contained page: style, script and policy around any sections."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from beir_hybrid.report.markup import Html, embedded_json, h, join


def render_document(
    title: str, summary: Html, sections: Sequence[Html | None], titles: Mapping[str, str], data: Any
) -> str:
    """A page as HTML: no file beside it, no request to anywhere.

    Args:
        summary: what stands below the title.
        sections: None is left out.
        titles: ``{id of a section: its name in the navigation}``, in order; the first is what one can skip to.
        data: what the script draws other choices from, as JSON.
    """
    script = _template("script.js")
    there = [key for key in titles if any(section and f'id="{key}"' in section for section in sections)]
    return Template(_template("page.html")).substitute(
        title=join(title),
        # a script runs only if its digest is this: no text of the data can
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=_template("style.css"),
        skip=join(h("a", f"Skip to the {titles[key].lower()}", href=f"#{key}", class_="skip") for key in there[:1]),
        summary=summary,
        navigation=h("ul", [h("li", h("a", titles[key], href=f"#{key}")) for key in there]),
        sections=join(sections),
        data=embedded_json(data),
        script=script,
    )


def _template(name: str) -> str:
    return (files("beir_hybrid.report") / "templates" / name).read_text(encoding="utf-8")
