"""A Lucene index of passages, kept on disk by its content, and bag-of-words BM25 search in it.

Passages are indexed in descending order of their ids and Lucene breaks ties by its own document number, so
its order *is* trec_eval's (score descending, then id descending) and a cut at ``top_k`` keeps the right
ones of equal passages, without fetching more than asked for.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.bm25 import cache
from beir_hybrid.retrieval.bm25.analyzers import AnalyzerSpec
from beir_hybrid.retrieval.bm25.bridge import cast, detach_thread, java_class, java_errors, java_text
from beir_hybrid.retrieval.bm25.java import start_jvm, versions
from beir_hybrid.retrieval.bm25.writer import FIELD, lucene_directory, write_index
from beir_hybrid.types import Hits

FORMAT = 1  # raise it when what is on disk changes
K1 = 0.9
B = 0.4
_INT_MAX = 2**31 - 1

_Found = tuple[NDArray[np.int32], NDArray[np.float32]]  # one query's passages and scores
_NO_PASSAGES: NDArray[np.int32] = np.empty(0, dtype=np.int32)
_NO_SCORES: NDArray[np.float32] = np.empty(0, dtype=np.float32)


class LuceneIndex:
    """An index made by ``open_or_build``. Searching it from several threads is safe."""

    def __init__(self, folder: Path, analyzer: AnalyzerSpec) -> None:
        start_jvm()
        self.folder = folder
        self.analyzer = analyzer
        self.meta: dict[str, Any] = json.loads((folder / cache.META).read_text(encoding="utf-8"))
        self._order: NDArray[np.int32] = np.load(folder / "order.npy")  # Lucene's number -> position
        with java_errors(f"Lucene cannot read the index in {folder}; delete that folder to build it anew"):
            self._reader = java_class("org.apache.lucene.index.DirectoryReader").open(
                lucene_directory(folder / "lucene")
            )
        self._built_analyzer = analyzer.build()
        self._prepare = analyzer.preparer()
        self._queries = java_class("io.anserini.search.query.BagOfWordsQueryGenerator")()
        self._results = java_class("io.anserini.search.ScoredDocs")

    @classmethod
    def open_or_build(
        cls,
        ids: Sequence[str],
        texts: Sequence[str],
        analyzer: AnalyzerSpec,
        *,
        cache_dir: Path,
        threads: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> LuceneIndex:
        """The index of these passages, from ``cache_dir`` or built into it.

        The folder's name is the hash of ids, texts, analyzer and the versions of Lucene and Java. An
        empty text is kept and never found. ``texts`` is only read by position, so it may live on disk.

        Args:
            ids: distinct passage ids.
            texts: one a passage.
            threads: indexing threads; they change the time and nothing else.
            progress: told how many more passages are indexed (as ``tqdm.update`` is), perhaps from another
                thread; never when the index is there already.

        Raises:
            RetrieverError: duplicate ids, ids and texts of different length, or Lucene could not write.
        """
        if len(ids) != len(texts):
            raise RetrieverError(f"{len(ids)} passage ids for {len(texts)} texts; expected one text an id")
        # Java's version counts too: its Unicode tables and its Thai dictionary decide what a word is.
        settings = {"format": FORMAT, "analyzer": analyzer.identity(), **versions()}
        key = cache.content_key(ids, texts, settings)
        language = re.sub(r"[^a-z]", "_", analyzer.language) or "any"
        folder = cache_dir / f"bm25-{language}-{key[:24]}"

        def build(temporary: Path) -> dict[str, Any]:
            order = _descending(ids)
            write_index(temporary / "lucene", texts, order, analyzer, threads=threads, progress=progress)
            np.save(temporary / "order.npy", order)
            return {**settings, "passages": len(ids), "sha256": key}

        cache.open_or_build(folder, build)
        return cls(folder, analyzer)

    def __len__(self) -> int:
        return len(self._order)

    def search(self, queries: Sequence[str], top_k: int, *, k1: float = K1, b: float = B, threads: int = 1) -> Hits:
        """The ``top_k`` best passages of each query among those that share a term with it.

        A query is a bag of words: Lucene's query syntax means nothing, a word that stands twice counts
        twice, and a query without terms (blank, or stop words only) finds nothing.
        """
        if top_k < 1:
            raise RetrieverError(f"top_k is {top_k}; expected 1 or more")
        if not k1 >= 0 or not 0 <= b <= 1:
            raise RetrieverError(f"k1 is {k1} and b is {b}; expected k1 >= 0 and b between 0 and 1")
        limit = min(top_k, max(len(self), 1))

        def search_slice(part: slice) -> list[_Found]:
            return [self._search_one(searcher, query, limit) for query in queries[part]]

        with java_errors("Lucene could not search"):
            searcher = self._searcher(k1, b)
            found = _in_threads(search_slice, len(queries), threads)
        indptr = np.zeros(len(found) + 1, dtype=np.int64)
        np.cumsum([len(scores) for _, scores in found], out=indptr[1:])
        return Hits(
            indptr,
            np.concatenate([_NO_PASSAGES, *(passages for passages, _ in found)]),
            np.concatenate([_NO_SCORES, *(scores for _, scores in found)]),
        )

    def close(self) -> None:
        """Let go of the files; the index must not be searched afterwards."""
        self._reader.close()

    def _searcher(self, k1: float, b: float) -> Any:
        searchers = java_class("org.apache.lucene.search.IndexSearcher")
        searchers.setMaxClauseCount(_INT_MAX)  # a query may be a whole passage
        searcher = searchers(cast("org.apache.lucene.index.IndexReader", self._reader))
        searcher.setSimilarity(java_class("org.apache.lucene.search.similarities.BM25Similarity")(float(k1), float(b)))
        searcher.setQueryCache(None)
        return searcher

    def _search_one(self, searcher: Any, query: str, limit: int) -> _Found:
        text = self._prepare(query) if self._prepare else query
        if not text.strip():
            return _NO_PASSAGES, _NO_SCORES
        terms = self._queries.buildQuery(FIELD, self._built_analyzer, java_text(text))
        found = self._results.fromTopDocs(searcher.search(terms, limit), searcher)
        numbers = np.asarray(found.lucene_docids, dtype=np.int32)
        return self._order[numbers], np.asarray(found.scores, dtype=np.float32)


def _descending(ids: Sequence[str]) -> NDArray[np.int32]:
    """Positions in descending order of their ids (by code point, which is trec_eval's byte order)."""
    order = sorted(range(len(ids)), key=ids.__getitem__, reverse=True)
    for first, second in itertools.pairwise(order):
        if ids[first] == ids[second]:
            raise RetrieverError(f"passage id {ids[first]!r} occurs twice; expected distinct ids")
    return np.asarray(order, dtype=np.int32)


def _in_threads(work: Callable[[slice], list[_Found]], size: int, threads: int) -> list[_Found]:
    """``work`` over ``range(size)``, in order, by that many threads (Java runs without the GIL)."""
    if threads <= 1 or size <= threads:
        return work(slice(0, size))

    def in_thread(part: slice) -> list[_Found]:
        try:
            return work(part)
        finally:
            detach_thread()

    step = max(1, -(-size // (threads * 8)))
    parts = [slice(start, start + step) for start in range(0, size, step)]
    with ThreadPoolExecutor(threads) as pool:
        return [hit for part in pool.map(in_thread, parts) for hit in part]
