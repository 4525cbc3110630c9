"""Bag-of-words BM25 over an open Lucene index: many queries, several threads, results as columns."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray, Hits, IntArray
from beir_hybrid.retrieval.bm25.analyzers import AnalyzerSpec
from beir_hybrid.retrieval.bm25.bridge import (
    detach_thread,
    java_class,
    java_errors,
    java_text,
    one_thread,
    own_class,
)
from beir_hybrid.retrieval.bm25.writer import FIELD

K1 = 0.9
B = 0.4
_INT_MAX = 2**31 - 1

Found = tuple[NDArray[np.int32], FloatArray]
"""One query's passages (positions in the corpus) and scores, in the order of the ranking."""
NOTHING: Found = (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32))


class Top(NamedTuple):
    """One query's best documents as Lucene orders them: score descending, then its own number ascending.

    ``names`` are the stored ids where the index stores them.
    """

    numbers: IntArray
    scores: FloatArray
    names: Sequence[str | None]


Ask = Callable[[int], Top]
"""The best documents of a query, as many as asked for."""


class Index(abc.ABC):
    """An open Lucene index. Searching it from several threads is safe.

    Args:
        reader: a Lucene ``IndexReader``.
        analyzer: what queries are read with.
    """

    def __init__(self, reader: Any, analyzer: AnalyzerSpec) -> None:
        self._reader = reader
        self._spec, self._analyzer = analyzer, analyzer.build()
        self._queries = java_class("io.anserini.search.query.BagOfWordsQueryGenerator")()
        self._results = java_class("io.anserini.search.ScoredDocs")

    @abc.abstractmethod
    def _rank(self, ask: Ask, top_k: int) -> Found:
        """The hits of a query, made of what Lucene answers."""

    def search(self, queries: Sequence[str], top_k: int, *, k1: float = K1, b: float = B, threads: int = 1) -> Hits:
        """The ``top_k`` best passages of each query among those that share a term with it.

        A query is a bag of words: Lucene's query syntax means nothing, a word that stands twice counts twice, and a
        query without terms (blank, or stop words only) finds nothing.

        Raises:
            RetrieverError: ``top_k`` below 1, or Lucene fails.
        """
        if top_k < 1:
            raise RetrieverError(f"top_k is {top_k}; expected 1 or more")

        def search_slice(part: slice) -> list[Found]:
            return [self._search_one(searcher, query, top_k) for query in queries[part]]

        with java_errors("Lucene could not search"):
            searcher = self._searcher(k1, b)
            found = _in_threads(search_slice, len(queries), threads)
        indptr = np.zeros(len(found) + 1, dtype=np.int64)
        np.cumsum([len(scores) for _, scores in found], out=indptr[1:])
        return Hits(
            indptr,
            np.concatenate([NOTHING[0], *(passages for passages, _ in found)]),
            np.concatenate([NOTHING[1], *(scores for _, scores in found)]),
        )

    def close(self) -> None:
        """Let go of the files; the index must not be searched afterwards."""
        self._reader.close()

    def _searcher(self, k1: float, b: float) -> Any:
        with one_thread():
            searchers = java_class("org.apache.lucene.search.IndexSearcher")
            searchers.setMaxClauseCount(_INT_MAX)  # a query may be a whole passage
            searcher = own_class(
                "org.apache.lucene.search.IndexSearcher",
                "(Lorg/apache/lucene/index/IndexReader;)V",
                search="(Lorg/apache/lucene/search/Query;I)Lorg/apache/lucene/search/TopDocs;",
                setSimilarity="(Lorg/apache/lucene/search/similarities/Similarity;)V",
                setQueryCache="(Lorg/apache/lucene/search/QueryCache;)V",
            )(self._reader)
            bm25 = java_class("org.apache.lucene.search.similarities.BM25Similarity")
            searcher.setSimilarity(bm25(float(k1), float(b)))
            searcher.setQueryCache(None)
            return searcher

    def _search_one(self, searcher: Any, query: str, top_k: int) -> Found:
        text = self._spec.prepared(query)
        if not text.strip():
            return NOTHING
        terms = self._queries.buildQuery(FIELD, self._analyzer, java_text(text))

        def ask(limit: int) -> Top:
            found = self._results.fromTopDocs(searcher.search(terms, limit), searcher)
            numbers = np.asarray(found.lucene_docids, dtype=np.int64)
            return Top(numbers, np.asarray(found.scores, dtype=np.float32), found.docids)

        return self._rank(ask, top_k)


def _in_threads(work: Callable[[slice], list[Found]], size: int, threads: int) -> list[Found]:
    """``work`` over ``range(size)``, in order, by that many threads (Java runs without the GIL)."""
    if threads <= 1 or size <= threads:
        return work(slice(0, size))

    def in_thread(part: slice) -> list[Found]:
        try:
            return work(part)
        finally:
            detach_thread()

    step = max(1, -(-size // (threads * 8)))
    parts = [slice(start, start + step) for start in range(0, size, step)]
    with ThreadPoolExecutor(threads) as pool:
        return [hit for part in pool.map(in_thread, parts) for hit in part]
