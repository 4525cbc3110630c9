"""BM25 in every language setting, in four variants."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from beir_hybrid.corpus.pool import Joined
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.errors import RetrieverError, did_you_mean
from beir_hybrid.processors import processors
from beir_hybrid.records import POOL, BeirQueries, BeirResults, Corpus, Hits, IntArray, Passages, Queries
from beir_hybrid.retrieval.beir import DEFAULT_TOP_K, BeirSearchable, corpus_texts, hits_to_results
from beir_hybrid.retrieval.bm25.analyzers import (
    AnalyzerSpec,
    anserini_analyzer,
    language_analyzer,
    standard_analyzer,
)
from beir_hybrid.retrieval.bm25.index import LuceneIndex
from beir_hybrid.retrieval.bm25.java import start_jvm, versions
from beir_hybrid.retrieval.bm25.prebuilt import find_index
from beir_hybrid.retrieval.bm25.searcher import K1, B
from beir_hybrid.retrieval.bm25.stored_index import StoredIndex, index_identity
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.settings import Task

Variant = Literal["language", "standard", "translated", "anserini"]
VARIANTS: tuple[Variant, ...] = ("language", "standard", "translated", "anserini")
Index = LuceneIndex | StoredIndex
_CODE = re.compile(r"[a-z]{2,3}")
_OWN_ID = re.compile(r"([a-z]{2,3})-p-")


class BM25Retriever(BeirSearchable):
    """Lucene BM25, from the Anserini that pyserini ships.

    The corpus of a task is what is indexed: document frequencies are those of the passages searched. Index and
    query side use the same analyzer, and `describe` says which.

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
            publishes, as ``miracl-v1.0-{language}``; see `find_index`. The variant's analyzers read the queries, and
            must be those of the index.
        java_memory: the most memory Java may take, as ``8g``; default: ``BEIR_HYBRID_JVM_HEAP``, else a quarter of
            the machine's.
        name: how results call it.

    Raises:
        RetrieverError: an unknown variant, or a language that is not written as a code.
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
        if language is not None and not _CODE.fullmatch(language):
            raise RetrieverError(f"{language!r} is no language code; expected ISO 639-1, like 'de'")
        self.variant = variant
        self.k1, self.b = k1, b
        self.name = name or f"bm25-{variant}"
        self._language = language
        self._threads = threads or processors()
        self._cache = Path(cache) if cache else cache_dir() / "bm25"
        self._index = None if index is None else str(index)
        self._folders: dict[str, Path] = {}
        self._analyzers: dict[str, AnalyzerSpec] = {}
        self._parallel: Dataset | None = None
        self._jvm = start_jvm(java_memory)

    def prepare(self, dataset: Dataset) -> None:
        """Choose the analyzers of a data set's languages, and learn its parallel queries."""
        self._parallel = dataset
        self._analyzers = {language: self._analyzer(language) for language in (*dataset.languages, POOL)}
        if self._index is not None:
            self._folders = {language: self._folder(language) for language in dataset.languages}

    def _analyzer(self, language: str) -> AnalyzerSpec:
        if self.variant == "standard" or language == POOL:
            return standard_analyzer()
        if self.variant == "anserini":
            return anserini_analyzer(language, self._jvm)
        return language_analyzer(language, self._jvm)

    def _folder(self, language: str) -> Path:
        """Where the index of others for a language is."""
        if language not in self._folders:
            self._folders[language] = find_index(self._index or "", language, self._cache)
        return self._folders[language]

    def describe(self) -> dict[str, Any]:
        used = {key: spec for key, spec in self._analyzers.items() if key != POOL or self.variant == "standard"}
        return {
            "type": "bm25",
            "variant": self.variant,
            "k1": self.k1,
            "b": self.b,
            "analyzers": {key: spec.describe() for key, spec in used.items()},
            "pool": "one index" if self.variant == "standard" else "one index per language, merged by raw score",
            **self._stored(),
            **versions(),
        }

    def _stored(self) -> dict[str, Any]:
        """What tells the indexes of others apart, where they are used."""
        if self._index is None:
            return {}
        found = {language: index_identity(folder) for language, folder in self._folders.items()}
        return {"index": self._index, "index_identity": found}

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        """Rankings of depth ``top_k`` (default 1000); passages that share no term with a query are in none."""
        depth = top_k or DEFAULT_TOP_K
        by_language: dict[str, list[Task]] = {}
        for task in tasks:
            by_language.setdefault(task.query_language, []).append(task)
        indexes = self._indexes(tasks)
        # what has been searched: (queries of a language, corpus) -> hits of all of them
        found: dict[tuple[str, str], Hits] = {}
        try:
            with _progress(len(tasks), "searching", "setting") as bar:
                for group in by_language.values():
                    for task in group:
                        hits = self._rank(task, indexes, depth, found)
                        yield Ranking.of_hits(task, hits)
                        bar.update()
                    if self.variant != "translated":  # there every language's own hits serve all the others
                        found.clear()
        finally:
            for index in indexes.values():
                index.close()

    def _rank(self, task: Task, indexes: Mapping[str, Index], depth: int, found: dict[tuple[str, str], Hits]) -> Hits:
        if task.setting != "multi":
            return self._ask(task, task.corpus_language, indexes, depth, found)
        if self.variant == "standard":
            return self._search(task.queries, POOL, indexes, depth, found).take(task.rows)
        parts = [self._ask(task, block.language, indexes, depth, found) for block in task.blocks]
        starts = np.cumsum([0, *(len(block) for block in task.blocks)])
        query = np.concatenate([part.query for part in parts])
        passages = np.concatenate([part.passages + start for part, start in zip(parts, starts, strict=False)])
        scores = np.concatenate([part.scores for part in parts])
        together = np.argsort(query, kind="stable")
        return Hits.sorted(len(task.rows), query[together], passages[together], scores[together]).cut(depth)

    def _ask(
        self,
        task: Task,
        language: str,
        indexes: Mapping[str, Index],
        depth: int,
        found: dict[tuple[str, str], Hits],
    ) -> Hits:
        """The hits of a task's queries in one language's corpus."""
        if self.variant != "translated" or language == task.query_language:
            return self._search(task.queries, language, indexes, depth, found).take(task.rows)
        other = self._translations(language)
        place = {group: row for row, group in enumerate(other.groups)}
        rows = np.array([place.get(task.queries.groups[row], -1) for row in task.rows], dtype=np.int64)
        own = self._search(other, language, indexes, depth, found)
        if (rows >= 0).all():
            return own.take(rows)
        untranslated = self._search(task.queries, language, indexes, depth, found)
        return _choose(own, rows, untranslated, task.rows)

    def _translations(self, language: str) -> Queries:
        if self._parallel is None:
            raise RetrieverError(
                "the translated variant needs parallel queries: call prepare(dataset) first, or evaluate()"
            )
        return self._parallel.queries[language]

    def _search(
        self,
        queries: Queries,
        corpus: str,
        indexes: Mapping[str, Index],
        depth: int,
        found: dict[tuple[str, str], Hits],
    ) -> Hits:
        key = (queries.language, corpus)
        if key not in found:
            found[key] = indexes[corpus].search(queries.texts, depth, k1=self.k1, b=self.b, threads=self._threads)
        return found[key]

    def _indexes(self, tasks: Sequence[Task]) -> dict[str, Index]:
        """An index for every corpus the tasks search: that of others, from the cache, or built now."""
        corpora: dict[str, tuple[Passages, ...]] = {}
        for task in tasks:
            if task.setting == "multi" and self.variant == "standard":
                corpora[POOL] = task.blocks
            else:
                corpora.update({block.language: (block,) for block in task.blocks})
        if self._index is not None:
            return self._stored_indexes(corpora)
        opened: dict[str, Index] = {}
        with _progress(sum(len(b) for blocks in corpora.values() for b in blocks), "indexing", "passage") as bar:
            for corpus, blocks in corpora.items():
                analyzer = self._analyzers.get(corpus) or self._analyzer(corpus)
                self._analyzers[corpus] = analyzer
                opened[corpus] = LuceneIndex.open_or_build(
                    Joined([block.ids for block in blocks]),
                    Joined([block.lazy_full_texts() for block in blocks]),
                    analyzer,
                    cache_dir=self._cache,
                    content=_content(blocks),
                    threads=self._threads,
                    progress=bar.update,
                )
        return opened

    def _stored_indexes(self, corpora: Mapping[str, Sequence[Passages]]) -> dict[str, Index]:
        if POOL in corpora:
            raise RetrieverError(
                f"{self._index} is an index of one language, and the standard variant searches the pool as one; "
                f"leave out the setting multi, or choose another variant"
            )
        opened: dict[str, Index] = {}
        for language, (block,) in corpora.items():
            opened[language] = StoredIndex(
                self._folder(language),
                self._analyzers.get(language) or self._analyzer(language),
                passages=len(block),
                position=partial(_position, block),
                corpus=f"the corpus of {language!r}",
            )
        return opened

    def search(
        self, corpus: Corpus, queries: BeirQueries, top_k: int, score_function: str | None = None, **_: Any
    ) -> BeirResults:
        """BEIR's search: the ``top_k`` best passages that share a term with each query, best first.

        A passage is its title, a space and its text. Every query has an entry, an empty one where nothing matches.
        As in BEIR's dense search a passage with the query's own id is left out; ``score_function`` means nothing
        here.
        """
        passage_ids = sorted(corpus)
        index = self._index_of(corpus, passage_ids)
        try:
            hits = index.search(list(queries.values()), top_k + 1, k1=self.k1, b=self.b, threads=self._threads)
        finally:
            index.close()
        found = hits_to_results(hits, list(queries), passage_ids)
        return {query: dict(list(ranked.items())[:top_k]) for query, ranked in found.items()}

    def _index_of(self, corpus: Corpus, passage_ids: Sequence[str]) -> Index:
        language = self._language or _language_of(passage_ids)
        analyzer = self._analyzer(language)
        if self._index is not None:
            place = {key: position for position, key in enumerate(passage_ids)}
            return StoredIndex(
                self._folder(language), analyzer, passages=len(place), position=place.get, corpus="the corpus"
            )
        texts = corpus_texts(corpus, passage_ids)
        return LuceneIndex.open_or_build(passage_ids, texts, analyzer, cache_dir=self._cache, threads=self._threads)


