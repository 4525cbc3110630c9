"""A Lucene index of passages, kept on disk by its content.

Passages are indexed from the last id to the first and Lucene breaks ties by its own document number, so its order *is*
trec_eval's (score descending, then id descending): a cut at ``top_k`` keeps the right ones of equal passages.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from beir_hybrid.disk.files import build_once, fingerprint_of, write_json
from beir_hybrid.errors import RetrieverError
from beir_hybrid.progress import counted
from beir_hybrid.retrieval.bm25.analyzers import AnalyzerSpec
from beir_hybrid.retrieval.bm25.bridge import java_errors
from beir_hybrid.retrieval.bm25.java import start_jvm, versions
from beir_hybrid.retrieval.bm25.searcher import Ask, Found, Index
from beir_hybrid.retrieval.bm25.writer import open_pieces, write_index

FORMAT = 4  # raise it when what is on disk changes


class LuceneIndex(Index):
    """An index made by `open_or_build`; see there."""

    def __init__(self, folder: Path, analyzer: AnalyzerSpec, size: int) -> None:
        start_jvm()
        self.folder, self._size = folder, size
        with java_errors(f"Lucene cannot read the index in {folder}; delete that folder to build it anew"):
            super().__init__(open_pieces(folder, size), analyzer)
            found = self._reader.numDocs()
        if found != size:
            raise RetrieverError(
                f"the index in {folder} holds {counted(found, 'passage', 'passages')}, expected {size:,}; delete that "
                "folder to build it anew"
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
        progress: Callable[[int], object] = lambda indexed: None,
    ) -> LuceneIndex:
        """The index of these passages, from ``cache_dir`` or built into it.

        The folder's name is the digest of ids, texts, analyzer and the versions of Lucene and Java, and it is there
        when it is whole. An empty text is kept and never found. ``ids`` and ``texts`` are only read by position, so
        they may live on disk. What an interrupted call finished is kept and not written again; of processes that
        build the same index the others wait for the first.

        Args:
            ids: passage ids in ascending order.
            texts: one a passage.
            content: a digest of ids and texts where one is known; else all of them are read for it.
            threads: indexing threads; they change the time and nothing else.
            progress: told how many more passages are indexed, perhaps from another thread; never when the index is
                there already.

        Raises:
            RetrieverError: ids and texts of different length, or the disk or Lucene fails.
        """
        if len(ids) != len(texts):
            raise RetrieverError(f"the corpus has {len(ids)} of ids and {len(texts)} of texts; expected one text an id")
        # Java's version counts too: its Unicode tables and its Thai dictionary decide what a word is.
        settings = {"format": FORMAT, "analyzer": analyzer.identity(), **versions()}
        passages = (content,) if content else itertools.chain.from_iterable(zip(ids, texts, strict=True))
        key = fingerprint_of(itertools.chain([json.dumps(settings, sort_keys=True), str(len(ids))], passages))
        language = re.sub(r"[^a-z]", "_", analyzer.language) or "any"
        folder = cache_dir / f"bm25-{language}-{key[:24]}"

        def write(part: Path) -> None:
            write_index(part, texts, analyzer, threads=threads, progress=progress)
            write_json(part / "meta.json", {**settings, "passages": len(ids), "fingerprint": key})

        build_once(folder, write, resume=True, kind=RetrieverError)
        return cls(folder, analyzer, len(ids))

    def __len__(self) -> int:
        return self._size

    def _rank(self, ask: Ask, top_k: int) -> Found:
        top = ask(min(top_k, max(self._size, 1)))
        return (self._size - 1 - top.numbers).astype(np.int32), top.scores
