"""A study at a glance: which cells there are, and the means of what they measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from beir_hybrid.results import Results, read_results
from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome

_SHOWN = {"mono": ("map",), "cross": ("map",), "multi": ("map", "rank_distance")}


def render_grid(outcome: StudyOutcome) -> str:
    """The grid as text: a row for each combination of factors, a column for each seed."""
    seeds = list(dict.fromkeys(cell.seed for cell in outcome.cells))
    heads = [*outcome.factors, *(f"seed {seed}" for seed in seeds)]
    rows = []
    for factors, cells in _combinations(outcome):
        status = {cell.seed: cell.status for cell in cells}
        rows.append([*map(str, factors.values()), *(status.get(seed, "") for seed in seeds)])
    return render_rows(heads, rows)


def render_means(outcome: StudyOutcome) -> str:
    """The mean over seeds (and the standard deviation) of the main metrics, a row for each combination of factors."""
    measured = {id(cell): {name: read_results(path) for name, path in cell.results.items()} for cell in outcome.cells}
    columns = list(dict.fromkeys(c for found in measured.values() for name in found for c in _columns(name, found)))
    rows = []
    for factors, cells in _combinations(outcome):
        row = [*map(str, factors.values()), str(sum(cell.status == "done" for cell in cells))]
        for dataset, setting, metric in columns:
            found = [measured[id(cell)][dataset] for cell in cells if dataset in measured[id(cell)]]
            row.append(_mean([one.summary.get(setting, {}).get(metric) for one in found], metric))
        rows.append(row)
    heads = [*outcome.factors, "seeds", *(f"{dataset} {setting} {metric}" for dataset, setting, metric in columns)]
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


def _columns(dataset: str, found: Mapping[str, Results]) -> list[tuple[str, str, str]]:
    summary = found[dataset].summary
    return [
        (dataset, setting, metric)
        for setting, metrics in _SHOWN.items()
        for metric in metrics
        if metric in summary.get(setting, {})
    ]


def _mean(values: Sequence[float | None], metric: str) -> str:
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return "-"
    digits = 0 if metric.startswith("rank_distance") else 3
    spread = f" ±{statistics.stdev(known):.{digits}f}" if len(known) > 1 else ""
    return f"{statistics.fmean(known):.{digits}f}{spread}"
