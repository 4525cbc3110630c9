"""How much of a ranking is left when its vectors are made smaller."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from beir_hybrid.records import FloatArray, IntArray, ScoreArray
from beir_hybrid.retrieval.contract import Observation, Ranking
from beir_hybrid.retrieval.dense.models import Role
from beir_hybrid.retrieval.dense.vector_scores import exact_scores
from beir_hybrid.settings import Task

CUTOFF = 10
SAMPLE = 40
"""Queries whose rankings are compared, over all tasks."""
CANDIDATES = 100
"""Passages of each that are scored again."""


def _spearman(first: IntArray, second: IntArray) -> float:
    if len(first) < 2:
        return float("nan")
    from scipy.stats import rankdata

    one, two = rankdata(first), rankdata(second)
    if np.array_equal(one, two):
        return 1.0
    constant = not one.std() or not two.std()
    return float("nan") if constant else float(np.corrcoef(one, two)[0, 1])


class Agreement:
    """How far rankings of vectors made smaller, in bits or dimensions, agree with those of whole float32 vectors.

    On a sample of queries. The passages of a whole corpus are neither encoded nor searched again for it: the best
    `CANDIDATES` of a sampled query are ordered by the scores of their whole vectors. A passage that these would have
    had among the first `CUTOFF`, and the smaller ones not even among their first `CANDIDATES`, is missed.

    Args:
        tasks: what will be ranked; `SAMPLE` pairs of task and query are taken from them, evenly spread.
        embed: role and texts, each with its language, to whole float32 vectors, of the length that is scored.
    """

    def __init__(self, tasks: Sequence[Task], embed: Callable[[Role, Sequence[tuple[str, str]]], FloatArray]) -> None:
        ends = np.cumsum([len(task.rows) for task in tasks])
        total = int(ends[-1]) if len(ends) else 0
        n = min(SAMPLE, total)
        picks = np.arange(n, dtype=np.int64) * total // max(1, n)
        self._rows = {
            task.name: picks[(picks >= end - len(task.rows)) & (picks < end)] - (end - len(task.rows))
            for task, end in zip(tasks, ends.tolist(), strict=True)
        }
        self._embed = embed

    def of(self, ranking: Ranking) -> Observation | None:
        """Of the sampled queries of one task, None if there is none; the correlation is that of the candidates' order.

        Args:
            ranking: at least `CANDIDATES` hits a query.
        """
        task = ranking.task
        rows = self._rows[task.name]
        hits = ranking.hits.cut(CANDIDATES).take(rows)
        if not len(hits.passages):
            return None
        places, back = np.unique(hits.passages, return_inverse=True)
        passages = self._embed("passage", [task.passage_at(int(place)) for place in places])
        queries = self._embed("query", [(task.query_language, task.query_texts[row]) for row in rows])
        scores = exact_scores(queries, passages, hits.query, back)
        overlaps, correlations = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        for row in np.flatnonzero(hits.counts).tolist():
            span = slice(hits.indptr[row], hits.indptr[row + 1])
            order = np.lexsort((-hits.passages[span].astype(np.int64), -scores[span]))
            width = min(CUTOFF, len(order))
            overlaps[row] = float(np.count_nonzero(order[:width] < width)) / width
            correlations[row] = _spearman(order, np.arange(len(order)))
        return {
            "queries": int(np.count_nonzero(hits.counts)),
            f"top_{CUTOFF}_overlap": _mean(overlaps),
            f"first_{CANDIDATES}_rank_correlation": _mean(correlations),
        }


def _mean(values: ScoreArray) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))
