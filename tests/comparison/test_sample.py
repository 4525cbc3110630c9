"""Means as sums over question groups."""

from __future__ import annotations

import numpy as np
import pytest

from beir_hybrid.comparison.sample import mean_sample, task_sample


def test_parts_add_up_to_the_mean() -> None:
    """Two systems, three groups; a group asked twice contributes both queries."""
    sample = task_sample(np.array([[1.0, 0.5, 0.0, 0.5], [1, 1, 1, 1]]), np.array([2, 0, 1, 0]))
    assert sample.units.tolist() == [0, 1, 2]
    assert sample.mean.tolist() == [0.5, 1.0]
    assert sample.parts[:, 0].tolist() == [0.25, 0, 0.25]
    assert sample.spread.sum(axis=0).tolist() == [0, 0]
    assert sample.queries.tolist() == [4, 4]


def test_a_task_counts_once_in_the_mean_however_many_queries() -> None:
    """Macro mean of a task with three queries (mean 1/3) and one with one (mean 1)."""
    one = task_sample(np.array([[1.0, 0, 0]]), np.array([0, 1, 2]))
    other = task_sample(np.array([[1.0]]), np.array([5]))
    both = mean_sample([one, other])
    assert both.units.tolist() == [0, 1, 2, 5]
    assert both.mean[0] == pytest.approx(2 / 3)
    assert both.parts.sum() == pytest.approx(2 / 3)
    assert both.queries.tolist() == [4]


def test_undefined_values_are_left_out() -> None:
    """The mean is over the values there are; none is NaN."""
    sample = task_sample(np.array([[1.0, np.nan], [np.nan, np.nan]]), np.array([0, 1]))
    assert sample.mean[0] == 1.0
    assert np.isnan(sample.mean[1])
    assert sample.present[:, 0].tolist() == [True, False]
    known = task_sample(np.array([[1.0, np.nan, 0.0]]), np.array([0, 1, 2]))
    assert known.spread[:, 0].tolist() == [0.25, 0.0, -0.25], "resampling a group without a value adds nothing"


def test_effect_is_the_mean_in_standard_deviations() -> None:
    """Values 1, 2, 3: mean 2, standard deviation 1; no spread, no effect size."""
    assert task_sample(np.array([[1.0, 2, 3]]), np.arange(3)).effect.tolist() == pytest.approx([2.0])
    assert np.isnan(task_sample(np.array([[1.0, 1, 1]]), np.arange(3)).effect).all()
    assert np.isfinite(task_sample(np.array([[1.0, 1, 1, 1 + 3e-12]]), np.arange(4)).effect).all(), "no rounding"


def test_a_difference_above_the_threshold_is_kept_in_a_mean() -> None:
    """Of 4e-12 in each of four queries every group contributes a quarter, which is a difference all the same."""
    one = task_sample(np.array([[0.0] * 4, [4e-12] * 4]), np.arange(4))
    assert mean_sample([one, one]).parts[:, 1].tolist() == pytest.approx([1e-12] * 4, abs=0)
    nothing = task_sample(np.array([[0.0] * 4, [4e-13] * 4]), np.arange(4))
    assert not mean_sample([nothing, nothing]).parts.any()
