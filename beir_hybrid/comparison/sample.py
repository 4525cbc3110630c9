"""Means over queries cut into what each question group contributes, the unit that tests permute and resample.

The parallel queries of a group ask the same thing in several languages, so their scores are not independent of each
other; groups are. A task's mean and the mean over tasks are both sums over groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import IntArray, ScoreArray

DIGITS, EQUAL = 12, 1e-12
"""Differences are rounded to so many decimals: values that differ by less are equal, in every test and count."""


def same(parts: ScoreArray) -> bool:
    """Whether what groups add to a mean, each its value over their number, differs by rounding at most."""
    return bool(np.ptp(parts) * len(parts) <= EQUAL)


@dataclass(frozen=True, eq=False)
class Sample:
    """Means of several systems over the same queries.

    Attributes:
        units: codes of the groups, ascending.
        mean: float64 [systems]; NaN where there is no value.
        parts: float64 [units, systems], what each group adds to the mean: its sum is the mean.
        spread: float64 [units, systems], what resampling a group once more adds to the mean: its sum is 0. Exact
            where every task asks every group once; else the first order of a ratio whose denominator varies too.
        present: bool [units, systems], whether the group has a value.
        queries: int [systems], how many values the mean is over.
    """

    units: IntArray
    mean: ScoreArray
    parts: ScoreArray
    spread: ScoreArray
    present: npt.NDArray[np.bool_]
    queries: IntArray

    @property
    def effect(self) -> ScoreArray:
        """Mean over standard deviation of the groups' values, float64 [systems] (Cohen's d_z); NaN without spread."""
        found = np.full(len(self.mean), np.nan)
        for system in range(len(found)):
            own = self.parts[self.present[:, system], system]
            if len(own) > 1 and not same(own):
                found[system] = own.mean() / own.std(ddof=1)
        return found


def task_sample(values: ScoreArray, groups: IntArray) -> Sample:
    """The mean of each row of ``values`` [systems, queries] over its values that are not NaN."""
    units, place = np.unique(groups, return_inverse=True)
    defined = ~np.isnan(values)
    queries = defined.sum(axis=1)
    known = np.where(defined, values, 0.0)
    divisor = np.maximum(queries, 1)[:, None]
    mean = np.where(queries > 0, known.sum(axis=1) / divisor[:, 0], np.nan)
    centred = np.where(defined, values - np.nan_to_num(mean)[:, None], 0.0)

    def by_unit(columns: ScoreArray) -> ScoreArray:
        sums = np.zeros((len(units), len(columns)))
        if len(units) == len(place):
            sums[place] = columns.T
        else:
            np.add.at(sums, place, columns.T)
        return sums

    present = by_unit(defined.astype(np.float64)) > 0
    parts = np.round(by_unit(known), DIGITS) / divisor.T
    return Sample(units, mean, parts, by_unit(centred / divisor), present, queries)


def mean_sample(samples: Sequence[Sample]) -> Sample:
    """The mean over tasks: every task counts the same, however many queries it has."""
    n = len(samples)
    units = samples[0].units
    if any(not np.array_equal(sample.units, units) for sample in samples[1:]):
        units = np.unique(np.concatenate([sample.units for sample in samples]))
    shape = (len(units), len(samples[0].mean))
    parts, spread, present = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
    for sample in samples:
        rows = np.searchsorted(units, sample.units)
        parts[rows] += sample.parts / n
        spread[rows] += sample.spread / n
        present[rows] |= sample.present
    # what cancels over the tasks of a group leaves no rounding behind
    parts[np.abs(parts) * len(units) <= EQUAL] = 0.0
    mean = sum((sample.mean for sample in samples), np.zeros(shape[1])) / n
    queries = sum((sample.queries for sample in samples), np.zeros(shape[1], dtype=np.int64))
    return Sample(units, mean, parts, spread, present, queries)
