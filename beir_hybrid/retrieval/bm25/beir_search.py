"""BM25 for BEIR users, in any language and without Elasticsearch.

Example:
    >>> from beir.retrieval.evaluation import EvaluateRetrieval
    >>> from beir_hybrid.retrieval.bm25.beir_search import BM25Search
    >>> results = EvaluateRetrieval(BM25Search(language="de")).retrieve(corpus, queries)  # doctest: +SKIP

Importing this module imports BEIR (and so torch); nothing else of this package imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import platformdirs
from beir.retrieval.search import BaseSearch

from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.bm25.analyzers import AnalyzerSpec, language_analyzer, standard_analyzer
from beir_hybrid.retrieval.bm25.index import K1, B, Hits, LuceneIndex
from beir_hybrid.retrieval.bm25.java import start_jvm


class BM25Search(BaseSearch):  # type: ignore[misc]  # BEIR has no type information
    """Lucene BM25 as a BEIR search object.

    Args:
        language: the language of corpus and queries (ISO 639-1), which chooses the analyzer; None for text of
            several languages, which is lower-cased and not stemmed. What it came to is in ``analyzer``.
        k1: how fast a repeated word stops counting (Anserini's default, not Lucene's 1.2).
        b: how much long passages are held back (Anserini's default, not Lucene's 0.75).
        threads: indexing and search threads.
        cache_dir: where indexes are kept by their content; the user's cache folder by default.
    """

    def __init__(
        self,
        language: str | None = None,
        *,
        k1: float = K1,
        b: float = B,
        threads: int = 1,
        cache_dir: str | Path | None = None,
    ) -> None:
        jvm = start_jvm()
        self.analyzer: AnalyzerSpec = (
            standard_analyzer() if language is None else language_analyzer(language, jvm)
        )
        self.k1 = k1
        self.b = b
        self.threads = threads
        self.cache_dir = (
            Path(cache_dir) if cache_dir else platformdirs.user_cache_path("beir-hybrid") / "bm25"
        )

    def search(
        self,
        corpus: Mapping[str, Mapping[str, str | None]],
        queries: Mapping[str, str],
        top_k: int,
        score_function: str | None = None,
        **kwargs: Any,
    ) -> dict[str, dict[str, float]]:
        """The ``top_k`` best passages of every query that share a term with it, best first.

        A passage is its title, a space, and its text. Every query has an entry, an empty one where nothing
        matches. As in BEIR's dense search a passage with the query's own id is left out. ``score_function``
        and the other keywords of BEIR's retrievers have no meaning here and are ignored.
        """
        ids = list(corpus)
        index = LuceneIndex.open_or_build(
            ids,
            [_passage_text(corpus[passage_id]) for passage_id in ids],
            self.analyzer,
            cache_dir=self.cache_dir,
            threads=self.threads,
        )
        try:
            hits = index.search(list(queries.values()), top_k + 1, k1=self.k1, b=self.b, threads=self.threads)
        finally:
            index.close()
        return _as_results(hits, ids, queries, top_k)

    def encode(self, *args: Any, **kwargs: Any) -> NoReturn:
        """BM25 has no embeddings: raises RetrieverError."""
        raise RetrieverError("BM25 has no embeddings to encode; call EvaluateRetrieval.retrieve or search")

    def search_from_files(self, *args: Any, **kwargs: Any) -> NoReturn:
        """BM25 has no embedding files: raises RetrieverError."""
        raise RetrieverError("BM25 has no embedding files; call EvaluateRetrieval.retrieve or search")


def _passage_text(passage: Mapping[str, str | None]) -> str:
    return f"{passage.get('title') or ''} {passage.get('text') or ''}".strip()


def _as_results(
    hits: Hits, ids: list[str], queries: Mapping[str, str], top_k: int
) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    for place, query_id in enumerate(queries):
        part = slice(int(hits.indptr[place]), int(hits.indptr[place + 1]))
        found = ((ids[position], score) for position, score in _pairs(hits, part))
        kept = [(passage_id, score) for passage_id, score in found if passage_id != query_id]
        results[query_id] = dict(kept[:top_k])
    return results


def _pairs(hits: Hits, part: slice) -> zip[tuple[int, float]]:
    """Python ints and floats: BEIR's evaluation refuses numpy's."""
    return zip(hits.passages[part].tolist(), hits.scores[part].tolist(), strict=True)
