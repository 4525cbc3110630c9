"""A leaderboard as tables: one a setting, and one a setting and metric with a column for each language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from beir_hybrid.evaluation.table import COLUMNS, HEADS
from beir_hybrid.metrics.bias import direction
from beir_hybrid.published.leaderboard import Entry, Leaderboard, System
from beir_hybrid.published.scores import MEAN
from beir_hybrid.tables import Table, number


def shown_metrics(board: Leaderboard, setting: str) -> tuple[str, ...]:
    """The metrics of a setting that a table shows."""
    measured = board.metrics(setting)
    return tuple(m for m in COLUMNS[setting] if m in measured) or measured[:5]


def shown(entry: Entry | None) -> str:
    """A value as it is printed: three decimals (or the source's fewer), ranks without; ``>=``: a lower bound."""
    if entry is None:
        return "-"
    return number(entry.value, entry.metric, entry.decimals, at_least=entry.at_least)


def where(system: System, entries: Sequence[Entry | None]) -> str:
    """The folder of our result, or the source and tables of published numbers."""
    tables = dict.fromkeys(entry.table for entry in entries if entry is not None and entry.table)
    return ", ".join([system.source, *(f"table {table}" if table.isdigit() else table for table in tables)])


def ranked(board: Leaderboard, setting: str, metric: str, language: str = MEAN) -> list[System]:
    """The systems of a setting, the best first, then those with a bound alone, then those without a value.

    Of a metric that has no better and worse they stay as they were given.
    """

    measured = {entry.system for entry in board.entries if entry.setting == setting}
    there = {system: board.entry(system, setting, metric, language) for system in board.systems if system in measured}
    # a bound says nothing of how good a system is, so it is above none that is known
    places = {
        system: (entry.at_least, -entry.value * direction(metric))
        for system, entry in there.items()
        if entry is not None and entry.value is not None
    }
    return [*sorted(places, key=lambda system: places[system]), *(system for system in there if system not in places)]


def mean_tables(board: Leaderboard) -> Iterator[Table]:
    """One table for each setting: a row a system, the means of its metrics."""
    for setting in board.settings:
        metrics = shown_metrics(board, setting)
        rows = []
        for system in ranked(board, setting, metrics[0]):
            entries = [board.entry(system, setting, metric) for metric in metrics]
            count = next((str(e.languages) for e in entries if e is not None and e.languages), "")
            if any(entries):
                rows.append([system.label, where(system, entries), count, *map(shown, entries)])
        heads = ["system", "source", "langs", *(HEADS.get(metric, metric) for metric in metrics)]
        if rows:
            yield Table(f"{board.dataset} ({board.split}), {setting}: means", heads, rows, text_columns=2)


def language_tables(board: Leaderboard) -> Iterator[Table]:
    """One table for each setting and metric: a row a system, a column a query language."""
    for setting in board.settings:
        for metric in shown_metrics(board, setting):
            rows = []
            for system in ranked(board, setting, metric):
                entries = [board.entry(system, setting, metric, language) for language in (*board.languages, MEAN)]
                if any(entry is not None for entry in entries[:-1]):
                    rows.append([system.label, *map(shown, entries)])
            if rows:
                title = f"{board.dataset} ({board.split}), {setting}: {metric} by query language"
                yield Table(title, ["system", *board.languages, MEAN], rows)


@dataclass(frozen=True)
class Panel:
    """The leaderboard of the means, or of one query language.

    Attributes:
        columns: (setting, metric) of each, without those that no system has a value of.
        rows: (system, where it comes from, entries), the best by the first column first.
        counted: whether the means are over different numbers of languages.
    """

    language: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[System, str, tuple[Entry | None, ...]], ...]
    counted: bool

    @property
    def spans(self) -> list[tuple[str, int]]:
        """How many columns each setting has."""
        settings = [setting for setting, _ in self.columns]
        return [(setting, settings.count(setting)) for setting in dict.fromkeys(settings)]


def panel(board: Leaderboard, language: str, chosen: Sequence[tuple[str, str]]) -> Panel | None:
    """The leaderboard of one query language, of the columns that have a value; None where none has."""

    def value(system: System, column: tuple[str, str]) -> Entry | None:
        entry = board.entry(system, *column, language)
        return entry if entry is not None and entry.value is not None else None

    columns = tuple(column for column in chosen if any(value(system, column) for system in board.systems))
    if not columns:
        return None
    order = dict.fromkeys(system for column in columns for system in ranked(board, *column, language))
    rows = []
    for system in order:
        entries = tuple(value(system, column) for column in columns)
        if any(entries):
            rows.append((system, where(system, entries), entries))
    counts = {e.languages for e in board.entries if e.query_language == MEAN and e.languages}
    return Panel(language, columns, tuple(rows), counted=language == MEAN and len(counts) > 1)


def records(board: Leaderboard) -> Sequence[dict[str, Any]]:
    """Every number as a flat record, unrounded: the rows of csv and json."""
    return [
        {
            "name": entry.system.name,
            "kind": entry.system.kind,
            "dataset": board.dataset,
            "split": board.split,
            "setting": entry.setting,
            "query_language": entry.query_language,
            "metric": entry.metric,
            "value": entry.value,
            "at_least": entry.at_least,
            "languages": entry.languages,
            "source": entry.system.source,
            "table": entry.table,
            "printed_as": entry.printed_as,
            "note": entry.system.note,
        }
        for entry in board.entries
    ]
