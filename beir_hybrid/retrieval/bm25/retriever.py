"""BM25 in every language setting, in four variants: for `evaluate`, and as a BEIR search object."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.errors import RetrieverError, did_you_mean
from beir_hybrid.processors import processors
from beir_hybrid.records import POOL, BeirQueries, BeirResults, Corpus, Hits
from beir_hybrid.retrieval.beir import BeirSearchable, beir_results, corpus_texts
from beir_hybrid.retrieval.bm25.analyzers import (
    AnalyzerSpec,
    anserini_analyzer,
    known_code,
    language_analyzer,
    standard_analyzer,
)
from beir_hybrid.retrieval.bm25.bound import BoundBM25
from beir_hybrid.retrieval.bm25.index import LuceneIndex
from beir_hybrid.retrieval.bm25.java import start_jvm, versions
from beir_hybrid.retrieval.bm25.prebuilt import find_indexes
from beir_hybrid.retrieval.bm25.searcher import K1, B, Index
from beir_hybrid.retrieval.bm25.stored_index import StoredIndex

Variant = Literal["language", "standard", "translated", "anserini"]
VARIANTS: tuple[Variant, ...] = ("language", "standard", "translated", "anserini")
_OWN_ID = re.compile(r"([a-z]{2,3})-p-")


class BM25Retriever(BeirSearchable):
    """Lucene BM25, from the Anserini that pyserini ships.

    The corpus of a task is what is indexed: document frequencies are those of the passages searched. Index and
    query side use the same analyzer, and the bound retriever's ``observed`` says which.

    Args:
        variant:
            ``language``: each corpus has an index with its language's Lucene analyzer; the pool merges the
            rankings of all of them by score.
            ``standard``: Lucene's StandardAnalyzer (Unicode words, lower case, no stemming) everywhere; the pool is
            one index of all passages.
            ``translated``: as ``language``, but each corpus is asked the parallel query in its own language, a human
            translation. No system has that: it is an upper bound of query translation. Where a question was not
            asked in a corpus's language (MLQA-R), the query as it is is asked.
            ``anserini``: as ``language``, with the analyzers of Anserini also where they are a matter of chance (see
            `anserini_analyzer`): what pyserini's published numbers and indexes are made with. Its indexes join title
            and text by a line break and ours by a space, which makes the same terms, and leave out passages without
            text; it rounds scores and orders equal ones by ascending id, where ours follow trec_eval.
            Default: ``anserini`` with an index of others, else ``language``.
        k1: how fast a repeated word stops counting (Anserini's default).
        b: how much long passages are held back (Anserini's default).
        language: for BEIR's `search` only, whose corpora carry no language: chooses the analyzer. None: the language
            that our passage ids carry; other corpora get the StandardAnalyzer.
        threads: indexing and search threads; default: one for each processor.
        cache: the folder of indexes; default: ``bm25`` in the cache folder of this package.
        index: an index that others have built, instead of one of our own: a folder, or the name of one that pyserini
            publishes, as ``miracl-v1.0-{language}``; see `find_indexes`. The variant's analyzers read the queries, and
            must be those of the index.
        java_memory: the most memory Java may take, as ``8g``; default: ``BEIR_HYBRID_JVM_HEAP``, else a quarter of
            the machine's.
        name: how results call it.

    Raises:
        RetrieverError: an unknown variant, impossible parameters, or a language that is not written as a code.
        MissingExtraError, JavaError: the ``bm25`` extra or a Java that Lucene can run on is missing.
    """

    def __init__(
        self,
        variant: str | None = None,
        *,
        k1: float = K1,
        b: float = B,
        language: str | None = None,
        threads: int | None = None,
        cache: Path | str | None = None,
        index: Path | str | None = None,
        java_memory: str | None = None,
        name: str | None = None,
    ) -> None:
        variant = variant or ("language" if index is None else "anserini")
        if variant not in VARIANTS:
            raise RetrieverError(f"unknown BM25 variant {variant!r}; {did_you_mean(variant, VARIANTS)}")
        numbers = isinstance(k1, int | float) and isinstance(b, int | float)  # options by name may be texts
        if not numbers or not 0 <= k1 < math.inf or not 0 <= b <= 1:
            raise RetrieverError(f"k1 is {k1!r} and b is {b!r}; expected k1 >= 0 and b between 0 and 1")
        if language is not None:
            known_code(language)  # refuses what is none
        self.variant = variant
        self.k1, self.b = k1, b
        self.name = name or f"bm25-{variant}"
        self._language = language
        self.threads = threads or processors()
        self.cache = Path(cache) if cache else cache_dir() / "bm25"
        self.index = None if index is None else str(index)
        self._jvm = start_jvm(java_memory)

    def describe(self) -> dict[str, Any]:
        return {
            "type": "bm25",
            "variant": self.variant,
            "k1": self.k1,
            "b": self.b,
            "pool": "one index" if self.variant == "standard" else "one index per language, merged by raw score",
            **({} if self.index is None else {"index": self.index}),
            **versions(),
        }

    def bind(self, dataset: Dataset) -> BoundBM25:
        """With the analyzers of the data set's languages, indexes where others built them, parallel queries."""
        corpora = [*dataset.languages, *([POOL] if self.variant == "standard" else [])]
        analyzers = {language: self._analyzer(language) for language in corpora}
        folders = {} if self.index is None else find_indexes(self.index, dataset.passage_languages, self.cache)
        return BoundBM25(self, dataset, analyzers, folders)

    def ask(self, index: Index, queries: Sequence[str], top_k: int) -> Hits:
        """The best hits of an index, with this retriever's parameters."""
        return index.search(queries, top_k, k1=self.k1, b=self.b, threads=self.threads)

    def _analyzer(self, language: str) -> AnalyzerSpec:
        if self.variant == "standard" or language == POOL:
            spec = standard_analyzer()
        elif self.variant == "anserini":
            spec = anserini_analyzer(language, self._jvm)
        else:
            spec = language_analyzer(language, self._jvm)
        # queries are read as the passages were: who built an index did not normalise them
        return spec if self.index is None else replace(spec, normalisation="")

    def search(
        self, corpus: Corpus, queries: BeirQueries, top_k: int, score_function: str | None = None, **_: Any
    ) -> BeirResults:
        """BEIR's search: the ``top_k`` best passages that share a term with each query, best first.

        A passage is its title, a space and its text. Every query has an entry, an empty one where nothing matches.
        As in BEIR's dense search a passage with the query's own id is left out; ``score_function`` means nothing
        here.
        """
        passage_ids = sorted(corpus)

        def best(depth: int) -> Hits:
            index = self._index_of(corpus, passage_ids)
            try:
                return self.ask(index, list(queries.values()), depth)
            finally:
                index.close()

        return beir_results(queries, passage_ids, top_k, best)

    def _index_of(self, corpus: Corpus, passage_ids: Sequence[str]) -> Index:
        language = self._language or _language_of(passage_ids)
        analyzer = self._analyzer(language)
        if self.index is not None:
            place = {key: position for position, key in enumerate(passage_ids)}
            folder = find_indexes(self.index, [language], self.cache)[language]
            return StoredIndex(folder, analyzer, passages=len(place), position=place.get, corpus="the corpus")
        texts = corpus_texts(corpus, passage_ids)
        return LuceneIndex.open_or_build(passage_ids, texts, analyzer, cache_dir=self.cache, threads=self.threads)


def _language_of(passage_ids: Sequence[str]) -> str:
    matches = {match[1] if (match := _OWN_ID.match(key)) else POOL for key in passage_ids}
    return matches.pop() if len(matches) == 1 else POOL
