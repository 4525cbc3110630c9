"""Corrections of p values for the number of tests in a family."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import ScoreArray

CORRECTIONS = ("max-t", "holm", "bh", "none")
"""``max-t`` is made with the permutations themselves: see `beir_hybrid.comparison.resample.sign_flip_p`."""


def correct(p_values: npt.ArrayLike, correction: str) -> ScoreArray:
    """Corrected p values of one family, float64, in the order given; at most 1.

    - ``holm``: Holm (1979), bounds the probability of one false discovery or more.
    - ``bh``: Benjamini and Hochberg (1995), bounds the expected share of false discoveries.
    """
    p = np.asarray(p_values, dtype=np.float64)
    n = len(p)
    if correction == "none" or not n:
        return p.copy()
    order = np.argsort(p, kind="stable")
    corrected = np.empty(n)
    if correction == "holm":
        corrected[order] = np.maximum.accumulate(p[order] * np.arange(n, 0, -1))
    else:
        steps = p[order] * n / np.arange(1, n + 1)
        corrected[order] = np.minimum.accumulate(steps[::-1])[::-1]
    return np.minimum(corrected, 1.0)
