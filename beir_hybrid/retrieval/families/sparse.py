"""Learned sparse retrieval (SPLADE and its kin): exact full-depth ranks from products of sparse vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.records import BeirQueries, BeirResults, Corpus, FloatArray, IntArray
from beir_hybrid.retrieval.beir import BeirSearchable
from beir_hybrid.retrieval.contract import Bound, Ranking
from beir_hybrid.retrieval.dense.embeddings import Rows
from beir_hybrid.retrieval.families.model import FamilyModel
from beir_hybrid.retrieval.search.scores import ScoreTile
from beir_hybrid.retrieval.search.search import beir_search, rankings
from beir_hybrid.settings import Task

DEFAULT_TOP_K = 100
MEMORY = 1 << 30
"""Bytes of scores, besides the vectors."""


@dataclass(frozen=True, eq=False)
class SparseScores:
    """Dot products of sparse vectors, summed in float64 over the dimensions in ascending order, rounded to float32.

    See `PairScores`.

    Args:
        queries, passages: name -> ``scipy.sparse.csr_array`` float64 [n, d], indices sorted.
    """

    queries: Mapping[str, Any]
    passages: Mapping[str, Any]
    a_passage: int = 0
    held: int = 0

    def __post_init__(self) -> None:
        every = [*self.queries.values(), *self.passages.values()]
        width = max((each.shape[1] for each in every), default=1)
        for each in every:  # what is behind the last dimension that a text has is zero
            each.resize(each.shape[0], width)

    @property
    def n_queries(self) -> Mapping[str, int]:
        return {name: each.shape[0] for name, each in self.queries.items()}

    @property
    def sizes(self) -> Mapping[str, int]:
        return {name: each.shape[0] for name, each in self.passages.items()}

    def read(self, corpus: str, begin: int, end: int) -> Any:
        return self.passages[corpus][begin:end].T.tocsr()

    def tile(self, queries: str, rows: slice, passages: Any, columns: slice) -> ScoreTile:
        product = self.queries[queries][rows] @ passages[:, columns]
        return ScoreTile(product.toarray(order="C").astype(np.float32), None)

    def pairs(self, queries: str, rows: IntArray, corpus: str, places: IntArray) -> FloatArray:
        products = self.queries[queries][rows].multiply(self.passages[corpus][places]).tocsr()
        products.sort_indices()
        # a product with ones adds up in the order of the dimensions, as a tile does
        found: FloatArray = (products @ np.ones(products.shape[1])).astype(np.float32)
        return found


class SparseRetriever(BeirSearchable):
    """Ranks by the dot product of sparse vectors, every passage down to the last.

    Args:
        model: a ``sentence_transformers.SparseEncoder``, its name or path.
        options: see `FamilyModel`.

    Raises:
        RetrieverError: the model cannot be loaded.
    """

    def __init__(self, model: Any, **options: Any) -> None:
        self._model = FamilyModel(model, "SparseEncoder", **options)
        self.name = self._model.name

    def describe(self) -> dict[str, Any]:
        return self._model.record("sparse")

    def bind(self, dataset: Dataset) -> Bound:
        return Bound(dataset, self._rank, depth=None)

    def _rank(self, tasks: Sequence[Task], top_k: int | None) -> Iterator[Ranking]:
        queries = {task.query_language: task.queries for task in tasks}
        passages = {block.language: block for task in tasks for block in task.blocks}
        asked = self._vectors("query", {name: block.texts for name, block in queries.items()})
        there = self._vectors("passage", {name: block.lazy_full_texts() for name, block in passages.items()})
        sizes = {
            "dimensions_a_query": _mean_size(asked),
            "dimensions_a_passage": _mean_size(there),
            "queries": sum(map(len, queries.values())),
        }
        for ranking in rankings(tasks, SparseScores(asked, there), top_k or DEFAULT_TOP_K, MEMORY):
            silent = np.flatnonzero(np.diff(asked[ranking.task.query_language].indptr)[ranking.task.rows] == 0)
            yield replace(ranking.unanswered(silent), observed={"sparsity": sizes})

    def _vectors(self, role: str, lists: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Vectors of texts by name, ``scipy.sparse.csr_array`` float64 [n, d]."""
        from scipy.sparse import csr_array

        found = {}
        for name, made in self._model.rows(role, lists, partial(self._encoded, role)):
            ends = np.concatenate([[0], np.cumsum(made.counts)])
            places, values = made.vectors.reshape(-1, 2).T
            shape = (len(made.counts), int(places.max(initial=0)) + 1)
            found[name] = csr_array((values.astype(np.float64), places.astype(np.int32), ends), shape=shape)
            found[name].sort_indices()
        return found

    def _encoded(self, role: str, texts: Sequence[str]) -> Rows:
        """The dimensions of each text that are not zero, beside their values; float32 holds both exactly."""
        from scipy.sparse import coo_array

        made = self._model.encode(role, texts, convert_to_tensor=True, convert_to_sparse_tensor=True, save_to_cpu=True)
        sparse = made.detach().to("cpu").coalesce()
        rows, columns = sparse.indices().numpy()
        whole = coo_array((sparse.values().float().numpy(), (rows, columns)), shape=tuple(sparse.shape)).tocsr()
        values = np.stack([whole.indices, whole.data], axis=1).astype(np.float32)
        return Rows(values, np.diff(whole.indptr).astype(np.int64))

    def search(
        self, corpus: Corpus, queries: BeirQueries, top_k: int, score_function: str | None = None, **_: Any
    ) -> BeirResults:
        """BEIR's search; the score is the dot product whatever is passed."""

        def scores_of(asked: Sequence[str], there: Sequence[str]) -> SparseScores:
            return SparseScores(self._vectors("query", {"": asked}), self._vectors("passage", {"": there}))

        return beir_search(corpus, queries, top_k, scores_of, MEMORY)


def _mean_size(vectors: Mapping[str, Any]) -> float | None:
    texts = sum(each.shape[0] for each in vectors.values())
    return sum(each.nnz for each in vectors.values()) / texts if texts else None
