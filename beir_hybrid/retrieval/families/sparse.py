"""Learned sparse retrieval (SPLADE and its kin): exact full-depth ranks from products of sparse vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.dense.embeddings import Rows
from beir_hybrid.retrieval.dense.models import Role
from beir_hybrid.retrieval.families.model import FamilyModel, PairScoringRetriever
from beir_hybrid.retrieval.search.scores import PairScores, ScoreTile


@dataclass(frozen=True, eq=False)
class SparseScores(PairScores):
    """Dot products of sparse vectors, summed in float64 over the dimensions in ascending order, rounded to float32.

    See `PairScores`.

    Args:
        queries, corpora: name -> ``scipy.sparse.csr_array`` float64 [n, d], indices sorted.
    """

    def __post_init__(self) -> None:
        every = [*self.queries.values(), *self.corpora.values()]
        width = max((each.shape[1] for each in every), default=1)
        for each in every:  # what is behind the last dimension that a text has is zero
            each.resize(each.shape[0], width)

    def read(self, corpus: str, begin: int, end: int) -> Any:
        return self.corpora[corpus][begin:end].T.tocsr()

    def tile(self, queries: str, rows: slice, passages: Any, columns: slice) -> ScoreTile:
        product = self.queries[queries][rows] @ passages[:, columns]
        return ScoreTile(product.toarray(order="C").astype(np.float32), None)

    def pairs(self, queries: str, rows: IntArray, corpus: str, places: IntArray) -> FloatArray:
        products = self.queries[queries][rows].multiply(self.corpora[corpus][places]).tocsr()
        products.sort_indices()
        # a product with ones adds up in the order of the dimensions, as a tile does
        found: FloatArray = (products @ np.ones(products.shape[1])).astype(np.float32)
        return found


class SparseRetriever(PairScoringRetriever):
    """Ranks by the dot product of sparse vectors, every passage down to the last.

    Args:
        model: a ``sentence_transformers.SparseEncoder``, its name or path.
        options: see `FamilyModel`.

    Raises:
        RetrieverError: the model cannot be loaded.
    """

    kind = "sparse"
    _work = 1 << 30

    def __init__(self, model: Any, **options: Any) -> None:
        self._model = FamilyModel(model, "SparseEncoder", **options)
        self.name = self._model.name

    def _finished(self, ranking: Ranking, scores: SparseScores) -> Ranking:
        sizes = {
            "dimensions_a_query": _mean_size(scores.queries),
            "dimensions_a_passage": _mean_size(scores.corpora),
            "queries": sum(scores.n_queries.values()),
        }
        task = ranking.task
        silent = np.flatnonzero(np.diff(scores.queries[task.query_language].indptr)[task.rows] == 0)
        return replace(ranking.unanswered(silent), observed={"sparsity": sizes})

    def _scores(self, queries: Mapping[str, Sequence[str]], passages: Mapping[str, Sequence[str]]) -> SparseScores:
        return SparseScores(self._vectors("query", queries), self._vectors("passage", passages))

    def _vectors(self, role: Role, lists: Mapping[str, Sequence[str]]) -> dict[str, Any]:
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

    def _encoded(self, role: Role, texts: Sequence[str]) -> Rows:
        """The dimensions of each text that are not zero, beside their values; float32 holds both exactly."""
        from scipy.sparse import coo_array

        made = self._model.encode(role, texts, convert_to_tensor=True, convert_to_sparse_tensor=True, save_to_cpu=True)
        sparse = made.detach().to("cpu").coalesce()
        rows, columns = sparse.indices().numpy()
        whole = coo_array((sparse.values().float().numpy(), (rows, columns)), shape=tuple(sparse.shape)).tocsr()
        values = np.stack([whole.indices, whole.data], axis=1).astype(np.float32)
        return Rows(values, np.diff(whole.indptr).astype(np.int64))


def _mean_size(vectors: Mapping[str, Any]) -> float | None:
    texts = sum(each.shape[0] for each in vectors.values())
    return sum(each.nnz for each in vectors.values()) / texts if texts else None
