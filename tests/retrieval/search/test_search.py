"""Search in blocks: the ranks of a full sort of the exact scores, whatever the blocks, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.dense import vector_scores
from beir_hybrid.retrieval.dense.vector_scores import (
    VectorScores,
    error_bounds,
    exact_scores,
    lengths_of,
    longest_of,
)
from beir_hybrid.retrieval.search import counter, plan
from beir_hybrid.retrieval.search.request import SearchRequest
from beir_hybrid.retrieval.search.search import rankings, search

pytestmark = pytest.mark.kernels

Encode = Callable[[list[str]], FloatArray]
MEMORY = 1 << 28


@dataclass
class InMemory:
    """Vectors that remember how much of them was read at a time."""

    vectors: FloatArray
    most: int = 0

    def __len__(self) -> int:
        return len(self.vectors)

    def read(self, begin: int, end: int) -> FloatArray:
        self.most = max(self.most, end - begin)
        return self.vectors[begin:end]

    def take(self, positions: IntArray) -> FloatArray:
        return self.vectors[positions]


def small_blocks(monkeypatch: pytest.MonkeyPatch, passages: int = 13, queries: int = 7) -> None:
    monkeypatch.setattr(plan, "PASSAGES", passages)
    monkeypatch.setattr(plan, "FEWEST", min(passages, 5))
    monkeypatch.setattr(plan, "TILE", min(passages, 8))
    monkeypatch.setattr(plan, "QUERIES", queries)
    monkeypatch.setattr(vector_scores, "_TAKEN", 256)
    monkeypatch.setattr(counter, "OPEN", 20)


def full_sort(queries: FloatArray, passages: FloatArray, ascending: bool = False) -> list[list[int]]:
    """Positions by exact score descending, then position descending (or ascending); scores pair by pair."""
    rows = []
    for query in queries:
        with np.errstate(over="ignore"):
            scores = [np.float32(math.fsum((query.astype(float) * p.astype(float)).tolist())) for p in passages]
        sign = -1 if ascending else 1
        rows.append(sorted(range(len(passages)), key=lambda at: (scores[at], sign * at), reverse=True))
    return rows


def real(dataset: Dataset, dimension: int = 33) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Real-valued vectors; equal texts have equal ones."""
    rng = np.random.default_rng(0)
    known: dict[str, FloatArray] = {}

    def encode(texts: list[str]) -> FloatArray:
        return np.stack([known.setdefault(t, rng.normal(size=dimension).astype(np.float32)) for t in texts])

    queries = {x: encode(list(dataset.queries[x].texts)) for x in dataset.languages}
    return queries, {x: encode(dataset.passages[x].full_texts()) for x in dataset.languages}


def whole(dataset: Dataset, encode: Encode) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Vectors of small whole numbers: products are exact, and most scores tie."""
    queries = {x: encode(list(dataset.queries[x].texts)) for x in dataset.languages}
    return queries, {x: encode(dataset.passages[x].full_texts()) for x in dataset.languages}


@pytest.mark.parametrize(
    ("kind", "blocks"), [("real", (13, 7)), ("whole", (13, 7)), ("whole", (1, 1)), ("real", (10_000, 1000))]
)
def test_every_setting_is_as_in_memory(
    partly_parallel: Dataset, encode: Encode, monkeypatch: pytest.MonkeyPatch, kind: str, blocks: tuple[int, int]
) -> None:
    """Same ids and ranks as the search in memory: all settings, exact ties, repeated texts, ill-fitting sizes."""
    small_blocks(monkeypatch, *blocks)
    queries, passages = real(partly_parallel) if kind == "real" else whole(partly_parallel, encode)
    corpora = {language: InMemory(vectors) for language, vectors in passages.items()}
    tasks = partly_parallel.tasks() if blocks != (1, 1) else partly_parallel.tasks("multi")[-1:]
    monkeypatch.undo()
    expected = {r.task.name: r for r in rankings(tasks, VectorScores(queries, passages), 9, MEMORY)}
    small_blocks(monkeypatch, *blocks)
    found = {r.task.name: r for r in rankings(tasks, VectorScores(queries, corpora), 9, MEMORY, threads=2)}
    assert found.keys() == expected.keys()
    for name, ranking in found.items():
        assert ranking.complete
        assert np.array_equal(ranking.ranks, expected[name].ranks), name
        assert np.array_equal(ranking.hits.indptr, expected[name].hits.indptr), name
        assert np.array_equal(ranking.hits.passages, expected[name].hits.passages), name
        assert np.allclose(ranking.hits.scores, expected[name].hits.scores, rtol=1e-5, atol=1e-5), name
    assert max(corpus.most for corpus in corpora.values()) <= blocks[0]


NEAR = st.sampled_from([0.0, 1.0, -1.0, 1 / 3, 1 / 3 + 2**-25, 2**-12, 1e-3, 1e-3 + 1e-10])


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_near_ties_are_those_of_a_full_sort_of_the_exact_scores(data: st.DataObject) -> None:
    """Scores closer than a product's rounding error are told apart by the exact score, whatever block they are in."""
    n, m, d = (data.draw(st.integers(1, top)) for top in (5, 30, 6))
    values = st.lists(NEAR, min_size=(n + m) * d, max_size=(n + m) * d)
    vectors = np.array(data.draw(values), dtype=np.float32).reshape(n + m, d)
    queries, passages = vectors[:n], vectors[n:]
    order = full_sort(queries, passages)
    pairs = sorted(data.draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, m - 1)))))
    rows, places = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    depth = data.draw(st.integers(0, m))
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, data.draw(st.integers(1, 40)), data.draw(st.integers(1, 6)))
        asked = SearchRequest("q", np.arange(n), {"p": 0}, rows, places, depth)
        ((_, answer),) = search([asked], VectorScores({"q": queries}, {"p": InMemory(passages)}), MEMORY, 1)
    assert answer.ranks.tolist() == [order[row].index(place) + 1 for row, place in pairs]
    other_way = full_sort(queries, passages, ascending=True)
    assert answer.reversed_ranks.tolist() == [other_way[row].index(place) + 1 for row, place in pairs]
    assert answer.hits.passages.reshape(n, depth).tolist() == [row[:depth] for row in order]


