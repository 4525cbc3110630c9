"""Sign flips, resamples and permutations against brute force and known distributions."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from beir_hybrid.comparison import resample
from beir_hybrid.comparison.resample import _over_blocks, bootstrap_quantiles, range_p


def sign_flip_p(parts: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """p of columns over the same groups, each a family of its own."""
    p, corrected = flip_p(parts, draws, seed, [[at] for at in range(parts.shape[1])])
    assert p.tolist() == corrected.tolist(), "of one test there is nothing to correct"
    return p


def flip_p(parts: np.ndarray, draws: int, seed: int, families: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return resample.sign_flip_p([(np.arange(len(parts)), parts)], families, draws, seed)


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_few_groups_are_enumerated() -> None:
    """Three equal differences: of the 8 sign patterns 2 are as extreme as what was seen."""
    assert sign_flip_p(column(1, 1, 1), 100, 0).tolist() == [0.25]
    assert sign_flip_p(column(1, 1, 1, 0, 0), 100, 0).tolist() == [0.25]


def test_a_column_with_few_differences_is_enumerated_beside_others() -> None:
    """Three differences of twenty groups: 2 of 8 patterns, whatever the drawn columns beside it are."""
    few = np.where(np.arange(20) < 3, 1.0, 0.0)
    many = np.random.default_rng(12).normal(0.3, 1, 20)
    assert sign_flip_p(np.column_stack([many, few]), 500, 0)[1] == 0.25


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


def step_down(parts: np.ndarray, signs: np.ndarray) -> list[float]:
    """Westfall and Young's algorithm 2.8, written out: a loop over the tests from the largest to the least."""
    scale = np.sqrt((parts**2).sum(axis=0))
    drawn = np.abs(signs @ parts) / scale
    observed = np.abs(parts.sum(axis=0)) / scale
    left = list(range(parts.shape[1]))
    found, largest = [0.0] * len(left), 0.0
    while left:
        first = max(left, key=lambda at: observed[at])
        largest = max(largest, float(np.mean(drawn[:, left].max(axis=1) >= observed[first] - 1e-12)))
        found[first] = largest
        left.remove(first)
    return found


def test_max_t_is_brute_force() -> None:
    """Ten groups, four tests: all 1,024 patterns, and the algorithm as it is printed."""
    parts = np.random.default_rng(8).normal([0.1, 0.4, 0.9, 0.0], 1, (10, 4))
    signs = np.array(list(itertools.product((1, -1), repeat=10)))
    _, corrected = flip_p(parts, 10, 0, [[0, 1, 2, 3]])
    assert corrected.tolist() == step_down(parts, signs)
    units = parts * [1e-3, 1, 1e3, 1e-6]
    assert flip_p(units, 10, 0, [[0, 1, 2, 3]])[1].tolist() == corrected.tolist(), "whatever they are counted in"
    one, two = flip_p(parts, 10, 0, [[0, 2], [3, 1]])[1][[0, 2]], flip_p(parts, 10, 0, [[3, 1]])[1][[1, 3]]
    assert one.tolist() == step_down(parts[:, [0, 2]], signs)
    assert two.tolist() == step_down(parts[:, [1, 3]], signs)


def test_max_t_when_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The drawn correction is that of all patterns, up to chance, and never below the p value itself."""
    parts = np.random.default_rng(9).normal([0.2, 0.5, 0.7], 1, (12, 3))
    _, exact = flip_p(parts, 10, 0, [[0, 1, 2]])
    monkeypatch.setattr(resample, "EXACT_UNITS", 0)
    p, drawn = flip_p(parts, 20_000, 0, [[0, 1, 2]])
    assert drawn == pytest.approx(exact, abs=0.012)
    assert (drawn >= p).all()
    assert (drawn != exact).any()


def test_alike_tests_need_no_correction_and_independent_ones_as_much_as_sidak() -> None:
    """Ten copies of a test are one test; ten independent ones that hold nothing are 1 - (1 - p)^10."""
    parts = np.random.default_rng(10).normal(0.35, 1, (60, 1))
    copies = np.repeat(parts, 10, axis=1) * np.arange(1, 11)
    p, corrected = flip_p(copies, 5000, 0, [list(range(10))])
    assert corrected == pytest.approx(p)
    apart = np.zeros((600, 10))
    for at in range(10):
        apart[60 * at : 60 * at + 60, at] = parts[:, 0]
    p, corrected = flip_p(apart, 5000, 0, [list(range(10))])
    assert corrected[0] == pytest.approx(1 - (1 - p.mean()) ** 10, abs=0.03)


def test_columns_may_be_over_other_groups() -> None:
    """A piece names its groups: the same coin turns a group in every piece."""
    parts = np.random.default_rng(11).normal(0.4, 1, (40, 2))
    whole = flip_p(np.where(np.arange(40)[:, None] < [40, 25], parts, 0.0), 3000, 1, [[0, 1]])
    pieces = [(np.arange(40), parts[:, :1]), (np.arange(25), parts[:25, 1:])]
    apart = resample.sign_flip_p(pieces, [[0, 1]], 3000, 1)
    assert [each.tolist() for each in apart] == [each.tolist() for each in whole]


def test_the_bootstrap_is_brute_force() -> None:
    """All 27 resamples of three groups: the percentiles of their sums, up to chance."""
    spread = np.array([[-0.3], [0.1], [0.2]])
    sums = [spread[list(chosen), 0].sum() for chosen in itertools.product(range(3), repeat=3)]
    low, high = bootstrap_quantiles(spread, (0.1, 0.8), 40_000, 0)
    assert [low[0], high[0]] == pytest.approx(np.quantile(sums, [0.1, 0.8], method="inverted_cdf").tolist())


def test_permutation_is_that_of_scipy() -> None:
    """scipy's permutation test of paired samples, up to chance."""
    one, two = np.random.default_rng(0).random((2, 30))
    expected = stats.permutation_test(
        (one, two), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=20_000, random_state=1
    ).pvalue
    assert sign_flip_p((one - two)[:, None] / 30, 5000, 0)[0] == pytest.approx(expected, abs=0.02)


def test_tukey_of_several_metrics_is_that_of_each() -> None:
    """A column's p values are its own, in the order the columns came."""
    parts = np.random.default_rng(5).random((8, 3, 3)) * np.array([0.1, 1.0, 3.0])
    together = range_p(parts, 300, 0)
    assert [range_p(parts[:, :, [at]], 300, 0)[0].tolist() for at in range(3)] == together.tolist()
    assert len({tuple(column.ravel()) for column in together}) == 3


def test_very_many_groups_are_drawn_a_few_at_a_time() -> None:
    """A million groups take no more memory than fifty thousand; up to forty thousand nothing changes."""
    sizes: list[int] = []

    def draw(rng: np.random.Generator, n: int, units: int) -> Any:
        sizes.append(n)
        return np.zeros((1, 1))

    for units, blocks in ((1_000_000, [20, 20, 10]), (40_000, [50])):
        sizes.clear()
        list(_over_blocks(0, draw, lambda block: None, units, 50, 0))
        assert sorted(sizes, reverse=True) == blocks
