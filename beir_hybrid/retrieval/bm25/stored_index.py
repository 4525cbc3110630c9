"""Searching a Lucene index that was built elsewhere: Anserini's own, whose documents carry the ids of the corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from beir_hybrid.disk.files import fingerprint
from beir_hybrid.errors import RetrieverError
from beir_hybrid.progress import counted
from beir_hybrid.records import IntArray
from beir_hybrid.retrieval.bm25.analyzers import AnalyzerSpec
from beir_hybrid.retrieval.bm25.bridge import java_class, java_errors
from beir_hybrid.retrieval.bm25.java import start_jvm
from beir_hybrid.retrieval.bm25.searcher import Ask, Found, Index, Top
from beir_hybrid.retrieval.bm25.writer import FIELD, lucene_directory


class StoredIndex(Index):
    """An index of one language's passages, made by Anserini (or pyserini) with stored ids.

    Nothing in such an index says which analyzer its terms came from, so ``analyzer`` must be the same. Documents are
    numbered in the order in which they were indexed: equal scores are put into trec_eval's order here, and where the
    cut at ``top_k`` falls among equal scores as many more are asked for as it takes. Passages without text are not in
    Anserini's indexes, which changes no score.

    Args:
        folder: the folder with Lucene's ``segments_N``.
        analyzer: what the index was made with.
        passages: how many the corpus has.
        position: where the passage of a stored id stands in the corpus, None if it is not in it.
        corpus: what messages call the corpus.

    Raises:
        RetrieverError: there is no such index, Lucene cannot read it, or it is of another corpus.
    """

    def __init__(
        self, folder: Path, analyzer: AnalyzerSpec, *, passages: int, position: Callable[[str], int | None], corpus: str
    ) -> None:
        self.folder = folder
        self._position = position
        self._corpus = corpus
        index_identity(folder)  # says so where there is none
        start_jvm()
        with java_errors(f"Lucene cannot read the index in {folder}"):
            reader = java_class("org.apache.lucene.index.DirectoryReader").open(lucene_directory(folder))
            documents, indexed = int(reader.numDocs()), int(reader.getDocCount(FIELD))
            super().__init__(reader, analyzer)
        if documents and not indexed:
            self.close()
            raise RetrieverError(f"the index in {folder} has no field {FIELD!r}; expected one that Anserini has made")
        if documents > passages:
            self.close()
            raise RetrieverError(
                f"the index in {folder} holds {counted(documents, 'passage', 'passages')}, {corpus} {passages:,}: it "
                f"is of another corpus, or another version of this"
            )

    def _rank(self, ask: Ask, top_k: int) -> Found:
        most = max(int(self._reader.maxDoc()), 1)
        limit = min(top_k + 1, most)
        top = ask(limit)
        while len(top.scores) == limit < most and top.scores[-1] == top.scores[min(top_k, limit) - 1]:
            limit = min(2 * limit, most)
            top = ask(limit)
        positions = self._positions(top)
        order = np.lexsort((-positions, -top.scores))[:top_k]
        return positions[order].astype(np.int32), top.scores[order]

    def _positions(self, top: Top) -> IntArray:
        """Where the documents stand in the corpus."""
        found = np.empty(len(top.scores), dtype=np.int64)
        for row, key in enumerate(top.names):
            if key is None:
                raise RetrieverError(f"the index in {self.folder} stores no ids; expected one that Anserini has made")
            position = self._position(key)
            if position is None:
                raise RetrieverError(
                    f"the index in {self.folder} found document {key!r}, which is not in {self._corpus}: it is of "
                    f"another corpus, or another version of this"
                )
            found[row] = position
        return found


def holds_index(folder: Path) -> bool:
    """Whether there is a Lucene index in a folder."""
    return folder.is_dir() and any(folder.glob("segments_*"))


def index_identity(folder: Path) -> str:
    """What tells an index from every other: Lucene writes random ids into its list of segments at each commit.

    Raises:
        RetrieverError: there is no index in the folder, or its list of segments cannot be read.
    """
    try:
        lists = sorted(folder.glob("segments_*"))
        if not lists:
            raise RetrieverError(f"{folder} holds no Lucene index: there is no file segments_N in it")
        return fingerprint(*(part for path in lists for part in (path.name, path.read_bytes())))
    except OSError as error:
        raise RetrieverError(f"{folder}: cannot be read: {error.strerror or error}") from error