def test_few_close_scores_are_counted_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few scores reach the judged ones they are compared a part at a time: the ranks are those of a full sort."""
    monkeypatch.setattr(counter, "OPEN", 40)
    rng = np.random.default_rng(3)
    queries, passages = rng.normal(size=(8, 16)).astype(np.float32), rng.normal(size=(3000, 16)).astype(np.float32)
    passages[1500:1600] = passages[:100]  # ties
    order = full_sort(queries, passages)
    pairs = sorted({(row, order[row][rank]) for row in range(8) for rank in (0, 3, 9, 20, 35)})
    rows, places = np.array(pairs, dtype=np.int64).T
    asked = SearchRequest("q", np.arange(8), {"p": 0}, rows, places, 5)
    ((_, answer),) = search([asked], VectorScores({"q": queries}, {"p": InMemory(passages)}), MEMORY, 1)
    assert answer.ranks.tolist() == [order[row].index(place) + 1 for row, place in pairs]
    assert answer.hits.passages.reshape(8, 5).tolist() == [row[:5] for row in order]


def test_a_pair_s_score_does_not_depend_on_its_company() -> None:
    """One pair alone, in a batch, or beside itself: the same bits; rounded once from the exact sum."""
    rng = np.random.default_rng(1)
    for dimension in (1, 7, 64, 769):
        a, b = (rng.normal(size=(50, dimension)).astype(np.float32) for _ in range(2))
        every, first = np.arange(50), np.zeros(1, dtype=np.int64)
        together = exact_scores(a, b, every, every)
        alone = [exact_scores(a[i : i + 1], b[i : i + 1], first, first)[0] for i in range(50)]
        assert together.tolist() == [float(score) for score in alone]
        exact = [math.fsum((x.astype(float) * y.astype(float)).tolist()) for x, y in zip(a, b, strict=True)]
        assert np.allclose(together, exact, rtol=2**-23, atol=1e-12)


def test_no_product_is_further_off_than_its_bound() -> None:
    """What a block settles without looking again is settled rightly, for vectors of all lengths."""
    rng = np.random.default_rng(2)
    for dimension, scale in ((3, 1.0), (384, 1e-3), (1024, 1e4)):
        a, b = (rng.normal(size=(40, dimension)).astype(np.float32) * np.float32(scale) for _ in range(2))
        off = np.abs((a @ b.T).astype(float) - a.astype(float) @ b.astype(float).T)
        assert (off <= error_bounds(lengths_of(a), longest_of(b), dimension, 0.0, dimension)[:, None]).all()
        assert np.linalg.norm(b.astype(float), axis=1).max() <= longest_of(b)


@pytest.mark.parametrize("size", [1e19, 3e19])
def test_scores_beyond_float32_are_told_apart_by_the_exact_ones(size: float) -> None:
    """A product that overflows on its way (infinite, or no number) decides nothing: sums that cancel are finite."""
    rng = np.random.default_rng(5)
    queries = np.full((2, 32), size, dtype=np.float32)
    passages = rng.permuted(np.tile(np.repeat([size, -size], 16), (40, 1)), axis=1).astype(np.float32)
    passages[:, 0] += np.float32(size) * rng.integers(-3, 4, 40).astype(np.float32)
    order = full_sort(queries, passages)
    asked = SearchRequest("q", np.arange(2), {"p": 0}, np.repeat([0, 1], 40), np.tile(np.arange(40), 2), 5)
    ((_, answer),) = search([asked], VectorScores({"q": queries}, {"p": InMemory(passages)}), MEMORY, 1)
    assert answer.ranks.tolist() == [row.index(at) + 1 for row in order for at in range(40)]
    assert answer.hits.passages.reshape(2, 5).tolist() == [row[:5] for row in order]


def test_threads_that_share_a_ranking_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few queries, many threads: tiles beside each other count into one ranking at once."""
    small_blocks(monkeypatch, 4096, 64)
    monkeypatch.setattr(plan, "TILE", 64)
    rng = np.random.default_rng(6)
    queries, passages = rng.normal(size=(20, 8)).astype(np.float32), rng.normal(size=(20_000, 8)).astype(np.float32)
    passages[10_000:] = passages[:10_000]  # ties
    rows, places = np.repeat(np.arange(20), 5), np.sort(rng.integers(0, 20_000, (20, 5))).ravel()
    asked = SearchRequest("q", np.arange(20), {"p": 0}, rows, places, 30)
    found = []
    for threads in (1, 8):
        scores = VectorScores({"q": queries}, {"p": InMemory(passages)})
        ((_, answer),) = search([asked], scores, MEMORY, threads)
        found.append((answer.ranks.tolist(), answer.reversed_ranks.tolist(), answer.hits.passages.tolist()))
    assert found[0] == found[1]


