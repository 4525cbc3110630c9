"""The paired tests against scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from beir_hybrid.comparison.significance import paired_p

ONE, TWO = np.random.default_rng(0).random((2, 30, 4))


def p_of(parts: np.ndarray, test: str) -> list[float]:
    return paired_p(parts, np.ones(parts.shape, dtype=bool), test).tolist()


def test_student_is_that_of_scipy() -> None:
    """The paired t test of the scores themselves."""
    assert p_of((ONE - TWO) / 30, "student") == pytest.approx(stats.ttest_rel(ONE, TWO).pvalue.tolist())


def test_wilcoxon_is_that_of_scipy() -> None:
    """The signed-rank test of the scores themselves."""
    assert p_of((ONE - TWO) / 30, "wilcoxon") == pytest.approx(stats.wilcoxon(ONE, TWO).pvalue.tolist())


@pytest.mark.parametrize("test", ["student", "wilcoxon"])
def test_identical_systems_are_p_one(test: str) -> None:
    """Never NaN, which is no JSON."""
    assert p_of(np.zeros((20, 1)), test) == [1.0]


def test_a_single_group() -> None:
    """Student's test says nothing of one value."""
    assert np.isnan(p_of(np.array([[0.5]]), "student")).all()


def test_groups_without_a_value_do_not_count() -> None:
    """Where a metric is not defined for a group, the group is no observation."""
    parts = np.array([[0.5], [0.4], [0.7], [0.0]])
    present = np.array([[True], [True], [True], [False]])
    expected = stats.ttest_1samp([0.5, 0.4, 0.7], 0).pvalue
    assert paired_p(parts, present, "student").tolist() == pytest.approx([expected])


def test_student_of_a_constant_difference() -> None:
    """Up to rounding: no spread, and no warning of lost precision."""
    assert p_of(np.array([[0.1], [0.3 - 0.2], [0.1]]), "student") == [0.0]


def test_student_of_two_groups() -> None:
    """The fewest that say anything."""
    assert p_of(np.array([[0.1], [0.15]]), "student") == pytest.approx([stats.ttest_1samp([0.1, 0.15], 0).pvalue])


@pytest.mark.parametrize("values", [[1.0] * 5, [1, 1, 2, 2, -1, 3], [0, 1, 1, -2, 4, 4, 5, 0.5], [2.0, -2.0]])
def test_tied_differences_of_few_groups_are_exact(values: list[float]) -> None:
    """Every way the signs could have fallen is counted: five equal differences are no p of .025, but of 2 / 32."""
    moved = np.array([value for value in values if value])
    ranks = stats.rankdata(abs(moved))
    sums = [ranks @ signs for signs in itertools.product((0, 1), repeat=len(moved))]
    seen = ranks @ (moved > 0)
    p = min(1.0, 2 * min(np.mean([each <= seen for each in sums]), np.mean([each >= seen for each in sums])))
    assert p_of(np.array(values)[:, None], "wilcoxon") == pytest.approx([p])
