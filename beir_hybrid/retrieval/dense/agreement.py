"""How much of a ranking is left when its vectors are made smaller."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from beir_hybrid.records import FloatArray, IntArray, ScoreArray
from beir_hybrid.retrieval.contract import Observation, Ranking
from beir_hybrid.retrieval.dense.vector_scores import exact_scores
from beir_hybrid.settings import Task

CUTOFF = 10
SAMPLE = 40
"""Queries whose rankings are compared with float32, over all tasks."""
CANDIDATES = 100
"""Passages of each that are scored again as float32."""


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
    return _spearman(reference.ranks, other.ranks)


def _spearman(first: IntArray, second: IntArray) -> float:
    if len(first) < 2:
        return float("nan")
    from scipy.stats import rankdata

    one, two = rankdata(first), rankdata(second)
    if np.array_equal(one, two):
        return 1.0
    constant = not one.std() or not two.std()
    return float("nan") if constant else float(np.corrcoef(one, two)[0, 1])


def agreement(reference: Ranking, other: Ranking) -> Observation:
    """How far two rankings of a task agree, over the queries that have hits; None where nothing is defined."""
    overlap = top_k_overlap(reference, other)
    return {
        "queries": int(np.count_nonzero(~np.isnan(overlap))),
        f"top_{CUTOFF}_overlap": _mean(overlap),
        "judged_rank_correlation": _mean(np.array([judged_correlation(reference, other)])),
    }


def _mean(values: ScoreArray) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))


class PrecisionLoss:
    """How far rankings of vectors kept in fewer bits agree with those of float32, on a sample of queries.

    The passages of a whole corpus are not encoded again for it: the best `CANDIDATES` of a sampled query are, and
    ordered by their float32 scores. A passage that float32 would have had among its first `CUTOFF` and the fewer bits
    not even among their first `CANDIDATES` is missed.

    Args:
        tasks: what will be ranked; `SAMPLE` pairs of task and query are taken from them, evenly spread.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        ends = np.cumsum([len(task.rows) for task in tasks])
        total = int(ends[-1]) if len(ends) else 0
        n = min(SAMPLE, total)
        picks = np.arange(n, dtype=np.int64) * total // max(1, n)
        self._rows = {
            task.name: picks[(picks >= end - len(task.rows)) & (picks < end)] - (end - len(task.rows))
            for task, end in zip(tasks, ends.tolist(), strict=True)
        }

    def of(
        self, ranking: Ranking, queries: FloatArray, embed: Callable[[Sequence[tuple[str, str]]], FloatArray]
    ) -> Observation | None:
        """Of the sampled queries of one task, None if there is none; the correlation is that of the candidates' order.

        Args:
            ranking: at least `CANDIDATES` hits a query.
            queries: vectors of all queries of the task's language, as they are scored.
            embed: languages and texts of passages to float32 vectors, as they are scored.
        """
        task = ranking.task
        rows = self._rows[task.name]
        hits = ranking.hits.cut(CANDIDATES).take(rows)
        if not len(hits.passages):
            return None
        places, back = np.unique(hits.passages, return_inverse=True)
        vectors = embed([task.passage_at(int(place)) for place in places])
        scores = exact_scores(queries, vectors, task.rows[rows][hits.query], back)
        overlaps, correlations = np.zeros(len(rows)), np.zeros(len(rows))
        for row in range(len(rows)):
            span = slice(hits.indptr[row], hits.indptr[row + 1])
            order = np.lexsort((-hits.passages[span].astype(np.int64), -scores[span]))
            width = min(CUTOFF, len(order))
            overlaps[row] = float(np.count_nonzero(order[:width] < width)) / width
            correlations[row] = _spearman(order, np.arange(len(order)))
        return {
            "queries": len(rows),
            f"top_{CUTOFF}_overlap": _mean(overlaps),
            f"first_{CANDIDATES}_rank_correlation": _mean(correlations),
        }
