"""How far apart the answers of a query are ranked: the distribution of the rank distance, with what is not known."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from beir_hybrid.records import ScoreArray
from beir_hybrid.report.contents import Contents

EDGES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Upper edges of the bins; the last bin has none."""


@dataclass(frozen=True)
class Distances:
    """The rank distances of one system, over the queries of all languages.

    A query whose distance is not known (an answer has no rank) has a lower bound: it stands in the bin of that
    bound, apart from the known ones, for it may belong further down.

    Attributes:
        known, at_least: queries in each bin.
        quantiles: ``{share: (value, whether it is a lower bound)}``.
    """

    known: tuple[int, ...]
    at_least: tuple[int, ...]
    quantiles: dict[float, tuple[float, bool]]

    @property
    def queries(self) -> int:
        return sum(self.known) + sum(self.at_least)

    @property
    def bins(self) -> list[tuple[str, int, int]]:
        """(its edges in words, known, at least) of each."""
        return list(zip(labels(), self.known, self.at_least, strict=True))

    @property
    def largest(self) -> float:
        """The share of the queries in the fullest bin."""
        return max(known + bound for _, known, bound in self.bins) / self.queries

    def words(self, share: float) -> str:
        """A quantile as it is printed."""
        value, at_least = self.quantiles[share]
        return f"{'≥ ' if at_least else ''}{value:,.0f}"


def labels() -> list[str]:
    """The bins in words."""
    inner = [f"{low + 1:,}–{high:,}" for low, high in itertools.pairwise(EDGES)]
    return [f"0–{EDGES[0]}", *inner, f"over {EDGES[-1]:,}"]


def rank_distances(contents: Contents) -> dict[str, Distances]:
    """By system; empty where the rank distance was not compared, or no query has two answers."""
    aligned = contents.aligned
    needed = {"rank_distance", "rank_distance_bound"}
    tasks = [task for task in aligned.tasks if needed <= {*task.values}]
    if not tasks or "rank_distance" not in contents.comparison.metrics:
        return {}
    distance = np.concatenate([task.values["rank_distance"] for task in tasks], axis=1)
    bound = np.concatenate([task.values["rank_distance_bound"] for task in tasks], axis=1)
    if np.isnan(bound).all():
        return {}
    return {name: distances_of(*each) for name, *each in zip(aligned.names, distance, bound, strict=True)}


def distances_of(distance: ScoreArray, bound: ScoreArray) -> Distances:
    """From the distance of each query (NaN: not known) and its lower bound (NaN: it has one answer)."""
    distance, bound = distance[~np.isnan(bound)], bound[~np.isnan(bound)]
    known = ~np.isnan(distance)
    values = np.where(known, distance, bound)
    bins = np.searchsorted(EDGES, values, side="left")
    counts = [np.bincount(bins[rows], minlength=len(EDGES) + 1).tolist() for rows in (known, ~known)]
    quantiles = {}
    for share in (0.5, 0.9):
        value = float(np.quantile(values, share, method="lower"))
        # only what may in truth be larger can move it: unknown distances whose bound is not above it already
        quantiles[share] = value, bool(np.any(~known & (bound <= value)))
    return Distances(tuple(counts[0]), tuple(counts[1]), quantiles)
