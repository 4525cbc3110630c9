"""Ranks are a property of the vectors: the same under every kernel of numpy's BLAS, and with torch's product.

`make kernels` runs this file under three kernels. Under Haswell's, equal vectors get unequal scores from one product.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from beir_hybrid import Dataset, Passages, Queries
from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.retrieval.dense.vector_scores import (
    VectorScores,
    error_bounds,
    exact_scores,
    lengths_of,
    longest_of,
)
from beir_hybrid.retrieval.search import counter
from beir_hybrid.retrieval.search.request import SearchRequest
from beir_hybrid.retrieval.search.scores import rounded_by_torch
from beir_hybrid.retrieval.search.search import rankings, search

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
    for ranking in rankings(tasks, VectorScores(queries, passages), 20, 1 << 28):
        task = ranking.task
        pool = np.concatenate([passages[block.language] for block in task.blocks])
        order = truth(queries[task.query_language][task.rows], pool)
        place = [{at: rank for rank, at in enumerate(row, 1)} for row in order]
        judged = zip(task.judged.query.tolist(), task.judged.passage.tolist(), strict=True)
        assert ranking.ranks.tolist() == [place[query][passage] for query, passage in judged], task.name
        assert ranking.hits.passages.reshape(-1, 20).tolist() == [row[:20] for row in order], task.name


def awkward(kind: str, n: int, dimension: int) -> FloatArray:
    """Vectors for which bfloat16 is a bad approximation, each in another way."""
    rng = np.random.default_rng(n)
    found = rng.normal(size=(n, dimension)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    if kind == "duplicated":
        found[n // 2 :] = found[: n - n // 2]
    elif kind == "binarised":
        found = np.sign(found)
    elif kind == "near":  # told apart only by what rounding drops
        found = found[:1] + rng.normal(size=(n, dimension), scale=1e-6)
    elif kind == "huge":
        found *= np.float32(1e18) * rng.integers(1, 9, (n, 1)).astype(np.float32)
    elif kind == "zero":
        found[::2] = 0
    elif kind == "subnormal":
        found *= np.float32(1e-41)
    elif kind == "mixed sizes":
        found *= np.float32(10.0) ** rng.integers(-20, 20, (n, dimension)).astype(np.float32)
    elif kind == "axes":  # a whole length in one value, or in two neighbours
        found = np.zeros_like(found)
        found[np.arange(n), rng.integers(0, dimension, n)] = rng.choice([-1, 1], n)
        found[: n // 3, :2] = 1 / np.sqrt(2)
    elif kind == "largest":
        found[::3] = np.finfo(np.float32).max
    elif kind == "outlier":
        found[n // 3] *= np.float32(1e6)
    return found.astype(np.float32)


AWKWARD = (
    "duplicated", "binarised", "near", "huge", "zero", "subnormal", "mixed sizes", "largest", "outlier", "axes",
)  # fmt: skip


@pytest.mark.parametrize("rough", [False, True])
@pytest.mark.parametrize("kind", AWKWARD)
def test_every_rank_of_awkward_vectors(kind: str, rough: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of float32 and of whole numbers settle nothing wrongly: all ranks and hits of a full sort."""
    from beir_hybrid.retrieval.dense import product

    if rough and not product.PAIRS:
        pytest.skip("this processor does not multiply pairs of whole numbers")
    monkeypatch.setattr(product, "PAIRS", rough)
    monkeypatch.setattr(counter, "MOST_OPEN", 2.0)  # however much is open, no finer tile takes its place
    packed, used = product.packed, set()

    def packing(vectors: FloatArray, height: int, longest: float) -> Any:
        used.add(height)
        return packed(vectors, height, longest)

    monkeypatch.setattr(product, "packed", packing)
    n, m = 7, 530
    for dimension in (1, 65, 200):
        passages = awkward(kind, m, dimension)
        queries = awkward(kind, n, dimension)
        if kind == "subnormal":  # scores are of a common size, and what is lost of a passage counts
            queries = awkward("real", n, dimension) * np.float32(1e30)
        if kind == "largest":  # likewise, and what is lost of a query counts
            passages = awkward("duplicated", m, dimension) * np.float32(1e-10)
        pairs = np.indices((n, m)).reshape(2, -1)
        with np.errstate(over="ignore"):
            scores = exact_scores(queries, passages, *pairs).reshape(n, m)
        order = [np.lexsort((-np.arange(m), -row)) for row in scores]
        asked = SearchRequest("q", np.arange(n), {"p": 0}, *pairs, 20)
        found = VectorScores({"q": queries}, {"p": passages})
        ((_, answer),) = search([asked], found, 1 << 28, 2)
        # lengths too far from 1 are left to float32
        assert bool(used) == (rough and kind not in ("huge", "subnormal", "mixed sizes", "largest"))
        assert np.array_equal(answer.hits.passages.reshape(n, 20), [row[:20] for row in order])
        assert np.array_equal(answer.ranks.reshape(n, m), 1 + np.argsort(order, axis=1))


