"""PEER as published: are passages of one grade ranked alike in every language? For ``--metrics peer@20``.

The probability of equal expected rank, Yang et al. 2024, arXiv 2405.00978, as the authors' package peer_measure does.
The pooled value that every evaluation has beside it is `beir_hybrid.metrics.bias.peer`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from beir_hybrid.errors import MetricError
from beir_hybrid.records import IntArray, ScoreArray
from beir_hybrid.retrieval.contract import Ranking


def peer(ranking: Ranking, cutoff: int | None = None, weights: Mapping[int, float] | None = None) -> ScoreArray:
    """PEER of every query of a multilingual task, float64 [queries], 0 to 1: 1 is fair. NaN in the other settings.

    For each grade the p value of a Kruskal-Wallis test that the ranks of the query's passages of that grade do not
    depend on their language, weighted and summed. A grade whose passages are in one language, or of which nothing is
    retrieved, counts 1; one that a query has no passage of counts nothing.

    Args:
        cutoff: what is below is not retrieved.
        weights: of each grade above 0, 1 in sum; None: equal for every grade that the task has.

    Raises:
        MetricError: no cutoff, or weights that do not sum to 1 or are of grades below 1.
    """
    if cutoff is None:
        raise MetricError("PEER has a cutoff; ask for it as peer@20")
    task = ranking.task
    judged = task.judged
    grades = np.unique(judged.grade[judged.grade > 0]).tolist()
    weights = dict.fromkeys(grades, 1 / max(1, len(grades))) if weights is None else weights
    if grades and (not np.isclose(sum(weights.values()), 1) or min(weights) < 1):
        raise MetricError(f"PEER's weights are {dict(weights)}; expected those of grades from 1 on, 1 in sum")
    if task.setting != "multi":
        return np.full(len(task.rows), np.nan)
    language = task.block_of(judged.passage)
    ranks = np.where(ranking.ranks <= cutoff, ranking.ranks, 0)
    found = np.zeros(len(task.rows))
    for grade, weight in weights.items():
        for row in np.unique(judged.query[judged.grade == grade]).tolist():
            mine = (judged.query == row) & (judged.grade == grade)
            found[row] += weight * _equal_ranks(ranks[mine], language[mine])
    return found


def _equal_ranks(ranks: IntArray, groups: IntArray) -> float:
    """The p value of the published test: of the ranks in the run themselves, 0 for what was not retrieved.

    Those get the mean of the ranks that would follow as many ranks as there are passages here.
    """
    from scipy.special import chdtrc

    sizes = np.bincount(groups)
    sizes = sizes[sizes > 0]
    missing = int(np.count_nonzero(ranks == 0))
    if len(sizes) < 2:
        return 1.0
    placed = np.where(ranks == 0, (2 * len(ranks) + missing + 1) / 2, ranks)
    whole = np.sum((placed - placed.mean()) ** 2)
    if whole == 0:  # all at one rank, or none retrieved
        return 1.0
    sums = np.bincount(groups, weights=placed - placed.mean())
    between = np.sum(sums[np.bincount(groups) > 0] ** 2 / sizes)
    return float(chdtrc(len(sizes) - 1, (len(ranks) - 1) * between / whole))
