"""The hardest queries, with their texts and where each parallel answer was ranked."""

from __future__ import annotations

from typing import Any

from beir_hybrid.report.contents import Contents, language_name
from beir_hybrid.report.hardest import Hardest, HardQuery
from beir_hybrid.report.markup import Html, h, select

_OWN = "own"


def section(contents: Contents, hardest: Hardest | None) -> Html | None:
    if hardest is None or not hardest.queries:
        return None
    parts = [
        h("h2", "The hardest queries"),
        h(
            "p",
            f"Those with the lowest {hardest.setting} {hardest.metric}, averaged over the systems and languages. Below "
            "each question and its answer: where each system ranked that answer.",
        ),
    ]
    if hardest.missing:
        parts.append(h("p", f"Texts and ranks are not available: {hardest.missing}.", class_="warning"))
    else:
        languages = sorted({language for query in hardest.queries for language in query.queries})
        asked = "en" if "en" in languages else languages[0]
        choices = [(_OWN, "each answer's own language"), *((code, language_name(code)) for code in languages)]
        parts.append(h("p", select("Asked in", choices, asked, id="hard-asked"), class_="controls"))
        parts.append(h("p", _note(contents, hardest), class_="note"))
    asked = "" if hardest.missing else asked
    parts += [_card(contents, hardest, place, query, asked) for place, query in enumerate(hardest.queries)]
    return h("section", parts, id="section-hardest")


def data(hardest: Hardest | None) -> list[dict[str, Any]]:
    """Ranks and depths by query, for other choices of the asking language."""
    if hardest is None or hardest.missing:
        return []
    return [{"ranks": query.ranks, "kept": query.kept} for query in hardest.queries]


def _note(contents: Contents, hardest: Hardest) -> str:
    note = (
        "A rank after > is where the kept part of a ranking ends: the answer is somewhere below, or was not found. "
        f"Texts: {contents.comparison.dataset}, {hardest.licence}."
    )
    if hardest.non_commercial:
        note += " They may be shown and shared for non-commercial purposes only, and so may this page."
    return note


def _card(contents: Contents, hardest: Hardest, place: int, query: HardQuery, asked: str) -> Html:
    text: Html | str = query.group
    if query.queries:
        language = asked if asked in query.queries else next(iter(sorted(query.queries)))
        text = h("span", query.queries[language], lang=language, dir="auto")
    score = h("span", f"{hardest.metric} {query.score:.3f}", class_="badge")
    summary = h("summary", h("span", f"{place + 1}. ", text), " ", score)
    if not query.queries:
        return h("div", h("p", f"{place + 1}. ", text, " in ", ", ".join(query.languages), " ", score))
    rows = [_language(contents, query, language, asked) for language in query.languages]
    return h("details", summary, h("div", rows), open=place == 0, class_="card", data_query=str(place))


def _language(contents: Contents, query: HardQuery, language: str, asked: str) -> Html:
    lines = []
    if language in query.queries:
        lines.append(h("p", query.queries[language], lang=language, dir="auto", class_="question"))
    if language in query.answers:
        lines.append(h("p", query.answers[language], lang=language, dir="auto", class_="answer"))
        chips = [
            h(
                "span",
                name,
                " ",
                h("b", rank_text(query, asked, language, system), data_system=str(system)),
                class_="chip",
            )
            for system, name in enumerate(contents.names)
        ]
        lines.append(h("p", chips, class_="chips", data_answer=language))
    return h("div", h("abbr", language, title=language_name(language)), h("div", lines), class_="language")


def rank_text(query: HardQuery, asked: str, answer: str, system: int) -> str:
    """As `rankText` of the script does it: the rank, ``> 1000`` beyond what was kept, ``–`` where nothing was asked.

    ``nothing`` where the system retrieved no passage at all.
    """
    language = answer if asked == _OWN else asked
    ranks = query.ranks.get(language, {}).get(answer)
    if ranks is None:
        return "–"
    rank, kept = ranks[system], query.kept[language][system]
    if rank is not None:
        return f"{rank}"
    return f"> {kept}" if kept else "nothing"
