"""Ranking metrics from the ranks of the judged passages, as trec_eval defines them.

Every metric here depends on the ranks of the relevant passages alone. Queries the ranking says nothing about
score 0 and count.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from beir_hybrid.errors import MetricError, did_you_mean
from beir_hybrid.records import IntArray, Judged, ScoreArray

DEFAULT_METRICS = ("map", "ndcg@10", "recall@1", "recall@10", "recall@100", "mrr@10")

KINDS = ("map", "ndcg", "recall", "precision", "mrr", "hit_rate")
"""What a metric's name begins with."""
_ALIASES = {
    "ap": "map", "rr": "mrr", "recip_rank": "mrr", "r": "recall", "p": "precision", "success": "hit_rate",
    "hits": "hit_rate", "hit": "hit_rate", "accuracy": "hit_rate", "map_cut": "map", "ndcg_cut": "ndcg",
}  # fmt: skip
_FORM = re.compile(r"([a-z_]+?)(?:[@_.](\d+))?")


@dataclass(frozen=True)
class Metric:
    """A metric and its cutoff (None: the whole ranking).

    - ``map``: mean over the relevant passages of (relevant at or above its rank) / rank; those not retrieved, or
      ranked below the cutoff, contribute 0; divided by all relevant ones (trec_eval's ``map`` and ``map_cut``).
    - ``ndcg``: gain = grade, discount log2(rank + 1), over the ideal ranking of the judged passages.
    - ``recall``, ``precision``, ``mrr`` (reciprocal rank of the first relevant passage), ``hit_rate`` (1 if there
      is a relevant one).
    """

    kind: str
    cutoff: int | None = None

    def __str__(self) -> str:
        return self.kind if self.cutoff is None else f"{self.kind}@{self.cutoff}"


def parse_metric(name: str) -> Metric:
    """``map``, ``map@100``, ``ndcg@10``, ``recall@100``, ``mrr@10``, ``hit_rate@1``; ir_measures' names as well.

    Raises:
        MetricError: an unknown name, or a cutoff that is missing or not positive.
    """
    form = _FORM.fullmatch(name.strip().lower().replace("-", "_"))
    kind = _ALIASES.get(form[1], form[1]) if form else ""
    if form is None or kind not in KINDS:
        raise MetricError(
            f"unknown metric {name!r}; {did_you_mean(name.partition('@')[0], KINDS)}, with a cutoff like @10"
        )
    cutoff = int(form[2]) if form[2] else None
    if cutoff == 0:
        raise MetricError(f"metric {name!r} has cutoff 0; cutoffs begin at 1")
    if cutoff is None and kind in ("recall", "precision", "hit_rate"):
        raise MetricError(f"metric {name!r} needs a cutoff, like {kind}@10")
    return Metric(kind, cutoff)


def cutoff_of(name: str) -> int | None:
    """The cutoff in the name of a metric of this module; None without one, and of any other metric."""
    kind, _, cutoff = name.partition("@")
    return int(cutoff) if kind in KINDS and cutoff.isdigit() else None


def metric_names(names: str | Iterable[str] | None) -> list[str]:
    """A comma-separated list or an iterable of names as a list; None: `DEFAULT_METRICS`.

    Raises:
        MetricError: there is none.
    """
    if names is None:
        return list(DEFAULT_METRICS)
    given = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    if not given:
        raise MetricError(f"no metric was given; the default is {', '.join(DEFAULT_METRICS)}")
    return given


def metrics_among(names: str | Iterable[str], known: Collection[str], refusal: str) -> tuple[str, ...]:
    """Those of ``known`` that names mean, ours or ir_measures', each once.

    Raises:
        MetricError: one means none of them: ``refusal``, the name and the nearest.
    """
    found = []
    for name in metric_names(names):
        ours = name
        if name not in known:
            with contextlib.suppress(MetricError):
                ours = str(parse_metric(name))
        if ours not in known:
            raise MetricError(f"{refusal} {name!r}; {did_you_mean(name, known)}")
        found.append(ours)
    return tuple(dict.fromkeys(found))


def measure(metric: Metric, judged: Judged, ranks: IntArray, n_queries: int) -> ScoreArray:
    """The metric of every query, float64 [n_queries].

    Args:
        judged: the judged pairs; only those of grade above 0 are relevant.
        ranks: the 1-based rank of each pair, 0 where it was not retrieved.
    """
    relevant = judged.grade > 0
    query, grade, rank = judged.query[relevant], judged.grade[relevant], ranks[relevant]
    n_relevant = np.bincount(query, minlength=n_queries)
    found = rank > 0 if metric.cutoff is None else (rank > 0) & (rank <= metric.cutoff)
    order = np.lexsort((rank[found], query[found]))
    hit_query, hit_rank, hit_grade = query[found][order], rank[found][order], grade[found][order]
    starts = np.searchsorted(hit_query, np.arange(n_queries))

    def total(values: ScoreArray) -> ScoreArray:
        sums: ScoreArray = np.bincount(hit_query, weights=values, minlength=n_queries).astype(np.float64)
        return sums

    def share(values: ScoreArray, of: ScoreArray | IntArray) -> ScoreArray:
        return np.divide(values, of, out=np.zeros(n_queries), where=np.asarray(of) > 0)

    match metric.kind:
        case "map":
            nth = np.arange(1, len(hit_query) + 1) - starts[hit_query]
            return share(total(nth / hit_rank), n_relevant)
        case "ndcg":
            return share(total(hit_grade / np.log2(hit_rank + 1)), _ideal(query, grade, n_queries, metric.cutoff))
        case "recall":
            return share(total(np.ones(len(hit_query))), n_relevant)
        case "precision":
            return total(np.ones(len(hit_query))) / float(metric.cutoff or 1)
        case _:  # mrr, hit_rate: the first relevant passage decides
            first = np.zeros(n_queries)
            has = np.bincount(hit_query, minlength=n_queries) > 0
            first[has] = hit_rank[starts[has]]
            inverse = np.divide(1.0, first, out=np.zeros(n_queries), where=first > 0)
            return inverse if metric.kind == "mrr" else (first > 0).astype(np.float64)


def _ideal(query: IntArray, grade: IntArray, n_queries: int, cutoff: int | None) -> ScoreArray:
    """The discounted gain of the judged passages in their best order."""
    order = np.lexsort((-grade, query))
    query, grade = query[order], grade[order]
    place = np.arange(1, len(query) + 1) - np.searchsorted(query, np.arange(n_queries))[query]
    gains = grade / np.log2(place + 1)
    if cutoff is not None:
        gains[place > cutoff] = 0
    best: ScoreArray = np.bincount(query, weights=gains, minlength=n_queries).astype(np.float64)
    return best
