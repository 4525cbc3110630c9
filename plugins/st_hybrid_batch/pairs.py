"""Pairs of languages for the rows of cross-lingual batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]


class LanguagePairs:
    """Draws an ordered pair of different languages for every row.

    P(a, b) is proportional to weight(a) * weight(b) over the languages of the row's group, so the query's and the
    passage's language follow the same distribution. Weights are integers: no rounding can draw a language that a group
    does not have.

    Args:
        has: ``(S, L)`` whether a set of languages has a language that is drawn.
        weights: ``(L,)`` int64.
    """

    def __init__(self, has: NDArray[np.bool_], weights: I64) -> None:
        own = np.where(has, weights, 0)  # (S, L)
        self._weights = weights
        self._second = np.ascontiguousarray(np.cumsum(own, axis=1).T)  # (L, S)
        first = own * (own.sum(axis=1, keepdims=True) - own)
        self._first = np.ascontiguousarray(np.cumsum(first, axis=1).T)  # (L, S)

    def draw(self, sets: I64, rng: np.random.Generator) -> tuple[I64, I64]:
        """Query and passage languages of rows whose groups have these sets of languages, elementwise."""
        uniform = rng.random((2, *sets.shape))
        query = _count_below(self._first, sets, (uniform[0] * self._first[-1][sets]).astype(np.int64))
        # the second language: the same number line with the first one's stretch cut out
        stretch = self._weights[query]
        target = (uniform[1] * (self._second[-1][sets] - stretch)).astype(np.int64)
        target += np.where(target >= self._second[query, sets] - stretch, stretch, 0)
        return query, _count_below(self._second, sets, target)


def _count_below(line: I64, sets: I64, target: I64) -> I64:
    """The language whose stretch of the set's number line holds the target."""
    count = np.zeros(sets.shape, dtype=np.int64)
    for ends in line[:-1]:  # a pass per language beats one gather of (rows, languages)
        count += ends[sets] <= target
    return count
