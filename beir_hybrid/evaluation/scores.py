"""One number of an evaluation, and means of them. For results, their table and comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from beir_hybrid.metrics.measures import cutoff_of
from beir_hybrid.records import Setting


@dataclass(frozen=True)
class Score:
    """A metric of one task, the mean over its queries (None: not defined for this ranking)."""

    setting: Setting
    query_language: str
    corpus_language: str
    metric: str
    value: float | None
    queries: int
    missing_queries: int = 0
    """Queries for which nothing was retrieved; they score 0 and count."""
    depth: int | None = None
    """Down to which rank passages were looked for; None: through the whole corpus."""

    @property
    def is_bound(self) -> bool:
        """The cutoff is deeper than the ranking: what stood below it could only have made the value larger."""
        cutoff = cutoff_of(self.metric)
        return self.depth is not None and cutoff is not None and cutoff > self.depth


def bounds_among(scores: Iterable[Score], mean: str) -> set[tuple[str, str, str]]:
    """Setting, metric and query language of what is only a lower bound; ``mean`` stands for the mean over languages."""
    return {(s.setting, s.metric, lang) for s in scores if s.is_bound for lang in (s.query_language, mean)}


def mean_or_none(values: Iterable[float | None]) -> float | None:
    """The mean; None if a value is None or there is none."""
    known = list(values)
    present = [value for value in known if value is not None]
    return math.fsum(present) / len(present) if present and len(present) == len(known) else None
