"""A study at a glance: which cells there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome


def render_grid(outcome: StudyOutcome) -> str:
    """The grid as text: a row for each combination of factors, a column for each seed."""
    seeds = list(dict.fromkeys(cell.seed for cell in outcome.cells))
    heads = [*outcome.factors, *(f"seed {seed}" for seed in seeds)]
    rows = []
    for factors, cells in _combinations(outcome):
        status = {cell.seed: cell.status for cell in cells}
        rows.append([*map(str, factors.values()), *(status.get(seed, "") for seed in seeds)])
    return render_rows(heads, rows)


def render_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text columns, as wide as they need to be."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = ["  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)) for row in [heads, *rows]]
    return "\n".join(line.rstrip() for line in lines)


def _combinations(outcome: StudyOutcome) -> list[tuple[Mapping[str, Any], list[CellOutcome]]]:
    found: dict[tuple[Any, ...], tuple[Mapping[str, Any], list[CellOutcome]]] = {}
    for cell in outcome.cells:
        found.setdefault(tuple(cell.factors.values()), (cell.factors, []))[1].append(cell)
    return list(found.values())
