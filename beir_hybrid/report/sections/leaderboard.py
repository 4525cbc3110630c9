"""The leaderboard: a table that sorts by any column, for the means and for each query language."""

from __future__ import annotations

from beir_hybrid.comparison.rows import Row
from beir_hybrid.metrics.bias import direction
from beir_hybrid.published.leaderboard import Entry, System
from beir_hybrid.published.scores import MEAN, sources
from beir_hybrid.report.contents import Contents, language_name
from beir_hybrid.report.leaderboard_tables import HEADS, ranked, shown, shown_metrics, where
from beir_hybrid.report.markup import Html, h, scroller, select


def section(contents: Contents) -> Html:
    board = contents.board
    columns = [(s, m) for s in contents.comparison.settings for m in shown_metrics(board, s)]
    languages = [MEAN, *(language for language in board.languages if language in contents.languages)]
    panels = [
        h("div", _table(contents, columns, language), data_panel=language, hidden=language != MEAN)
        for language in languages
    ]
    names = [(language, "mean over all" if language == MEAN else language_name(language)) for language in languages]
    marks = (
        f"▲ ▼ better or worse than {contents.comparison.baseline} beyond chance (corrected p at most "
        f"{contents.comparison.alpha:g}); ◆ differs, where neither is better. "
        if contents.others
        else ""
    )
    return h(
        "section",
        h("h2", "Leaderboard"),
        h("p", select("Query language", names, MEAN, data_panels="leaderboard"), class_="controls"),
        h("div", panels, id="leaderboard"),
        h("p", marks, "Press a column's head to sort by it.", class_="note"),
        h("ul", [h("li", note.replace(">=", "≥")) for note in board.notes], class_="note"),
        id="section-leaderboard",
    )


def _table(contents: Contents, columns: list[tuple[str, str]], language: str) -> Html:
    board = contents.board
    counted = language == MEAN and _counts_differ(contents)
    spans: dict[str, int] = {}
    for setting, _ in columns:
        spans[setting] = spans.get(setting, 0) + 1
    top = h(
        "tr", h("td", colspan=1 + counted),
        [h("th", setting, colspan=span, scope="colgroup") for setting, span in spans.items()],
    )  # fmt: skip
    heads = [_head("system", "text")]
    heads += [_head("langs", "number", title="languages the mean is over")] if counted else []
    heads += [
        _head(HEADS.get(m, m), "ascending" if direction(m) < 0 else "descending", title=f"{s}: {m}") for s, m in columns
    ]
    first = columns[0]
    rows = []
    order = dict.fromkeys(system for s, m in columns for system in ranked(board, s, m, language))
    by_first = ranked(board, *first, language)
    for system in [*by_first, *(system for system in order if system not in by_first)]:
        entries = [board.entry(system, setting, metric, language) for setting, metric in columns]
        if any(entry is not None for entry in entries):
            rows.append(_row(contents, system, entries, columns, language, counted=counted))
    return scroller(
        "leaderboard",
        h("table", h("thead", top, h("tr", heads)), h("tbody", rows), class_="board", data_sortable=True),
    )


def _counts_differ(contents: Contents) -> bool:
    """Whether some means are over more languages than others."""
    entries = contents.board.entries
    return len({entry.languages for entry in entries if entry.query_language == MEAN and entry.languages}) > 1


def _head(text: str, first: str, title: str | None = None) -> Html:
    """A head that sorts; ``data-first`` is the order of the first press."""
    button = h("button", text, h("span", class_="arrow", aria_hidden="true"), type="button", title=title)
    return h("th", button, scope="col", aria_sort="none", data_first=first)


def _row(
    contents: Contents, system: System, entries: list[Entry | None], columns: list[tuple[str, str]], language: str,
    *, counted: bool,
) -> Html:  # fmt: skip
    published = system.kind == "published"
    badge: Html | None = None
    if published:
        source = sources()[system.source]
        badge = h("a", f"published: {source.short}", href=source.url, rel="noreferrer", class_="badge",
                  title=f"{where(system, entries)}. {source.title}")  # fmt: skip
    elif system.name == contents.comparison.baseline and contents.others:
        badge = h("span", "baseline", class_="badge")
    count = next((entry.languages for entry in entries if entry is not None and entry.languages), None)
    cells = [h("th", system.name, " ", badge, scope="row"), h("td", count, data_value=count) if counted else None]
    for (setting, metric), entry in zip(columns, entries, strict=True):
        value = None if entry is None else entry.value
        row = contents.by_language.get((system.name, setting, metric, language)) if not published else None
        cells.append(h("td", shown(entry).replace(">=", "≥"), mark(contents, row), data_value=value))
    return h("tr", cells, class_="published" if published else None)


def mark(contents: Contents, row: Row | None) -> Html | None:
    """The sign of a significant difference to the baseline, with words for those who cannot see it."""
    if row is None or row.delta is None or not contents.comparison.is_significant(row):
        return None
    better = row.delta * direction(row.metric)
    sign, words, kind = ("▲", "better", "better") if better > 0 else ("▼", "worse", "worse")
    if direction(row.metric) == 0:
        sign, words, kind = "◆", "differs", "differs"
    text = f"{words} than {contents.comparison.baseline}, corrected p = {row.p_corrected:.3g}"
    return h(
        "span", h("span", sign, aria_hidden="true"), h("span", text, class_="hidden"), class_=f"mark {kind}", title=text
    )
