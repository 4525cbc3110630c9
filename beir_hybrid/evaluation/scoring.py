"""From rankings to scores: what is measured of each task, and over all tasks of the pool. For `evaluate`.

A metric of judged ranks goes into `metrics.measures`, one of the pool's bias into `metrics.bias`, one over the rankings
of several query languages beside `consistency`; other packages register theirs (`metrics.registered`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from beir_hybrid.evaluation.scores import Score
from beir_hybrid.metrics.bias import LANGUAGE_SHARE, language_bias, language_shares, peer, reciprocal_ranks_by_language
from beir_hybrid.metrics.consistency import consistency
from beir_hybrid.metrics.measures import Metric, measure
from beir_hybrid.metrics.registered import RegisteredMetric
from beir_hybrid.records import Hits, IntArray, ScoreArray
from beir_hybrid.retrieval.contract import Observation, Ranking
from beir_hybrid.settings import Task

# means over the queries that have a value; every other metric is undefined as soon as one query's is
_OVER_DEFINED = ("same_language_", "consistency_")


@dataclass(frozen=True, eq=False)
class TaskScores:
    """What was measured on one task.

    Args:
        per_query: metrics by query, float64 [queries].
        retrieved: passages retrieved by query.
        overall: metrics over all queries.
        matrix_row: see `reciprocal_ranks_by_language`.
        depth: see `Score.depth`.
        observed: see `Ranking.observed`.
        seconds: that it took since the task before.
    """

    per_query: Mapping[str, ScoreArray]
    retrieved: IntArray
    overall: Mapping[str, float | None]
    matrix_row: Mapping[str, float]
    depth: int | None = None
    observed: Mapping[str, Observation] = field(default_factory=dict)
    seconds: float = 0.0


def score_task(ranking: Ranking, metrics: Sequence[Metric | RegisteredMetric]) -> TaskScores:
    """Every metric of every query of one task, and what is measured over all of them."""
    task = ranking.task
    judged, ranks = task.with_unreachable(ranking.ranks)
    per_query = {
        str(metric): metric.measure(ranking)
        if isinstance(metric, RegisteredMetric)
        else measure(metric, judged, ranks, len(task.rows))
        for metric in metrics
    }
    counts = ranking.hits.counts
    retrieved = np.where(counts > 0, task.n_passages, 0) if ranking.complete else counts
    overall: dict[str, float | None] = {"tied_share": _tied_share(ranking)}
    matrix_row: dict[str, float] = {}
    if task.setting == "multi":
        per_query.update(language_bias(ranking))
        overall |= dict(zip(("peer", "epsilon_squared"), peer(ranking) or (None, None), strict=True))
        overall |= {f"{LANGUAGE_SHARE}{language}": share for language, share in language_shares(ranking).items()}
        matrix_row = reciprocal_ranks_by_language(ranking)
    depth = None if ranking.depth >= task.n_passages else ranking.depth
    return TaskScores(per_query, retrieved, overall, matrix_row, depth, ranking.observed)


def _tied_share(ranking: Ranking) -> float | None:
    """Share of the judged passages with a rank that would have another, were ties broken the opposite way."""
    ranked = ranking.ranks > 0
    if ranking.reversed_ranks is None or not ranked.any():
        return None
    return float(np.mean(ranking.ranks[ranked] != ranking.reversed_ranks[ranked]))


def with_consistency(measured: Sequence[tuple[Task, TaskScores, Hits]]) -> dict[str, TaskScores]:
    """The scores of the multilingual tasks by name, with how alike the pool is ranked in each query language."""
    hits = {task.query_language: hits for task, _, hits in measured}
    groups = {task.query_language: [task.queries.groups[row] for row in task.rows] for task, _, _ in measured}
    found = consistency(hits, groups, measured[0][0].n_passages) if len(measured) > 1 else {}
    return {
        task.name: replace(part, per_query={**part.per_query, **found.get(task.query_language, {})})
        for task, part, _ in measured
    }


def scores_of(task: Task, part: TaskScores) -> Iterator[Score]:
    """The means over a task's queries, and what was measured over all of them."""
    n = len(task.rows)
    missing = int(np.count_nonzero(part.retrieved == 0))

    def score(metric: str, value: float | None) -> Score:
        return Score(*task.key, metric=metric, value=value, queries=n, missing_queries=missing, depth=part.depth)

    for metric, values in part.per_query.items():
        defined = values[~np.isnan(values)]
        # a distance means nothing for a query with a single relevant passage, whatever a retriever does
        alone = int(np.count_nonzero(np.isnan(part.per_query["rank_distance_floor"]))) if "distance" in metric else 0
        whole = len(defined) == n - alone or metric.startswith(_OVER_DEFINED)
        yield score(metric, float(defined.mean()) if whole and len(defined) else None)
    for metric, single in part.overall.items():
        yield score(metric, single)
