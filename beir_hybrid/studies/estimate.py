"""How long a study will take: a rough guess, corrected by what the cells that are done took."""

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


def cost_words(missing: Sequence[Job], jobs: Sequence[Job], at_once: int) -> str:
    """What some cells will take, by what those of the same study that are done took."""
    seconds, rough = 0.0, 0
    took = [(job.cell, job.outcome().seconds) for job in jobs if not job.missing]
    done = [(cell.kind, spent / _guess(cell)) for cell, spent in took if spent]
    for job in missing:
        shares = [share for kind, share in done if kind == job.cell.kind]
        seconds += _guess(job.cell) * (statistics.median(shares) if shares else 1.0)
        rough += not shares
    basis = "measured on cells like them" if not rough else f"rough for {rough} of them: none like them is done yet"
    return f"time: about {duration(seconds / at_once)} with {at_once} at a time ({basis})"


def _guess(cell: Cell) -> float:
    """Seconds that a cell takes, roughly."""

    def of_kind(table: Mapping[str, float]) -> float:
        return next(value for beginning, value in table.items() if cell.kind.startswith(beginning))

    pairs = cell.training.pairs if cell.training else 0
    return _START + pairs * of_kind(_PAIR_SECONDS) + len(cell.evaluations) * of_kind(_EVALUATION_SECONDS)
