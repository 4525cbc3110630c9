"""Random sign flips, resamples and permutations of question groups: seeded, in blocks, the same on any machine.

Every draw is a row of a matrix that is multiplied with the contributions of the groups to a mean, so that one matrix
product serves every task, system and metric over the same groups. Blocks of draws have a generator of their own and
their products run on one BLAS thread each: nothing depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np

from beir_hybrid.processors import processors
from beir_hybrid.records import IntArray, ScoreArray

EXACT_UNITS = 13
"""Up to this many groups with a difference (2**13 patterns) sign flips are enumerated, not drawn."""
_Result = TypeVar("_Result")
_BLOCK, _DRAWN = 500, 20_000_000
"""Draws at a time, and numbers of them: of more than 40 thousand groups fewer are drawn at once."""
_COLUMNS = 1024
_SIGNS, _RESAMPLES, _PERMUTATIONS = range(3)
# sums of the same numbers in another order differ by rounding; attainable values differ by far more
_TOLERANCE = 1e-9


def sign_flip_p(
    pieces: Sequence[tuple[IntArray, ScoreArray]], families: Sequence[Sequence[int]], draws: int, seed: int
) -> tuple[ScoreArray, ScoreArray]:
    """Two-sided p values of the paired permutation test, and those corrected for the families, float64 [columns].

    Under the null hypothesis the two systems could be swapped within any group: the sign of its contribution is a
    coin. p is the share of sign patterns whose absolute sum is at least the observed one: of all patterns where there
    are few, else (1 + those drawn) / (1 + draws).

    The correction is the step-down max-T of Westfall and Young (1993, algorithm 2.8): a coin turns a group in every
    column at once, and a sum is held against the largest of those of its family that are no larger than it was. Sums
    are divided by the root of their summed squares, which no sign changes, so that columns of any unit count alike.

    Args:
        pieces: (groups, parts): the numbers of the groups and what each contributes to the mean differences,
            float64 [groups, columns]. The columns of all pieces are numbered through.
        families: columns that are tested together.
    """
    scaled = []
    for groups, parts in pieces:
        size = np.sqrt((parts**2).sum(axis=0))
        scaled.append((groups, np.divide(parts, size, out=np.zeros(parts.shape), where=size > 0)))
    observed = np.concatenate([np.abs(parts.sum(axis=0)) for _, parts in scaled])
    least = observed - _TOLERANCE
    units = 1 + max(int(groups.max()) for groups, _ in scaled)
    ordered = [np.array(family)[np.argsort(-observed[family], kind="stable")] for family in map(list, families)]

    def count(signs: ScoreArray) -> IntArray:
        sums = np.concatenate(
            [np.abs((signs if len(groups) == units else signs[:, groups]) @ parts) for groups, parts in scaled], axis=1
        )
        extreme = np.zeros((2, len(least)), dtype=np.int64)
        extreme[0] = (sums >= least).sum(axis=0)
        for family in ordered:
            largest = np.maximum.accumulate(sums[:, family[::-1]], axis=1)[:, ::-1]
            extreme[1, family] = (largest >= least[family]).sum(axis=0)
        return extreme

    live = np.unique(np.concatenate([groups[parts.any(axis=1)] for groups, parts in scaled]))
    if len(live) <= EXACT_UNITS:
        every = np.ones((2 ** len(live), units))
        every[:, live] = _patterns(len(live))
        p, corrected = count(every) / len(every)
    else:
        total = sum(_over_blocks(_SIGNS, _signs, count, units, draws, seed), np.zeros((2, len(least)), dtype=np.int64))
        p, corrected = (1.0 + total) / (1 + draws)
        for column, part in enumerate(part for _, parts in scaled for part in parts.T):
            own = part[part != 0]
            if len(own) <= EXACT_UNITS:
                p[column] = np.mean(np.abs(_patterns(len(own)) @ own) >= least[column])
    corrected = np.maximum(p, corrected)
    for family in ordered:
        # one test alone needs no correction, also where it was enumerated and the draws are close to it
        corrected[family] = np.maximum.accumulate(corrected[family]) if len(family) > 1 else p[family]
    return p, corrected


def _patterns(n: int) -> ScoreArray:
    """Every pattern of n signs, a row each."""
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    signs: ScoreArray = (1 - 2 * bits).astype(np.float64)
    return signs


def bootstrap_quantiles(
    spread: ScoreArray, quantiles: tuple[float, float], draws: int, seed: int
) -> tuple[ScoreArray, ScoreArray]:
    """Percentiles of the sums of ``spread`` [groups, columns] over resamples of the groups, two float64 [columns].

    A resample draws as many groups as there are, with replacement.
    """
    low, high = np.zeros(spread.shape[1]), np.zeros(spread.shape[1])
    for begin in range(0, spread.shape[1], _COLUMNS):
        chosen = np.ascontiguousarray(spread[:, begin : begin + _COLUMNS])

        def product(block: ScoreArray, chosen: ScoreArray = chosen) -> ScoreArray:
            result: ScoreArray = block @ chosen
            return result

        sums = np.concatenate(list(_over_blocks(_RESAMPLES, _resamples, product, len(spread), draws, seed)))
        low[begin : begin + _COLUMNS], high[begin : begin + _COLUMNS] = np.quantile(sums, quantiles, axis=0)
    return low, high


def range_p(parts: ScoreArray, draws: int, seed: int) -> ScoreArray:
    """p values of randomised Tukey HSD for every pair of systems, float64 [columns, systems, systems].

    Carterette (2012), "Multiple testing in statistical analysis of systems-based information retrieval experiments",
    algorithm 1: within every group the systems' scores are permuted; p of a pair is the share of draws whose largest
    difference between any two means is at least the pair's, (1 + those) / (1 + draws). One test of all pairs: its p
    values need no further correction.

    Args:
        parts: what each group contributes to each system's mean, float64 [groups, systems, columns].
    """
    groups, systems, columns = parts.shape
    means = parts.sum(axis=0)
    observed = np.abs(means[:, None] - means[None])  # (systems, systems, columns)
    least = observed - _TOLERANCE * np.abs(parts).sum(axis=(0, 1))
    flat = parts.reshape(groups * systems, columns)

    def count(order: ScoreArray) -> IntArray:
        n = len(order)
        # one row of zeros and ones for each draw and place: which system's score stands there in which group
        chosen = np.zeros((n, systems, groups, systems))
        draw, group, place = np.ix_(range(n), range(groups), range(systems))
        chosen[draw, place, group, order.astype(np.int64)] = 1
        extreme: IntArray = np.zeros((systems, systems, columns), dtype=np.int64)
        for begin in range(0, columns, _COLUMNS):
            part = slice(begin, begin + _COLUMNS)
            drawn = (chosen.reshape(n * systems, -1) @ flat[:, part]).reshape(n, systems, -1)
            widest = np.sort(drawn.max(axis=1) - drawn.min(axis=1), axis=0)  # (draws, columns)
            for column in range(widest.shape[1]):
                place_of = np.searchsorted(widest[:, column], least[..., begin + column], side="left")
                extreme[..., begin + column] = n - place_of
        return extreme

    size = max(1, min(_BLOCK, 8_000_000 // (groups * systems * systems)))
    orders = partial(_orders, systems=systems)
    blocks = _over_blocks(_PERMUTATIONS, orders, count, groups, draws, seed, size)
    total: IntArray = sum(blocks, np.zeros((systems, systems, columns), dtype=np.int64))
    return np.moveaxis((1 + total) / (1 + draws), -1, 0)


def _over_blocks(
    kind: int,
    draw: Callable[[np.random.Generator, int, int], ScoreArray],
    use: Callable[[ScoreArray], _Result],
    units: int,
    draws: int,
    seed: int,
    size: int = _BLOCK,
) -> Iterator[_Result]:
    """``use`` of every block of draws, in order."""
    from threadpoolctl import threadpool_limits

    size = max(1, min(size, _DRAWN // units))

    def work(begin: int) -> _Result:
        rng = np.random.default_rng([seed, kind, units, begin])
        return use(draw(rng, min(size, draws - begin), units))

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(processors()) as executor:
        yield from executor.map(work, range(0, draws, size))


def _signs(rng: np.random.Generator, n: int, units: int) -> ScoreArray:
    coins: ScoreArray = rng.integers(0, 2, size=(n, units), dtype=np.int8).astype(np.float64)
    return coins * 2 - 1


def _resamples(rng: np.random.Generator, n: int, units: int) -> ScoreArray:
    """How often each unit stands in each resample."""
    chosen = rng.integers(0, units, size=(n, units)) + np.arange(n)[:, None] * units
    return np.bincount(chosen.ravel(), minlength=n * units).reshape(n, units).astype(np.float64)


def _orders(rng: np.random.Generator, n: int, units: int, systems: int) -> ScoreArray:
    return np.argsort(rng.random((n, units, systems)), axis=2).astype(np.float64)
