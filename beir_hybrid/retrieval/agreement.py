"""How much of a ranking is left when its vectors are made smaller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from beir_hybrid.retrieval.base import Ranking
from beir_hybrid.types import IntArray, ScoreArray

CUTOFF = 10


def top_k_overlap(reference: Ranking, other: Ranking, cutoff: int = CUTOFF) -> ScoreArray:
    """For each query, the share of the first ``cutoff`` passages of one ranking that the other has among its own.

    Float64 [queries], 0 to 1; NaN for a query without hits. Where fewer passages are kept, these.
    """
    n = reference.task.n_passages
    first, second = reference.hits.cut(cutoff), other.hits.cut(cutoff)
    kept = np.isin(first.query * n + first.passages, second.query * n + second.passages)
    found = np.bincount(first.query, weights=kept, minlength=len(first))
    shares: ScoreArray = np.divide(found, first.counts, out=np.full(len(first), np.nan), where=first.counts > 0)
    return shares


def judged_correlation(reference: Ranking, other: Ranking) -> float:
    """Spearman's correlation of the ranks of all judged pairs; 1 where all are equal, NaN with fewer than two."""
    if len(reference.ranks) < 2:
        return float("nan")
    if np.array_equal(reference.ranks, other.ranks):
        return 1.0
    one, two = _midranks(reference.ranks), _midranks(other.ranks)
    one, two = one - one.mean(), two - two.mean()
    length = float(np.sqrt((one @ one) * (two @ two)))
    return float(one @ two) / length if length else float("nan")


def _midranks(values: IntArray) -> ScoreArray:
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    found: ScoreArray = (np.cumsum(times) - (times - 1) / 2)[place]
    return found


def mean_agreement(pairs: Sequence[tuple[float, float]]) -> dict[str, float | int | None]:
    """Means over tasks of (mean overlap, correlation), as results record them; None where nothing is defined."""
    overlaps, correlations = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    return {
        "tasks": len(pairs),
        f"top_{CUTOFF}_overlap": None if np.isnan(overlaps).all() else float(np.nanmean(overlaps)),
        "judged_rank_correlation": None if np.isnan(correlations).all() else float(np.nanmean(correlations)),
    }
