"""Scores standardised within each passage language, on numbers that can be worked out by hand."""

from __future__ import annotations

import numpy as np

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.records import Hits, Passages, Queries
from beir_hybrid.retrieval.standardise import standardised

N = {"de": 3, "en": 3, "fr": 1}
DATASET = Dataset(
    "toy", "test",
    {x: Passages(x, [f"{x}-p-{at}" for at in range(n)], [f"{x} {at}" for at in range(n)]) for x, n in N.items()},
    {x: Queries(x, [f"{x}-q-{at}" for at in range(2)], [f"{x}? {at}" for at in range(2)], ["g0", "g1"]) for x in N},
    {f"{x}-q-{at}": {f"{x}-p-0": 1} for x in N for at in range(2)},
)  # fmt: skip


def test_each_language_is_put_on_its_own_scale() -> None:
    """German scores 10, 8, 6 and English 3, 2, 1 become 1.22, 0, -1.22 each; a language with one hit gets 0."""
    task = DATASET.task("multi", "de")
    query = np.array([0] * 7 + [1] * 2)
    passages = [0, 1, 2, 3, 4, 5, 6, 4, 3]
    hits = Hits.sorted(2, query, passages, [10, 8, 6, 3, 2, 1, 7, 5, 5])
    found = standardised(hits, task)
    by_passage = dict(zip(found.passages[:7].tolist(), found.scores[:7].tolist(), strict=True))
    expected = dict(enumerate([1.5**0.5, 0, -(1.5**0.5), 1.5**0.5, 0, -(1.5**0.5), 0]))
    assert {key: round(value, 5) for key, value in by_passage.items()} == {
        key: round(value, 5) for key, value in expected.items()
    }
    # ties in trec_eval's order: the later passage first
    assert found.passages[:2].tolist() == [3, 0]
    assert found.scores[7:].tolist() == [0, 0]


def test_one_passage_language_stays_as_it_is() -> None:
    """Nothing is merged in the mono- and cross-lingual settings."""
    hits = Hits.sorted(2, [0, 0, 1], [0, 1, 2], [3, 2, 1])
    assert standardised(hits, DATASET.task("mono", "de")) is hits
