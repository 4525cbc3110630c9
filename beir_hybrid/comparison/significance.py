"""The parametric and rank tests: what p value belongs to the differences of two systems, group by group."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from beir_hybrid.comparison.sample import same
from beir_hybrid.records import ScoreArray

TESTS = ("permutation", "student", "wilcoxon", "tukey")


def paired_p(parts: ScoreArray, present: npt.NDArray[np.bool_], test: str) -> ScoreArray:
    """Two-sided p values of ``student`` or ``wilcoxon``, float64 [columns]; NaN where the test says nothing.

    Systems without any difference have p = 1. ``student`` needs two groups.

    Args:
        parts: what each group contributes to the mean difference, float64 [groups, columns]; see `Sample`.
        present: which groups have a value, [groups, columns].
    """
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
        elif same(own):
            found[column] = 0.0  # every group differs by the same amount: t is infinite
        else:
            found[column] = stats.ttest_1samp(own, 0.0).pvalue
    return found
