"""Ranks are a property of the vectors: the same under every kernel of numpy's BLAS, and with torch's product.

`make kernels` runs this file under three kernels. Under Haswell's, equal vectors get unequal scores from one product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from beir_hybrid import Dataset, Passages, Queries
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.retrieval.dense.vector_scores import HeldVectors, VectorScores, error_bounds, lengths_of, longest_of
from beir_hybrid.retrieval.search.search import rankings

pytestmark = pytest.mark.kernels
LANGUAGES = ("de", "en", "zh")
N_QUERIES, N_PASSAGES = 60, 700


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Parallel questions with an answer in each of three languages."""
    return Dataset(
        "kernels", "test",
        {x: Passages(x, [f"{x}-p-{i:04}" for i in range(N_PASSAGES)], [f"{x} {i}" for i in range(N_PASSAGES)])
         for x in LANGUAGES},
        {x: Queries(x, [f"{x}-q-{i:04}" for i in range(N_QUERIES)], [f"ask {x} {i}" for i in range(N_QUERIES)])
         for x in LANGUAGES},
        {f"{x}-q-{i:04}": {f"{y}-p-{i * 7:04}": 1 for y in LANGUAGES} for x in LANGUAGES for i in range(N_QUERIES)},
    )  # fmt: skip


def vectors(kind: str, dimension: int) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    rng = np.random.default_rng(dimension)

    def make(n: int) -> FloatArray:
        found = rng.normal(size=(n, dimension)).astype(np.float32)
        if kind == "binarised":
            return np.sign(found).astype(np.float32)
        if kind == "int8":
            return np.round(found * 20).clip(-127, 127).astype(np.float32)
        if kind == "duplicated":
            found[n // 2 :] = found[: n - n // 2]
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    passages = {x: make(N_PASSAGES) for x in LANGUAGES}
    if kind == "duplicated":
        passages["zh"][:300] = passages["de"][:300]
    return {x: make(N_QUERIES) for x in LANGUAGES}, passages


def truth(queries: FloatArray, passages: FloatArray) -> list[list[int]]:
    """Positions by score (summed in float64, rounded to float32) descending, then position descending."""
    scores = (queries.astype(np.float64) @ passages.astype(np.float64).T).astype(np.float32)
    return [np.lexsort((-np.arange(len(row)), -row)).tolist() for row in scores]


@pytest.mark.parametrize("kind", ["real", "binarised", "duplicated", "int8"])
@pytest.mark.parametrize("dimension", [64, 384, 1024])
def test_every_rank_is_that_of_the_exact_scores(dataset: Dataset, kind: str, dimension: int) -> None:
    """Every judged rank and every kept hit of all settings, whatever multiplies."""
    queries, passages = vectors(kind, dimension)
    tasks = dataset.tasks()
    held = {x: HeldVectors(found) for x, found in passages.items()}
    for ranking in rankings(tasks, VectorScores(queries, held), 20, 1 << 28):
        task = ranking.task
        pool = np.concatenate([passages[block.language] for block in task.blocks])
        order = truth(queries[task.query_language][task.rows], pool)
        place = [{at: rank for rank, at in enumerate(row, 1)} for row in order]
        judged = zip(task.judged.query.tolist(), task.judged.passage.tolist(), strict=True)
        assert ranking.ranks.tolist() == [place[query][passage] for query, passage in judged], task.name
        assert ranking.hits.passages.reshape(-1, 20).tolist() == [row[:20] for row in order], task.name


def test_beirs_search_ranks_likewise(dataset: Dataset) -> None:
    """``search`` gives the hits that ``retrieve`` gives."""
    queries, passages = vectors("duplicated", 384)
    known: dict[str, Any] = {}
    for x in LANGUAGES:
        known |= dict(zip(dataset.queries[x].texts, queries[x], strict=True))
        known |= dict(zip(dataset.passages[x].full_texts(), passages[x], strict=True))
    retriever = DenseRetriever(lambda texts: np.stack([known[text] for text in texts]), similarity="dot")
    task = dataset.task("multi:de")
    corpus, asked, _ = task.load()
    found = retriever.search(corpus, asked, 20)
    order = truth(queries["de"], np.concatenate([passages[x] for x in LANGUAGES]))
    ids = list(task.passage_ids)
    assert [list(found[query]) for query in asked] == [[ids[at] for at in row[:20]] for row in order]


@pytest.mark.parametrize("precision", ["highest", "medium"])
@pytest.mark.parametrize("kind", ["real", "duplicated"])
def test_with_torchs_product(dataset: Dataset, kind: str, precision: str) -> None:
    """Another library multiplies, in another order of summation or in bfloat16, as on a device: no rank moves."""
    import torch

    queries, passages = vectors(kind, 384)
    held = {x: HeldVectors(found) for x, found in passages.items()}
    plain = {r.task.name: r for r in rankings(dataset.tasks(), VectorScores(queries, held), 20, 1 << 28)}
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        found = list(rankings(dataset.tasks(), VectorScores(queries, held, "cpu"), 20, 1 << 28))
    finally:
        torch.set_float32_matmul_precision(before)
    for ranking in found:
        expected = plain[ranking.task.name]
        assert np.array_equal(ranking.ranks, expected.ranks)
        assert np.array_equal(ranking.hits.passages, expected.hits.passages)
        assert ranking.hits.scores.tobytes() == expected.hits.scores.tobytes()


def test_what_torch_rounds_is_within_its_bound() -> None:
    """The bound is of the precision that PyTorch is set to: bfloat16 products are off by more than float32's."""
    import torch

    queries, passages = vectors("real", 384)
    values = np.concatenate(list(passages.values()))
    exact = queries["de"].astype(float) @ values.T.astype(float)
    for each in (queries["de"], values):
        each[:] = torch.from_numpy(each).bfloat16().float().numpy()
    off = np.abs(queries["de"].astype(float) @ values.T.astype(float) - exact)
    bounds = [
        error_bounds(lengths_of(queries["de"]), longest_of(values), 384, rounded)[:, None] for rounded in (0.0, 2.0**-8)
    ]
    assert (off > bounds[0]).any() and (off <= bounds[1]).all()
