"""A Lucene index of passages, kept on disk by its content, and bag-of-words BM25 search in it.

Passages are indexed in descending order of their ids and Lucene breaks ties by its own document number, so
its order *is* trec_eval's (score descending, then id descending) and a cut at ``top_k`` keeps the right
ones of equal passages, without fetching more than asked for and without comparing ids.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beir_hybrid.disk.files import fingerprint_of
from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.bm25 import cache
from beir_hybrid.retrieval.bm25.analyzers import AnalyzerSpec
from beir_hybrid.retrieval.bm25.bridge import java_errors
from beir_hybrid.retrieval.bm25.java import start_jvm, versions
from beir_hybrid.retrieval.bm25.searcher import Ask, Found, Index
from beir_hybrid.retrieval.bm25.writer import open_pieces, write_index

FORMAT = 3  # raise it when what is on disk changes
_ORDER = "order.npy"
_PIECES = "lucene"


class LuceneIndex(Index):
    """An index made by ``open_or_build``."""

    def __init__(self, folder: Path, analyzer: AnalyzerSpec) -> None:
        start_jvm()
        self.folder = folder
        self.meta: dict[str, Any] = cache.read_meta(folder)
        self._size = int(self.meta["passages"])
        self._order = _read_order(folder, self._size)  # Lucene's number -> position
        with java_errors(f"Lucene cannot read the index in {folder}; delete that folder to build it anew"):
            reader = open_pieces(folder / _PIECES, self._size)
            found = reader.numDocs()
            super().__init__(reader, analyzer)
        if found != self._size:
            raise RetrieverError(
                f"the index in {folder} holds {found:,} passages, expected {self._size:,}; "
                f"delete that folder to build it anew"
            )

    @classmethod
    def open_or_build(
        cls,
        ids: Sequence[str],
        texts: Sequence[str],
        analyzer: AnalyzerSpec,
        *,
        cache_dir: Path,
        content: str = "",
        threads: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> LuceneIndex:
        """The index of these passages, from ``cache_dir`` or built into it.

        The folder's name is the digest of ids, texts, analyzer and the versions of Lucene and Java. An
        empty text is kept and never found. ``ids`` and ``texts`` are only read by position, so they may live on
        disk; what an interrupted call finished of the index is kept and not written again.

        Args:
            ids: distinct passage ids.
            texts: one a passage.
            content: a digest of ids and texts where one is known; else all of them are read for it.
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
        passages = (content,) if content else itertools.chain.from_iterable(zip(ids, texts, strict=True))
        key = fingerprint_of(itertools.chain([json.dumps(settings, sort_keys=True), str(len(ids))], passages))
        language = re.sub(r"[^a-z]", "_", analyzer.language) or "any"
        folder = cache_dir / f"bm25-{language}-{key[:24]}"

        def build(temporary: Path) -> dict[str, Any]:
            order = _descending(ids)
            if not isinstance(order, range):
                np.save(temporary / _ORDER, order)
            try:
                write_index(temporary / _PIECES, texts, order, analyzer, threads=threads, progress=progress)
            except BaseException:
                _keep_finished(temporary)
                raise
            return {**settings, "passages": len(ids), "fingerprint": key}

        cache.open_or_build(folder, build)
        return cls(folder, analyzer)

    def __len__(self) -> int:
        return self._size

    def _rank(self, ask: Ask, top_k: int) -> Found:
        top = ask(min(top_k, max(self._size, 1)))
        if isinstance(self._order, range):
            return (self._size - 1 - top.numbers).astype(np.int32), top.scores
        return self._order[top.numbers], top.scores


def _descending(ids: Sequence[str]) -> range | NDArray[np.int32]:
    """Positions in descending order of their ids (by code point, which is trec_eval's byte order)."""
    if _ascending(ids):
        return range(len(ids) - 1, -1, -1)
    order = sorted(range(len(ids)), key=ids.__getitem__, reverse=True)
    for first, second in itertools.pairwise(order):
        if ids[first] == ids[second]:
            raise RetrieverError(f"passage id {ids[first]!r} occurs twice; expected distinct ids")
    return np.asarray(order, dtype=np.int32)


def _ascending(ids: Sequence[str]) -> bool:
    """Whether ids stand in order, which a column on disk knows of itself."""
    if getattr(ids, "distinct_ascending", False):
        return True
    return all(before < after for before, after in itertools.pairwise(ids))


def _read_order(folder: Path, size: int) -> range | NDArray[np.int32]:
    path = folder / _ORDER
    if not path.exists():
        return range(size - 1, -1, -1)
    try:
        order: NDArray[np.int32] = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise RetrieverError(f"{path} cannot be read ({error}); delete that folder to build it anew") from error
    if order.shape != (size,):
        raise RetrieverError(f"{path} has shape {order.shape}, expected ({size},); delete that folder to build it anew")
    return order


def _keep_finished(folder: Path) -> None:
    """After an interrupt: nothing is left where no piece is finished."""
    if not (folder / _PIECES).is_dir() or not any((folder / _PIECES).iterdir()):
        (folder / _ORDER).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            (folder / _PIECES).rmdir()
