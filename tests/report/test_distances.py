"""The distribution of rank distances keeps what is known from what is only bounded."""

from __future__ import annotations

import numpy as np

from beir_hybrid.comparison import compare
from beir_hybrid.report.contents import read_contents
from beir_hybrid.report.distances import distances_of, labels, rank_distances
from tests.systems_made import Made


def test_known_and_bounded_queries_stand_apart() -> None:
    """A query whose distance is not known stands in the bin of its lower bound; edges belong to the lower bin."""
    made = distances_of(np.array([10.0, 11.0, 20_000.0, np.nan]), np.array([10.0, 11.0, 20_000.0, 30.0]))
    assert made.known == (1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    assert made.at_least == (0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
    assert made.queries == 4
    assert labels() == [
        "0–10", "11–20", "21–50", "51–100", "101–200", "201–500", "501–1,000", "1,001–2,000", "2,001–5,000",
        "5,001–10,000", "over 10,000",
    ]  # fmt: skip


def test_a_quantile_is_a_bound_where_an_unknown_distance_may_move_it() -> None:
    """An unknown one below the median may in truth be above it; one that is already above cannot change it."""
    low = distances_of(np.array([np.nan, 5.0, 9.0]), np.array([1.0, 5.0, 9.0]))
    high = distances_of(np.array([1.0, 5.0, np.nan]), np.array([1.0, 5.0, 9.0]))
    assert low.quantiles[0.5] == (5.0, True)
    assert high.quantiles[0.5] == (5.0, False)


def test_from_a_comparison(made: Made) -> None:
    """Full rankings know every distance; one cut after five passages knows almost none."""
    found = rank_distances(made.contents)
    wide, _, shallow = (found[name] for name in made.comparison.names)
    assert wide.queries == shallow.queries == 4 * 30
    assert sum(wide.at_least) == 0
    assert sum(shallow.at_least) > 100
    alone = compare(made.folders, settings="multi", metrics="map", draws=50)
    assert rank_distances(read_contents(alone)[0]) == {}, "not asked for"
