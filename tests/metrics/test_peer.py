"""PEER of each query as published: the values of the authors' package peer_measure 0.0.1."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from scipy import stats

from beir_hybrid import evaluate
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import MetricError
from beir_hybrid.metrics.peer import peer
from beir_hybrid.records import Hits, Passages, Queries
from beir_hybrid.retrieval.contract import Ranking
from tests.systems_made import letters

# the pool: fa 0-3, ru 4-7, zh 8-11; the grades of each query in it, as NeuCLIR's (0, 1, 3)
GRADES = [
    [3, 3, 1, 0, 3, 1, 1, 0, 3, 3, 1, 1],
    [1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0],
    [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
]
ORDERS = [[0, 1, 8, 4, 9, 2, 5, 10, 6, 11, 3, 7], [4, 5, 0, 8, 1, 3, 9, 2, 6, 7, 10, 11], [1, 0]]


def ranked(grades: Sequence[Sequence[int]] = GRADES, orders: Sequence[Sequence[int]] = ORDERS) -> Ranking:
    blocks = {x: Passages(x, [f"{x}-p-{i}" for i in range(4)], ["t"] * 4) for x in ("fa", "ru", "zh")}
    ids = [key for block in blocks.values() for key in block.ids]
    queries = Queries("en", [f"en-q-{row}" for row in range(len(grades))], ["t"] * len(grades))
    qrels = {f"en-q-{row}": dict(zip(ids, line, strict=True)) for row, line in enumerate(grades)}
    task = Dataset("toy", "test", blocks, {"en": queries}, qrels).task("multi:en")
    rows = [row for row, order in enumerate(orders) for _ in order]
    scores = [-float(rank) for order in orders for rank in range(len(order))]
    return Ranking.of_hits(task, Hits.sorted(len(grades), rows, [place for order in orders for place in order], scores))


@pytest.mark.parametrize(
    ("cutoff", "expected"),
    [
        (4, [0.6329913082, 0.1119900894, 0.5]),
        (8, [0.3122155864, 0.0839419375, 0.5]),
        (20, [0.262162186, 0.0839419375, 0.5]),
    ],
)
def test_the_values_are_the_published_ones(cutoff: int, expected: list[float]) -> None:
    """Graded, cut, with passages that are not retrieved and a grade in one language only."""
    assert peer(ranked(), cutoff) == pytest.approx(expected, abs=1e-9)


def test_fair_and_unfair_rankings() -> None:
    """Languages that take turns are near 1, one that has all the top is near 0; nothing retrieved is fair."""
    grades, turns = [[1] * 12], [0, 4, 8, 9, 5, 1, 2, 6, 10, 11, 7, 3]
    fair, biased, none = (peer(ranked(grades, [order]), 12)[0] for order in (turns, sorted(turns), []))
    assert fair > 0.99
    assert biased < 0.01
    assert none == 1


def test_two_languages_are_enough() -> None:
    """Four passages of one language before four of another: the Kruskal-Wallis statistic is 16 / 3."""
    apart, mixed = (peer(ranked([[1] * 8 + [0] * 4], [order]), 8)[0] for order in (range(8), [0, 4, 5, 1, 2, 6, 7, 3]))
    assert apart == pytest.approx(stats.chi2.sf(16 / 3, 1))
    assert mixed == pytest.approx(1)


def test_it_is_asked_for_by_name() -> None:
    """Through the door that other packages use; defined in the multilingual setting alone."""
    found = evaluate("sample", letters(16), languages="de,en", metrics="map,peer@20").summary
    assert 0 <= (found["multi"]["peer@20"] or 0.0) <= 1
    assert found["multi"]["peer"] != found["multi"]["peer@20"]
    assert found["mono"]["peer@20"] is None
    with pytest.raises(MetricError, match="ask for it as peer@20"):
        evaluate("sample", letters(16), languages="de,en", metrics="peer")
    for weights in ({1: 0.5, 3: 0.6}, {0: 0.5, 3: 0.5}):
        with pytest.raises(MetricError, match="expected those of grades from 1 on, 1 in sum"):
            peer(ranked(), 20, weights)
    assert peer(ranked(), 20, {1: 1.0})[2] == 0
