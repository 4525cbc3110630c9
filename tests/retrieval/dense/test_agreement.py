"""How far two rankings of one task agree, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.records import Hits, Passages, Queries
from beir_hybrid.retrieval.contract import Ranking, combined
from beir_hybrid.retrieval.dense.agreement import agreement, judged_correlation, top_k_overlap


@pytest.fixture
def dataset() -> Dataset:
    """Two queries over four passages, two judged for each."""
    ids = ["p-0", "p-1", "p-2", "p-3"]
    return Dataset(
        "tiny", "test", {"de": Passages("de", [f"de-{i}" for i in ids], ids)},
        {"de": Queries("de", ["de-q-0", "de-q-1"], ["a", "b"])},
        {"de-q-0": {"de-p-0": 1, "de-p-1": 1}, "de-q-1": {"de-p-2": 1, "de-p-3": 0}},
    )  # fmt: skip


def ranking(dataset: Dataset, *order: list[int]) -> Ranking:
    """Full rankings of each query, best first."""
    flat = np.array([at for row in order for at in row], dtype=np.int32)
    scores = np.array([-place for row in order for place in range(len(row))], dtype=np.float32)
    indptr = np.cumsum([0, *map(len, order)]).astype(np.int64)
    return Ranking.of_hits(dataset.task("mono:de"), Hits(indptr, flat, scores))


def test_overlap_and_correlation(dataset: Dataset) -> None:
    """One of the first two passages is shared, then both; ranks 1 2 1 2 against 1 3 2 1."""
    one = ranking(dataset, [0, 1, 2, 3], [2, 3, 0, 1])
    two = ranking(dataset, [0, 2, 1, 3], [3, 2, 0, 1])
    assert top_k_overlap(one, two, 2).tolist() == [0.5, 1.0]
    assert top_k_overlap(one, two, 4).tolist() == [1.0, 1.0]
    # midranks 1.5 3.5 1.5 3.5 and 1.5 4 3 1.5: covariance 1.0, deviations 4 and 4.5
    assert judged_correlation(one, two) == pytest.approx(1.0 / math.sqrt(4 * 4.5))
    assert judged_correlation(one, one) == 1.0


def test_what_is_not_defined(dataset: Dataset) -> None:
    """A query without hits has no overlap; a mean of nothing is None, which JSON can hold."""
    none = ranking(dataset, [], [2])
    assert np.isnan(top_k_overlap(none, none)[0])
    empty = ranking(dataset, [], [])
    assert agreement(empty, empty) == {"queries": 0, "top_10_overlap": None, "judged_rank_correlation": 1.0}
    whole = ranking(dataset, [0, 1, 2, 3], [2, 3, 0, 1])
    assert combined([{"a": agreement(whole, whole)}, {"a": agreement(empty, empty)}])["a"]["top_10_overlap"] == 1.0
