"""Learned sparse retrieval (SPLADE and its kin): exact full-depth ranks from products of sparse vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.records import BeirQueries, BeirResults, Corpus, FloatArray, IntArray
from beir_hybrid.retrieval.beir import BeirSearchable, corpus_texts
from beir_hybrid.retrieval.contract import Bound, Ranking
from beir_hybrid.retrieval.families.array_cache import Arrays
from beir_hybrid.retrieval.families.block_ranks import block_rankings
from beir_hybrid.retrieval.families.model import FamilyModel
from beir_hybrid.retrieval.families.searching import search_blocks
from beir_hybrid.settings import Task

DEFAULT_TOP_K = 100


@dataclass(frozen=True, eq=False)
class SparseScorer:
    """Dot products of sparse vectors, summed in float64 over the dimensions in ascending order, rounded to float32.

    Args:
        queries, passages: name -> ``scipy.sparse.csr_array`` float64 [n, d].
    """

    queries: Mapping[str, Any]
    passages: Mapping[str, Any]
    margin: float = 0.0

    def block(self, queries: str, rows: IntArray, corpus: str) -> FloatArray:
        found: FloatArray = (self.queries[queries][rows] @ self.passages[corpus].T).toarray().astype(np.float32)
        return found

    def exact(self, queries: str, row: int, corpus: str, places: IntArray) -> FloatArray:
        found: FloatArray = self.block(queries, np.array([row]), corpus)[0, places]
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
        asked = {name: self._vectors("query", block.texts) for name, block in queries.items()}
        there = {name: self._vectors("passage", block.full_texts()) for name, block in passages.items()}
        sizes = {
            "dimensions_a_query": _mean_size(asked),
            "dimensions_a_passage": _mean_size(there),
            "queries": sum(map(len, queries.values())),
        }
        for ranking in block_rankings(tasks, SparseScorer(asked, there), top_k or DEFAULT_TOP_K):
            silent = np.flatnonzero(np.diff(asked[ranking.task.query_language].indptr)[ranking.task.rows] == 0)
            yield replace(ranking.unanswered(silent), observed={"sparsity": sizes})

    def _vectors(self, role: str, texts: Sequence[str]) -> Any:
        """Vectors of texts, ``scipy.sparse.csr_array`` float64 [n, d]."""
        from scipy.sparse import csr_array, vstack

        parts = [
            csr_array((part["values"].astype(np.float64), part["indices"], part["indptr"]), shape=tuple(part["shape"]))
            for part in self._model.cache(role).chunks(texts, lambda some: self._encoded(role, some))
        ]
        found = vstack(parts, format="csr") if parts else csr_array((0, 1))
        found.sort_indices()
        return found

    def _encoded(self, role: str, texts: Sequence[str]) -> Arrays:
        from scipy.sparse import coo_array

        made = self._model.encode(role, texts, convert_to_tensor=True, convert_to_sparse_tensor=True, save_to_cpu=True)
        sparse = made.detach().to("cpu").coalesce()
        rows, columns = sparse.indices().numpy()
        whole = coo_array((sparse.values().float().numpy(), (rows, columns)), shape=tuple(sparse.shape)).tocsr()
        return {
            "values": whole.data, "indices": whole.indices, "indptr": whole.indptr, "shape": np.array(whole.shape),
        }  # fmt: skip

    def search(
        self, corpus: Corpus, queries: BeirQueries, top_k: int, score_function: str | None = None, **_: Any
    ) -> BeirResults:
        """BEIR's search; the score is the dot product whatever is passed."""

        def scorer(asked: Sequence[str], ids: Sequence[str]) -> SparseScorer:
            passages = self._vectors("passage", corpus_texts(corpus, ids))
            return SparseScorer({"": self._vectors("query", asked)}, {"": passages})

        return search_blocks(corpus, queries, top_k, scorer)


def _mean_size(vectors: Mapping[str, Any]) -> float | None:
    texts = sum(each.shape[0] for each in vectors.values())
    return sum(each.nnz for each in vectors.values()) / texts if texts else None
