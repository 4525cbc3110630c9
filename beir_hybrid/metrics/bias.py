"""Language bias of a pooled ranking: does a passage's language decide its rank?

The multilingual setting alone: queries of one language against the pool of all, every parallel answer relevant.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from beir_hybrid.metrics.registered import is_lower_better
from beir_hybrid.records import IntArray, ScoreArray
from beir_hybrid.retrieval.contract import Ranking

SHARE_CUTOFF = 10
LANGUAGE_SHARE = f"language_share@{SHARE_CUTOFF}:"
OWN_LANGUAGE = (f"same_language_share@{SHARE_CUTOFF}", f"same_language_lift@{SHARE_CUTOFF}")
"""A metric of a task for each passage language, ``language_share@10:de``: see `language_shares`."""

BIAS_METRICS = (
    "rank_distance",
    "rank_distance_bound",
    "rank_distance_floor",
    "rank_distance_excess",
    "rank_distance_reversed",
    "worst_rank",
    *OWN_LANGUAGE,
)
LOWER_IS_BETTER = frozenset(
    {
        "rank_distance",
        "rank_distance_bound",
        "rank_distance_excess",
        "rank_distance_reversed",
        "worst_rank",
        "epsilon_squared",
    }
)
_NEITHER = ("rank_distance_floor", "same_language_share", "same_language_lift", "language_share", "tied_share")


def direction(metric: str) -> int:
    """1: higher is better; -1: lower is; 0: neither (a fact of the data, or a share that can be too small as well)."""
    if metric.startswith(_NEITHER):
        return 0
    return -1 if metric in LOWER_IS_BETTER or is_lower_better(metric.partition("@")[0]) else 1


def language_bias(ranking: Ranking, cutoff: int = SHARE_CUTOFF) -> dict[str, ScoreArray]:
    """Bias of every query of a multilingual task, float64 [queries]; NaN where a value is not defined.

    A distance needs two relevant passages in the pool, a share of the own language a pool that holds it.

    - ``rank_distance``: rank of the worst-ranked relevant passage minus that of the best-ranked one (Huang et al.
      2023, arXiv 2305.09025). Defined where every relevant passage has a rank; else NaN.
    - ``rank_distance_bound``: a lower bound of it: a relevant passage that was not retrieved ranks below all that were.
      Equal to it where it is defined.
    - ``rank_distance_floor``: what no ranking can go below, relevant passages - 1.
    - ``rank_distance_excess``: distance minus floor.
    - ``rank_distance_reversed``: the distance, had passages of equal score stood in the opposite order. Ids begin with
      their language, so that where scores tie the alphabet looks like a language bias: the two then differ.
    - ``worst_rank``: rank of the worst-ranked relevant passage.
    - ``same_language_share@k``: share of passages in the query's language among the first k. Not defined where a
      whole ranking kept fewer than k passages; where a retriever found fewer, it is the share of those.
    - ``same_language_lift@k``: that share over the language's share of the pool; 1 is no preference.
    """
    task = ranking.task
    n = len(task.rows)
    relevant = task.judged.grade > 0
    query, rank = task.judged.query[relevant], ranking.ranks[relevant]
    count = np.bincount(query, minlength=n)
    ranked = np.bincount(query, weights=rank > 0, minlength=n)
    whole = (ranked == count) & (count > 0)
    several = count > 1
    best, worst = _best_and_worst(query, rank, n)
    distance = np.where(whole & several, worst - best, np.nan)
    opposite = np.full(n, np.nan)
    if ranking.reversed_ranks is not None:
        first, last = _best_and_worst(query, ranking.reversed_ranks[relevant], n)
        opposite = np.where(whole & several, last - first, np.nan)
    floor = np.where(several, count - 1, np.nan)
    # those missing come after everything retrieved, one after the other
    below = ranking.hits.counts + (count - ranked)
    bound = np.where(whole, worst - best, np.where(ranked > 0, np.maximum(below - best, floor), floor))
    share, lift = _same_language(ranking, cutoff)
    return {
        "rank_distance": distance,
        "rank_distance_bound": np.where(several, bound, np.nan),
        "rank_distance_floor": floor,
        "rank_distance_excess": distance - floor,
        "rank_distance_reversed": opposite,
        "worst_rank": np.where(whole, worst, np.nan),
        f"same_language_share@{cutoff}": share,
        f"same_language_lift@{cutoff}": lift,
    }


def _best_and_worst(query: IntArray, rank: IntArray, n: int) -> tuple[IntArray, IntArray]:
    """The first and the last rank of each query's passages; far off and 0 where none has a rank."""
    worst = np.zeros(n, dtype=np.int64)
    np.maximum.at(worst, query, rank)
    best = np.full(n, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(best, query[rank > 0], rank[rank > 0])
    return best, worst


def pool_share(share: float | None, lift: float | None) -> float | None:
    """What the pool holds of a language, by the values of `OWN_LANGUAGE`: a share over its lift; None if unknown."""
    return share / lift if share and lift else None


def _same_language(ranking: Ranking, cutoff: int) -> tuple[ScoreArray, ScoreArray]:
    task = ranking.task
    n = len(task.rows)
    begin, end = task.own_language_columns
    first = ranking.hits.cut(cutoff)
    own = (first.passages >= begin) & (first.passages < end)
    retrieved = first.counts
    # with fewer than k passages retrieved the share is that of those there are; with none it is not defined, nor
    # where there are more but the ranking was cut above k
    known = retrieved >= (min(cutoff, task.n_passages) if ranking.complete else 1)
    known &= end > begin
    share = np.full(n, np.nan)
    np.divide(np.bincount(first.query, weights=own, minlength=n), retrieved, out=share, where=known)
    lift = share / ((end - begin) / task.n_passages) if end > begin else np.full(n, np.nan)
    return share, lift


class Peer(NamedTuple):
    """Probability of equal expected rank over the languages of the relevant passages (arXiv 2405.00978).

    ``peer`` is the p value of a Kruskal-Wallis test that the ranks of relevant passages do not depend on their
    language: 1 is perfectly fair, 0 is biased beyond doubt. The ranks of all queries are pooled: with one relevant
    passage a language the value of a single query is the same for every ranking. As any p value it sinks with
    the number of queries; ``epsilon_squared`` is the size of the effect, the share of the ranks' variance that
    the language explains (0 to 1).
    """

    peer: float
    epsilon_squared: float


def peer(ranking: Ranking) -> Peer | None:
    """PEER of a multilingual ranking; None with passages that have no rank, or fewer than two languages."""
    from scipy.special import chdtrc

    task = ranking.task
    relevant = task.judged.grade > 0
    ranks = ranking.ranks[relevant]
    language = task.block_of(task.judged.passage[relevant])
    n_languages = len(np.unique(language))
    if not np.all(ranks > 0) or n_languages < 2 or np.all(ranks == ranks[0]):
        return None
    statistic = _kruskal_wallis(ranks, language)
    return Peer(float(chdtrc(n_languages - 1, statistic)), float(statistic / (len(ranks) - 1)))


def _kruskal_wallis(values: IntArray, groups: IntArray) -> float:
    """The H statistic with its correction for ties, as ``scipy.stats.kruskal`` (whose import alone takes seconds)."""
    n = len(values)
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    midranks = (np.cumsum(times) - (times - 1) / 2)[place]
    sizes = np.bincount(groups)
    sums = np.bincount(groups, weights=midranks)
    between = np.sum(sums[sizes > 0] ** 2 / sizes[sizes > 0])
    h = 12 / (n * (n + 1)) * between - 3 * (n + 1)
    return float(h / (1 - np.sum(times.astype(np.float64) ** 3 - times) / (float(n) ** 3 - n)))


def language_shares(ranking: Ranking, cutoff: int = SHARE_CUTOFF) -> dict[str, float]:
    """Share of each passage language among the first k passages: the mean over the queries that found any.

    The shares of one ranking add up to 1; a retriever that is blind to language gives each its share of the pool.
    Empty where nothing was retrieved, or a whole ranking kept fewer than k passages.
    """
    first = ranking.hits.cut(cutoff)
    answered = first.counts >= (min(cutoff, ranking.task.n_passages) if ranking.complete else 1)
    if not answered.any():
        return {}
    names = [block.language for block in ranking.task.blocks]
    n_queries, n_languages = len(first.counts), len(names)
    language = ranking.task.block_of(first.passages)
    counts = np.bincount(first.query * n_languages + language, minlength=n_queries * n_languages)
    shares = counts.reshape(n_queries, n_languages)[answered] / first.counts[answered, None]
    return {name: float(share) for name, share in zip(names, shares.mean(axis=0), strict=True)}


def reciprocal_ranks_by_language(ranking: Ranking) -> dict[str, float]:
    """Mean reciprocal rank in the pool of the best relevant passage of each language: a row of the language matrix.

    Queries without a relevant passage in a language do not count for it; a passage without a rank counts 0.
    """
    task = ranking.task
    found: dict[str, float] = {}
    begin = 0
    for block in task.blocks:
        end = begin + len(block)
        inside = (task.judged.grade > 0) & (task.judged.passage >= begin) & (task.judged.passage < end)
        if inside.any():
            found[block.language] = _mean_best(task.judged.query[inside], ranking.ranks[inside], len(task.rows))
        begin = end
    return found


def _mean_best(query: IntArray, ranks: IntArray, n_queries: int) -> float:
    inverse = np.divide(1.0, ranks, out=np.zeros(len(ranks)), where=ranks > 0)
    best = np.zeros(n_queries)
    np.maximum.at(best, query, inverse)
    asked = np.bincount(query, minlength=n_queries) > 0
    return float(best[asked].mean())
