"""How far a ranking of smaller vectors agrees with that of whole ones, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.records import FloatArray, Hits, Passages, Queries
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.dense import agreement
from beir_hybrid.retrieval.dense.agreement import Agreement

WHOLE = {"a": [1, 0], "b": [0, 1], "p-0": [4, 1], "p-1": [3, 2], "p-2": [2, 3], "p-3": [1, 4]}
"""Query a ranks passages 0 1 2 3, query b 3 2 1 0."""


def embed(role: str, texts: Sequence[tuple[str, str]]) -> FloatArray:
    return np.array([WHOLE[text] for _, text in texts], dtype=np.float32)


def of(*order: list[int]) -> dict[str, float | int | None] | None:
    """The agreement of these rankings of the two queries."""
    ids = ["p-0", "p-1", "p-2", "p-3"]
    dataset = Dataset(
        "tiny", "test", {"de": Passages("de", [f"de-{i}" for i in ids], ids)},
        {"de": Queries("de", ["de-q-0", "de-q-1"], ["a", "b"])}, {f"de-q-{i}": {"de-p-0": 1} for i in range(2)},
    )  # fmt: skip
    task = dataset.task("mono:de")
    flat = np.array([at for row in order for at in row], dtype=np.int32)
    scores = np.array([-place for row in order for place in range(len(row))], dtype=np.float32)
    hits = Hits(np.cumsum([0, *map(len, order)]).astype(np.int64), flat, scores)
    found = Agreement([task], embed).of(Ranking.of_hits(task, hits))
    return None if found is None else dict(found)


def test_overlap_and_correlation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the first two of query a one is right, of b both; in both rankings two neighbours have changed places."""
    monkeypatch.setattr(agreement, "CUTOFF", 2)
    found = of([0, 2, 1, 3], [2, 3, 1, 0])
    # Spearman: 1 - 6 * 2 / (4 * 15) = .8 for each
    assert found == {"queries": 2, "top_2_overlap": 0.75, "first_100_rank_correlation": pytest.approx(0.8)}
    assert of([0, 1, 2, 3], [3, 2, 1, 0]) == {"queries": 2, "top_2_overlap": 1, "first_100_rank_correlation": 1}


def test_what_is_not_defined() -> None:
    """A query without hits does not count, and one hit has no correlation; nothing of nothing."""
    assert of([], [2]) == {"queries": 1, "top_10_overlap": 1, "first_100_rank_correlation": None}
    assert of([], []) is None
