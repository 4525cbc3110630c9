"""Writing a Lucene index: passages in a given order, by one thread or several."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beir_hybrid.retrieval.bm25.analyzers import AnalyzerSpec
from beir_hybrid.retrieval.bm25.bridge import cast, detach_thread, java_class, java_errors, java_text

FIELD = "contents"  # the name Anserini uses
_BUFFER_MB = 256.0  # Anserini's 2048 does not fit the default heap of a machine with 8 GB
_STEP = 1000
_PER_THREAD = 20_000  # below that, splitting costs more than it saves


def write_index(
    folder: Path,
    texts: Sequence[str],
    order: NDArray[np.int32],
    analyzer: AnalyzerSpec,
    *,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Index ``texts[order[0]], texts[order[1]], ...``: Lucene's document number is the place in ``order``.

    With several threads each writes a stretch of ``order`` by itself; the stretches are then joined in
    order. Only terms and their frequencies are kept, no text. Raises RetrieverError with Lucene's reason if
    it cannot.
    """
    told = progress or _silent
    pieces = max(1, min(threads, len(order) // _PER_THREAD))
    with java_errors(f"Lucene could not write the index in {folder}"):
        if pieces == 1:
            _write_stretch(folder, texts, order, analyzer, told)
        else:
            _write_pieces(folder, texts, np.array_split(order, pieces), analyzer, told)


def _silent(_: int) -> None:
    return


def _write_pieces(
    folder: Path,
    texts: Sequence[str],
    stretches: list[NDArray[np.int32]],
    analyzer: AnalyzerSpec,
    told: Callable[[int], None],
) -> None:
    parts = [folder.with_name(f"{folder.name}-{number}") for number in range(len(stretches))]
    stop = threading.Event()

    def tell(indexed: int) -> None:
        if stop.is_set():
            raise CancelledError
        told(indexed)

    def write(part: Path, stretch: NDArray[np.int32]) -> None:
        try:
            _write_stretch(part, texts, stretch, analyzer, tell)
        finally:
            detach_thread()

    with ThreadPoolExecutor(len(parts)) as pool:
        try:
            list(pool.map(write, parts, stretches))
        finally:
            stop.set()  # after an error or Ctrl-C the others need not finish
    with _writing(folder, analyzer) as writer:
        writer.addIndexes(*(cast("org.apache.lucene.store.Directory", lucene_directory(part)) for part in parts))
    for part in parts:
        shutil.rmtree(part)


def _write_stretch(
    folder: Path,
    texts: Sequence[str],
    order: NDArray[np.int32],
    analyzer: AnalyzerSpec,
    told: Callable[[int], None],
) -> None:
    prepare = analyzer.preparer()
    with _writing(folder, analyzer) as writer:
        document, field = _document()
        for start in range(0, len(order), _STEP):
            step = order[start : start + _STEP].tolist()
            for position in step:
                text = texts[position]
                field.setStringValue(java_text(prepare(text) if prepare else text))
                writer.addDocument(document)
            told(len(step))


@contextmanager
def _writing(folder: Path, analyzer: AnalyzerSpec) -> Iterator[Any]:
    """An ``IndexWriter``: committed and closed at the end, rolled back when something went wrong."""
    config = java_class("org.apache.lucene.index.IndexWriterConfig")(analyzer.build())
    config.setRAMBufferSizeMB(_BUFFER_MB)
    # Joins neighbouring segments only, so the order of the documents survives; the default one reorders.
    config.setMergePolicy(java_class("org.apache.lucene.index.LogDocMergePolicy")())
    writer = java_class("org.apache.lucene.index.IndexWriter")(lucene_directory(folder), config)
    try:
        yield writer
        writer.close()
    except BaseException:
        writer.rollback()
        raise


def lucene_directory(folder: Path) -> Any:
    """Lucene's handle on a folder."""
    return java_class("org.apache.lucene.store.FSDirectory").open(java_class("java.io.File")(str(folder)).toPath())


def _document() -> tuple[Any, Any]:
    """A document and its one field, to be filled again for every passage."""
    kind = java_class("org.apache.lucene.document.FieldType")()
    kind.setTokenized(True)
    kind.setIndexOptions(java_class("org.apache.lucene.index.IndexOptions").DOCS_AND_FREQS)
    kind.freeze()
    empty = cast("java.lang.CharSequence", java_class("java.lang.String")(""))
    field = java_class("org.apache.lucene.document.Field")(FIELD, empty, kind)
    document = java_class("org.apache.lucene.document.Document")()
    document.add(field)
    return document, field