def _position(block: Passages, key: str) -> int | None:
    """Where the passage of a stored id, one of the upstream files or our own, stands."""
    found = block.source_position(key)
    return block.position(key) if found is None else found


def _content(blocks: Sequence[Passages]) -> str:
    """A digest of the passages, if all of them live on disk and have one; else empty."""
    return fingerprint(*(block.content for block in blocks)) if all(block.on_disk for block in blocks) else ""


def _language_of(passage_ids: Sequence[str]) -> str:
    matches = {match[1] if (match := _OWN_ID.match(key)) else POOL for key in passage_ids}
    return matches.pop() if len(matches) == 1 else POOL


def _choose(first: Hits, rows: IntArray, second: Hits, other_rows: IntArray) -> Hits:
    """Query by query: row ``rows[i]`` of ``first`` unless negative, else row ``other_rows[i]`` of ``second``."""
    both = Hits(
        np.concatenate([first.indptr, first.indptr[-1] + second.indptr[1:]]),
        np.concatenate([first.passages, second.passages]),
        np.concatenate([first.scores, second.scores]),
    )
    return both.take(np.where(rows >= 0, rows, len(first) + other_rows))


def _progress(total: int, doing: str, unit: str) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, desc=doing, unit=unit, file=sys.stderr, disable=None, leave=False)
