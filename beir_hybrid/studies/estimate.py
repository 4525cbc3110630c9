"""What a study will take, in time and disk: a rough guess, corrected by what the cells that are done took."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from beir_hybrid.studies.cells import Cell
from beir_hybrid.studies.outcome import duration
from beir_hybrid.studies.store import Job

_PAIR_SECONDS = {"static": 1.3e-3, "transformer": 0.02, "": 0.07}
"""Seconds for a training pair on one core, by the beginning of the kind of encoder: static at width 256, one layer of
128, and multilingual-e5-small in bfloat16 for models by name."""
_EVALUATION_SECONDS = {"static": 10.0, "transformer": 60.0, "": 400.0}
"""Seconds to measure XQuAD-R, likewise."""
_START = 8.0
"""Seconds for a process to start, read the groups and lay them out."""
_WEIGHTS = 118_000_000
"""Of a model by name, for the disk it takes: those of multilingual-e5-small."""
_RESULTS_BYTES = 3_000_000
_RUNS_BYTES = 11_000_000


def cost_words(missing: Sequence[Job], jobs: Sequence[Job], at_once: int) -> list[str]:
    """What some cells will take, by what those of the same study that are done took: a line on time, one on disk."""
    if not missing:
        return []
    study, seconds, rough = missing[0].study, 0.0, 0
    took = [(job.cell, job.outcome().seconds) for job in jobs if not job.missing]
    done = [(cell.kind, spent / _guess(cell)) for cell, spent in took if spent]
    for job in missing:
        shares = [share for kind, share in done if kind == job.cell.kind]
        seconds += _guess(job.cell) * (statistics.median(shares) if shares else 1.0)
        rough += not shares
    basis = "measured on cells like them" if not rough else f"rough for {rough} of them: none like them is done yet"
    results = sum(len(job.cell.evaluations) for job in missing) * (_RESULTS_BYTES + study.keep_runs * _RUNS_BYTES)
    weights = [_weights_bytes(job.cell) for job in missing]
    # trainings under way need the model, and two checkpoints with the state of the optimizer
    meanwhile = at_once * 8 * max(weights)
    models = [len(job.cell.training.trainings) if job.cell.training else 0 for job in missing]
    kept = sum(size * n for size, n in zip(weights, models, strict=True)) if study.keep_models else 0
    return [
        f"time: about {duration(seconds / at_once)} with {at_once} at a time ({basis})",
        f"disk: about {(results + kept) / 1e6:,.0f} MB more, and {meanwhile / 1e6:,.0f} MB meanwhile",
    ]


def _guess(cell: Cell) -> float:
    """Seconds that a cell takes, roughly."""

    def of_kind(table: Mapping[str, float]) -> float:
        return next(value for beginning, value in table.items() if cell.kind.startswith(beginning))

    pairs = cell.training.pairs if cell.training else 0
    return _START + pairs * of_kind(_PAIR_SECONDS) + len(cell.evaluations) * of_kind(_EVALUATION_SECONDS)


def _weights_bytes(cell: Cell) -> int:
    """A saved model's size, roughly: its table of tokens is most of it."""
    if cell.training is None:
        return 0
    config = cell.training.first
    return 4 * (config.value("vocabulary") * config.value("width") if config.from_scratch else _WEIGHTS)
