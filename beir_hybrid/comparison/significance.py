"""The paired tests: what p value belongs to the differences of two systems, group by group."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from beir_hybrid.comparison.resample import sign_flip_p
from beir_hybrid.records import ScoreArray

TESTS = ("permutation", "student", "wilcoxon", "tukey")


def paired_p(parts: ScoreArray, present: npt.NDArray[np.bool_], test: str, draws: int, seed: int) -> ScoreArray:
    """Two-sided p values, float64 [columns]; NaN where the test says nothing of so few groups.

    Systems without any difference have p = 1 in every test. ``student`` needs two groups.

    Args:
        parts: what each group contributes to the mean difference, float64 [groups, columns]; see `Sample`.
        present: which groups have a value, [groups, columns].
    """
    if test == "permutation":
        return sign_flip_p(parts, draws, seed)
    from scipy import stats

    found = np.ones(parts.shape[1])
    for column in range(parts.shape[1]):
        own = parts[present[:, column], column]
        if not np.any(own):
            continue
        if test == "wilcoxon":
            found[column] = stats.wilcoxon(own).pvalue
        elif len(own) < 2:
            found[column] = np.nan
        elif np.ptp(own) == 0:
            found[column] = 0.0  # every group differs by the same amount: scipy's precision warning aside, p is 0
        else:
            found[column] = stats.ttest_1samp(own, 0.0).pvalue
    return found
