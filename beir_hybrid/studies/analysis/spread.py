"""A mean over seeds and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True)
class Spread:
    """The values of one quantity by seed.

    Attributes:
        value: their mean; None where the quantity is not defined for one of the seeds, or there is none.
        deviation: standard deviation (n - 1); None for one seed.
        half: half the 95 % interval of the mean by Student's t; None for one seed.
        by_seed: the values themselves.
    """

    value: float | None
    deviation: float | None = None
    half: float | None = None
    by_seed: Mapping[int, float | None] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        return len(self.by_seed)


def spread_of(by_seed: Mapping[int, float | None]) -> Spread:
    """The mean over seeds; a seed without a value leaves no mean: one over the others would be another number."""
    known = [value for value in by_seed.values() if value is not None]
    if not known or len(known) < len(by_seed):
        return Spread(None, by_seed=by_seed)
    n = len(known)
    mean = math.fsum(known) / n
    if n < 2:
        return Spread(mean, by_seed=by_seed)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (n - 1))
    half = _student(n - 1) * deviation / math.sqrt(n)
    return Spread(mean, deviation, half, by_seed)


@cache
def _student(freedom: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(0.975, freedom))