def test_everything_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus of one vector: the last passage is first, and the judged ones rank by position."""
    small_blocks(monkeypatch)
    asked = SearchRequest("q", np.arange(3), {"p": 0}, np.array([0, 1, 1]), np.array([0, 5, 99]), 4)
    vectors = InMemory(np.ones((100, 5), dtype=np.float32))
    ((_, answer),) = search([asked], VectorScores({"q": np.ones((3, 5), dtype=np.float32)}, {"p": vectors}), MEMORY, 1)
    assert answer.ranks.tolist() == [100, 95, 1]
    assert answer.hits.passages.reshape(3, 4).tolist() == [[99, 98, 97, 96]] * 3


def test_too_little_memory_is_said(partly_parallel: Dataset) -> None:
    """How much is needed at least is in the message, and that much is enough."""
    queries, passages = real(partly_parallel)
    corpora: dict[str, Any] = {language: InMemory(vectors) for language, vectors in passages.items()}
    tasks = partly_parallel.tasks()
    with pytest.raises(RetrieverError, match=r"1 MB of memory are too little .* give at least --memory (\d+)") as error:
        list(rankings(tasks, VectorScores(queries, corpora), 10, 1 << 20))
    least = int(str(error.value).rsplit(" ", 1)[1])
    assert len(list(rankings(tasks, VectorScores(queries, corpora), 10, least << 20))) == len(tasks)


def test_rankings_are_made_in_batches_that_fit(partly_parallel: Dataset) -> None:
    """Many settings with deep runs do not all keep their hits at once, and none is lost."""
    queries, passages = real(partly_parallel)
    corpora: dict[str, Any] = {language: InMemory(vectors) for language, vectors in passages.items()}
    tasks = partly_parallel.tasks()
    asked = [SearchRequest.of_task(task, 400) for task in tasks]
    scores = VectorScores(queries, corpora)
    wide, tight = (plan.SearchPlan(asked, scores, memory << 20, 1) for memory in (45, 5))
    assert [number for batch in tight.batches for number in batch] == list(range(len(tasks)))
    assert len(tight.batches) > len(wide.batches)
    few = list(rankings(tasks, VectorScores(queries, corpora), 400, 5 << 20, 1))
    many = list(rankings(tasks, VectorScores(queries, corpora), 400, MEMORY, 1))
    assert all(np.array_equal(a.ranks, b.ranks) for a, b in zip(few, many, strict=True))


def test_the_best_of_another_process_are_merged() -> None:
    """What comes from a worker may not be written to: the loop only reads it."""
    from beir_hybrid.retrieval.search.kernels import keep_all

    scores, places = np.full((1, 2), -np.inf, np.float32), np.full((1, 2), -1, np.int32)
    other_scores, other_places = np.array([[3.0, 5.0]], np.float32), np.array([[7, 9]], np.int32)
    for array in (other_scores, other_places):
        array.flags.writeable = False
    keep_all(scores, places, other_scores, other_places)
    assert sorted(zip(scores[0].tolist(), places[0].tolist(), strict=True)) == [(3.0, 7), (5.0, 9)]