def test_a_tile_that_leaves_too_much_open_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors that whole numbers cannot tell apart are multiplied as float32 from then on, with the same answer."""
    from beir_hybrid.retrieval.dense import product

    if not product.PAIRS:
        pytest.skip("this processor does not multiply pairs of whole numbers")
    queries, passages = awkward("near", 30, 64), awkward("near", 3000, 64)
    asked = SearchRequest("q", np.arange(30), {"p": 0}, np.arange(30), np.arange(30), 5)
    answers = []
    for most in (counter.MOST_OPEN, 2.0):
        monkeypatch.setattr(counter, "MOST_OPEN", most)
        scores = VectorScores({"q": queries}, {"p": passages})
        answers.append(next(search([asked], scores, 1 << 28, 1))[1])
        assert (scores._too_rough == {"q"}) == (most < 1)
    assert np.array_equal(answers[0].ranks, answers[1].ranks)
    assert np.array_equal(answers[0].hits.passages, answers[1].hits.passages)


def test_no_product_of_ours_is_further_off_than_its_bound() -> None:
    """Of any shape, from any column on, of any lengths of vectors."""
    from beir_hybrid.retrieval.dense import product

    if not product.PAIRS:
        pytest.skip("this processor does not multiply pairs of whole numbers")
    for dimension, first, shape in ((1, 0, (1, 1)), (7, 5, (40, 31)), (193, 11, (12, 64)), (1000, 3, (50, 300))):
        queries, passages = awkward("real", shape[0], dimension), awkward("mixed sizes", 400, dimension)
        passages *= np.float32(1e-3)
        lengths = lengths_of(queries)
        left = product.packed(queries, product.ROWS, lengths.max())
        right = product.packed(passages, product.COLUMNS, longest_of(passages))
        found = np.empty(shape, np.float32)
        product.multiply(left, right, first, lengths.max() * longest_of(passages) / product.LARGEST**2, found)
        off = np.abs(found - queries.astype(float) @ passages[first : first + shape[1]].T.astype(float))
        most = np.full(shape[0], lengths.max())
        bounds = error_bounds(most, longest_of(passages), dimension, product.rounded(dimension), product.STEPS)
        assert (off <= bounds[:, None]).all()


OTHER = """
import platform; platform.machine = lambda: "aarch64"
import numpy as np
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.search.request import SearchRequest
from beir_hybrid.retrieval.search.search import search
vectors = np.eye(8, dtype=np.float32)
((_, answer),) = search([SearchRequest.of_all(8, 1)], VectorScores({"": vectors}, {"": vectors}), 1 << 28, 1)
assert answer.hits.passages.tolist() == list(range(8))
"""


def test_other_processors_leave_the_product_to_numpy() -> None:
    """Where there are no pairs, as on ARM, nothing of them is compiled."""
    subprocess.run([sys.executable, "-c", OTHER], check=True)


def test_beirs_search_ranks_likewise(dataset: Dataset) -> None:
    """``search`` gives the hits that ``retrieve`` gives."""
    queries, passages = vectors("duplicated", 384)
    known: dict[str, Any] = {}
    for x in LANGUAGES:
        known |= dict(zip(dataset.queries[x].texts, queries[x], strict=True))
        known |= dict(zip(dataset.passages[x].full_texts(), passages[x], strict=True))
    retriever = DenseRetriever(lambda texts: np.stack([known[text] for text in texts]), similarity="dot")
    task = dataset.task("multi:de")
    corpus, asked, _ = BeirView(task).load()
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
    plain = {r.task.name: r for r in rankings(dataset.tasks(), VectorScores(queries, passages), 20, 1 << 28)}
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        found = list(rankings(dataset.tasks(), VectorScores(queries, passages, "cpu"), 20, 1 << 28))
    finally:
        torch.set_float32_matmul_precision(before)
    for ranking in found:
        expected = plain[ranking.task.name]
        assert np.array_equal(ranking.ranks, expected.ranks)
        assert np.array_equal(ranking.hits.passages, expected.hits.passages)
        assert ranking.hits.scores.tobytes() == expected.hits.scores.tobytes()


def test_a_precision_of_one_backend_is_no_error() -> None:
    """PyTorch's newer way to allow TF32, of which it does not answer for all backends: the widest bound is taken."""
    import torch

    product: Any = torch.backends.cuda.matmul
    before = product.fp32_precision
    product.fp32_precision = "tf32"
    try:
        with pytest.raises(RuntimeError):
            torch.get_float32_matmul_precision()
        assert rounded_by_torch() == 2.0**-8
    finally:
        product.fp32_precision = before
    assert rounded_by_torch() == 0


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
        error_bounds(lengths_of(queries["de"]), longest_of(values), 384, rounded, 384)[:, None]
        for rounded in (0.0, 2.0**-8)
    ]
    assert (off > bounds[0]).any() and (off <= bounds[1]).all()
