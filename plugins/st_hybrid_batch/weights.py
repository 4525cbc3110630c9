"""How often a language is drawn: uniformly, by size, between the two, or as given."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

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
        shares = sizes.astype(np.float64) ** (1.0 / spec)
        shares[sizes == 0] = 0.0
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
    """Refuse a language that the data does not have, with the likely spelling."""
    for language in wanted:
        if language not in known:
            close = difflib.get_close_matches(language, known, n=1, cutoff=0.4)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"unknown language {language!r}{hint} The data has: {', '.join(known)}")
