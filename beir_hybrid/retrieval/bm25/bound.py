"""BM25 with a data set: which index is asked for which task, and with which queries. For `BM25Retriever`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from beir_hybrid.corpus.pool import Joined
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import RetrieverError
from beir_hybrid.progress import progress
from beir_hybrid.records import POOL, Hits, IntArray, Passages, Queries
from beir_hybrid.retrieval.bm25.analyzers import AnalyzerSpec
from beir_hybrid.retrieval.bm25.index import LuceneIndex
from beir_hybrid.retrieval.bm25.searcher import Index
from beir_hybrid.retrieval.bm25.stored_index import StoredIndex, index_identity
from beir_hybrid.retrieval.contract import DEFAULT_DEPTH, Ranking
from beir_hybrid.settings import Task

if TYPE_CHECKING:
    from beir_hybrid.retrieval.bm25.retriever import BM25Retriever

Found = dict[tuple[str, str], Hits]
"""(Language of queries, corpus) -> the hits of all those queries."""


@dataclass(frozen=True, eq=False)
class BoundBM25:
    """A `BM25Retriever` and a data set.

    Args:
        analyzers: of each language, and of the pool where it is one index.
        folders: where the indexes of others are, for each language; empty: our own are asked.
    """

    retriever: BM25Retriever
    dataset: Dataset
    analyzers: Mapping[str, AnalyzerSpec]
    folders: Mapping[str, Path]

    depth = DEFAULT_DEPTH

    @property
    def observed(self) -> Mapping[str, Any]:
        """The analyzers, and what tells the indexes of others apart."""
        identities = {language: index_identity(folder) for language, folder in self.folders.items()}
        return {
            "analyzers": {key: spec.describe() for key, spec in self.analyzers.items()},
            **({"index_identity": identities} if identities else {}),
        }

    def tasks(self, settings: str | Iterable[str] | None = None) -> list[Task]:
        return self.dataset.tasks(settings)

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        """Rankings of depth ``top_k`` (default 1000); passages that share no term with a query are in none."""
        depth = top_k or self.depth
        by_language: dict[str, list[Task]] = {}
        for task in tasks:
            by_language.setdefault(task.query_language, []).append(task)
        indexes = self._indexes(tasks)
        found: Found = {}
        try:
            with progress("searching", len(tasks), "setting") as bar:
                for group in by_language.values():
                    for task in group:
                        yield Ranking.of_hits(task, self._rank(task, indexes, depth, found), depth)
                        bar.advance()
                    # if translated, every language's own hits serve all the others
                    if self.retriever.variant != "translated":
                        found.clear()
        finally:
            for index in indexes.values():
                index.close()

    def _rank(self, task: Task, indexes: Mapping[str, Index], depth: int, found: Found) -> Hits:
        if task.setting != "multi":
            return self._ask(task, task.corpus_language, indexes, depth, found)
        if self.retriever.variant == "standard":
            return self._search(task.queries, POOL, indexes, depth, found).take(task.rows)
        parts = [self._ask(task, block.language, indexes, depth, found) for block in task.blocks]
        starts = np.cumsum([0, *(len(block) for block in task.blocks)])
        query = np.concatenate([part.query for part in parts])
        passages = np.concatenate([part.passages + start for part, start in zip(parts, starts, strict=False)])
        scores = np.concatenate([part.scores for part in parts])
        together = np.argsort(query, kind="stable")
        return Hits.sorted(len(task.rows), query[together], passages[together], scores[together]).cut(depth)

    def _ask(self, task: Task, language: str, indexes: Mapping[str, Index], depth: int, found: Found) -> Hits:
        """The hits of a task's queries in one language's corpus."""
        if self.retriever.variant != "translated" or language == task.query_language:
            return self._search(task.queries, language, indexes, depth, found).take(task.rows)
        other = self.dataset.queries[language]
        place = {group: row for row, group in enumerate(other.groups)}
        rows = np.array([place.get(task.queries.groups[row], -1) for row in task.rows], dtype=np.int64)
        own = self._search(other, language, indexes, depth, found)
        if (rows >= 0).all():
            return own.take(rows)
        untranslated = self._search(task.queries, language, indexes, depth, found)
        return _choose(own, rows, untranslated, task.rows)

    def _search(self, queries: Queries, corpus: str, indexes: Mapping[str, Index], depth: int, found: Found) -> Hits:
        key = (queries.language, corpus)
        if key not in found:
            found[key] = self.retriever.ask(indexes[corpus], queries.texts, depth)
        return found[key]

    def _indexes(self, tasks: Sequence[Task]) -> dict[str, Index]:
        """One index for each corpus that the tasks need; those that are not there are built."""
        corpora: dict[str, Sequence[Passages]] = {}
        for task in tasks:
            if task.setting == "multi" and self.retriever.variant == "standard":
                corpora[POOL] = task.blocks
            else:
                corpora.update({block.language: (block,) for block in task.blocks})
        if self.folders:
            return {corpus: self._stored(corpus, blocks) for corpus, blocks in corpora.items()}
        opened: dict[str, Index] = {}
        with progress("indexing", sum(len(b) for blocks in corpora.values() for b in blocks), "passage") as bar:
            for corpus, blocks in corpora.items():
                opened[corpus] = LuceneIndex.open_or_build(
                    Joined([block.ids for block in blocks]),
                    Joined([block.lazy_full_texts() for block in blocks]),
                    self.analyzers[corpus],
                    cache_dir=self.retriever.cache,
                    content=_content(blocks),
                    threads=self.retriever.threads,
                    progress=bar.advance,
                )
        return opened

    def _stored(self, corpus: str, blocks: Sequence[Passages]) -> StoredIndex:
        if corpus == POOL:
            raise RetrieverError(
                f"{self.retriever.index} is an index of one language, and the standard variant searches the pool as "
                f"one; leave out the setting multi, or choose another variant"
            )
        (block,) = blocks
        return StoredIndex(
            self.folders[corpus],
            self.analyzers[corpus],
            passages=len(block),
            position=partial(_position, block),
            corpus=f"the corpus of {corpus!r}",
        )


def _position(block: Passages, key: str) -> int | None:
    """Where the passage of a stored id, one of the upstream files or our own, stands."""
    found = block.source_position(key)
    return block.position(key) if found is None else found


def _content(blocks: Sequence[Passages]) -> str:
    """A digest of the passages, if all of them live on disk and have one; else empty."""
    return fingerprint(*(block.content for block in blocks)) if all(block.on_disk for block in blocks) else ""


def _choose(first: Hits, rows: IntArray, second: Hits, other_rows: IntArray) -> Hits:
    """Query by query: row ``rows[i]`` of ``first`` unless negative, else row ``other_rows[i]`` of ``second``."""
    both = Hits(
        np.concatenate([first.indptr, first.indptr[-1] + second.indptr[1:]]),
        np.concatenate([first.passages, second.passages]),
        np.concatenate([first.scores, second.scores]),
    )
    return both.take(np.where(rows >= 0, rows, len(first) + other_rows))
