"""How often a language, and a pair of languages, is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
# Integer weights make every draw exact: no rounding can pick a language a group does not have.
_RESOLUTION = 2**20

LanguageWeights = str | float | Mapping[str, float]


def language_weights(spec: LanguageWeights, languages: Sequence[str], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integer weights of the languages.

    Args:
        spec: ``"uniform"`` (all equal), ``"size"`` (proportional to the number of groups), a temperature
            T > 0 (proportional to size ** (1 / T): 1 is ``"size"``, infinity is ``"uniform"``), or a mapping
            of language to weight (a language not named is not trained on).
        languages: the data set's languages.
        sizes: ``(L,)`` number of groups with each language.

    Returns:
        ``(L,)`` int64, 0 for a language that is not drawn. Under ``"uniform"`` all are exactly 1.
    """
    if isinstance(spec, Mapping):
        check_languages(spec, languages)
        shares = np.array([float(spec.get(language, 0.0)) for language in languages])
        if (shares < 0).any() or not shares.any() or not np.isfinite(shares).all():
            raise ValueError(f"language weights must be finite, not negative and not all 0, got {dict(spec)}")
    elif spec == "uniform":
        return (sizes > 0).astype(np.int64)
    elif spec == "size":
        shares = sizes.astype(np.float64)
    elif isinstance(spec, int | float) and not isinstance(spec, bool) and spec > 0:
        with np.errstate(over="ignore"):
            shares = np.where(sizes > 0, sizes.astype(np.float64) ** (1.0 / spec), 0.0)
        if not np.isfinite(shares.sum()):
            raise ValueError(f"{spec!r} is too low a temperature for language weights: only the largest would be drawn")
    else:
        raise ValueError(
            "languages must be 'uniform', 'size', a temperature above 0 or a mapping of language to weight, "
            f"got {spec!r}"
        )
    shares = np.where(sizes > 0, shares, 0.0)
    if shares.max() == shares[shares > 0].min():
        return (shares > 0).astype(np.int64)
    scaled = np.rint(shares / shares.sum() * _RESOLUTION).astype(np.int64)
    return np.where(shares > 0, np.maximum(scaled, 1), 0)


def check_languages(wanted: Iterable[str], known: Sequence[str]) -> None:
    """Refuse a language that the data does not have."""
    for language in wanted:
        if language not in known:
            raise ValueError(f"unknown language {language!r}; the data has: {', '.join(known)}")


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
