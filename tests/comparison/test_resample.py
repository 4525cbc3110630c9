"""Sign flips, resamples and permutations against brute force and known distributions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from beir_hybrid.comparison import resample
from beir_hybrid.comparison.resample import bootstrap_quantiles, range_p, sign_flip_p


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_few_groups_are_enumerated() -> None:
    """Three equal differences: of the 8 sign patterns 2 are as extreme as what was seen."""
    assert sign_flip_p(column(1, 1, 1), 100, 0).tolist() == [0.25]
    assert sign_flip_p(column(1, 1, 1, 0, 0), 100, 0).tolist() == [0.25]


def test_enumeration_is_brute_force() -> None:
    """Every pattern of ten differences, counted one by one."""
    parts = np.random.default_rng(1).normal(0.3, 1, 10)
    sums = [
        abs(sum(s * p for s, p in zip(signs, parts, strict=True))) for signs in itertools.product((1, -1), repeat=10)
    ]
    expected = sum(value >= abs(parts.sum()) - 1e-12 for value in sums) / 1024
    assert sign_flip_p(parts[:, None], 10, 0)[0] == expected


def test_draws_approach_the_enumeration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn p value of twelve differences is that of all 4,096 patterns, up to chance."""
    parts = np.random.default_rng(2).normal(0.4, 1, (12, 3))
    exact = sign_flip_p(parts, 20_000, 0)
    monkeypatch.setattr(resample, "EXACT_UNITS", 0)
    drawn = sign_flip_p(parts, 20_000, 0)
    assert drawn == pytest.approx(exact, abs=0.012)
    assert (drawn != exact).any()


def test_a_drawn_p_value_is_never_zero() -> None:
    """The observed pattern is one of those counted: the least p value is 1 / (1 + draws)."""
    assert sign_flip_p(np.ones((40, 1)), 99, 0)[0] == 0.01


def test_no_difference_and_a_single_group_are_p_one() -> None:
    """Identical systems cannot be told apart, nor can one group tell anything."""
    assert sign_flip_p(np.zeros((50, 2)), 100, 0).tolist() == [1.0, 1.0]
    assert sign_flip_p(column(3), 100, 0).tolist() == [1.0]


def test_ties_of_sums_count_whatever_their_rounding() -> None:
    """Thirds do not add up exactly; patterns with the same sum are as extreme all the same."""
    ones = sign_flip_p(column(1, 1, 1, -1, 1, 1), 100, 0)
    thirds = sign_flip_p(column(1, 1, 1, -1, 1, 1) / 3, 100, 0)
    assert ones.tolist() == thirds.tolist()


def test_a_column_does_not_depend_on_its_neighbours() -> None:
    """What else is compared changes no number of a column."""
    parts = np.random.default_rng(3).normal(0.1, 1, (30, 5))
    together = sign_flip_p(parts, 1000, 7)
    assert [sign_flip_p(parts[:, [at]], 1000, 7)[0] for at in range(5)] == together.tolist()


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker or four: the same bytes; another seed: others."""
    parts = np.random.default_rng(4).normal(0.1, 1, (40, 6))
    monkeypatch.setattr(resample, "processors", lambda: 1)
    one = [sign_flip_p(parts, 2000, 3), *bootstrap_quantiles(parts, (0.025, 0.975), 2000, 3)]
    monkeypatch.setattr(resample, "processors", lambda: 4)
    four = [sign_flip_p(parts, 2000, 3), *bootstrap_quantiles(parts, (0.025, 0.975), 2000, 3)]
    assert [each.tobytes() for each in one] == [each.tobytes() for each in four]
    assert sign_flip_p(parts, 2000, 4).tobytes() != one[0].tobytes()


def test_bootstrap_intervals_are_those_of_the_normal_distribution() -> None:
    """The mean of 400 values: 1.96 standard errors to each side."""
    values = np.random.default_rng(5).normal(0, 1, 400)
    spread = ((values - values.mean()) / 400)[:, None]
    low, high = bootstrap_quantiles(spread, (0.025, 0.975), 10_000, 0)
    error = values.std() / 20
    assert [low[0], high[0]] == pytest.approx([-1.96 * error, 1.96 * error], rel=0.03)


def test_tukey_of_two_systems_is_the_paired_permutation_test() -> None:
    """With two systems the range is the absolute difference, and permuting a group flips its sign."""
    scores = np.random.default_rng(6).normal(0, 1, (25, 2, 1))
    scores[:, 1] += 0.4
    p = range_p(scores / 25, 20_000, 0)[0]
    assert (
        p[0, 1] == p[1, 0] == pytest.approx(sign_flip_p(scores[:, 0] / 25 - scores[:, 1] / 25, 20_000, 0)[0], abs=0.01)
    )
    assert p[0, 0] == p[1, 1] == 1.0


def test_tukey_is_brute_force_on_three_systems() -> None:
    """Two groups of three systems: all 36 pairs of orders, the widest range of each."""
    scores = np.array([[3.0, 1, 0], [2, 2, 0]])
    ranges = [
        np.ptp(scores[0, list(one)] + scores[1, list(other)])
        for one in itertools.permutations(range(3))
        for other in itertools.permutations(range(3))
    ]
    expected = np.mean(np.array(ranges) >= 5)
    assert range_p(scores[:, :, None], 40_000, 1)[0][0, 2] == pytest.approx(expected, abs=0.01)
