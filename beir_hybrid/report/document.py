"""Self-contained pages from templates: no file beside them, no request to anywhere, every text escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from beir_hybrid.metrics.bias import direction
from beir_hybrid.published.languages import languages
from beir_hybrid.published.scores import MEAN
from beir_hybrid.report.leaderboard_tables import shown
from beir_hybrid.tables import interval, number, p_value, signed, visible


def render_document(template: str, **values: Any) -> str:
    """A page as HTML.

    Args:
        template: ``package:file`` of a Jinja2 template in a package's folder ``templates``, which extends
            ``page.html`` of this one.
        values: what it shows; text that is not markup already is escaped.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    package, _, name = template.partition(":")
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("beir_hybrid.report")]),
        autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "number": number, "signed": signed, "p": p_value, "visible": visible, "language": language_name,
        "percent": percent, "rank": rank_text,
        "head": _head, "named": _choice, "entry": shown,
    }  # fmt: skip
    environment.globals |= {"direction": direction, "interval": interval}
    script = (files("beir_hybrid.report") / "templates" / "script.js").read_text(encoding="utf-8")
    # a script runs only if its digest is this: no text of the data can
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made: str = environment.get_template(name).render(script=script, digest=digest, **values)
    return made


def panel_choices(
    labels: Sequence[str], panels: Sequence[tuple[str, ...]]
) -> tuple[list[tuple[str, list[tuple[str, str]]]], list[str]]:
    """What can be chosen of each part of the panels' names, by its label, as (value, text), and the values that show
    each panel. There is no choice where a part has one value.
    """
    parts = [{name: f"{at}" for at, name in enumerate(dict.fromkeys(part))} for part in zip(*panels, strict=True)]
    keys = [" ".join(part[name] for part, name in zip(parts, panel, strict=True) if len(part) > 1) for panel in panels]
    return [(label, [(n, name) for name, n in part.items()]) for label, part in zip(labels, parts, strict=False)], keys


def language_name(code: str) -> str:
    """``Arabic (ar)``; the code alone where nothing is known of it."""
    facts = languages().get(code)
    return f"{facts.name} ({code})" if facts else code


def _head(text: str) -> Any:
    """The head of a column, which may be parted where a name of a metric has a joint and nowhere else."""
    from markupsafe import Markup, escape

    return Markup(re.sub("_|(?=@)", r"\g<0><wbr>", str(escape(visible(text)))))


def _choice(code: str) -> tuple[str, str]:
    """A query language as a choice: (value, text)."""
    return code, "mean over all" if code == MEAN else language_name(code)


def percent(share: float | None, digits: int = 0) -> str:
    """``37 %``; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def rank_text(rank: int | None, kept: int) -> str:
    """A rank; ``> 1000`` beyond what was kept, ``nothing`` where the system retrieved no passage at all."""
    if rank is not None:
        return f"{rank:,}"
    return f"> {kept:,}" if kept else "nothing"
