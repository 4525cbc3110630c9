"""Writing Lucene indexes: passages from the last to the first, as pieces of that order, by one thread or several.

A piece is an index of its own. Together, read one after the other, they are one index: document numbers go on from
piece to piece, and BM25 counts terms over all of them, so that scores do not depend on how passages were divided.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beir_hybrid.retrieval.bm25.analyzers import AnalyzerSpec
from beir_hybrid.retrieval.bm25.bridge import (
    cast,
    detach_thread,
    java_class,
    java_errors,
    java_text,
    one_thread,
    own_class,
)

FIELD = "contents"  # the name Anserini uses
SMALLEST, LARGEST, PIECES = 20_000, 1_000_000, 32
"""Passages of a piece, and how many pieces there are between the two; by the number of passages alone."""
_BUFFER_MB = 256.0  # Anserini's 2048 does not fit the default heap of a machine with 8 GB
_SMALLEST_BUFFER_MB = 16.0
_STEP = 1000


def write_index(
    folder: Path, texts: Sequence[str], analyzer: AnalyzerSpec, *, threads: int, progress: Callable[[int], object]
) -> None:
    """Index texts, the last one first: document ``n`` is ``texts[-1 - n]``.

    Only terms and their frequencies are kept, no text; texts are read one at a time. Pieces that an earlier call
    finished are kept, so ``folder`` must hold nothing else than pieces of these very texts.

    Raises:
        RetrieverError: Lucene cannot write, with its reason. Finished pieces stay.
    """
    stop = threading.Event()

    def tell(indexed: int) -> None:
        if stop.is_set():
            raise CancelledError
        progress(indexed)

    def write(part: Path, stretch: range) -> None:
        try:
            if not stop.is_set():
                _write_piece(part, texts, stretch, analyzer, buffer, tell)
        except BaseException as error:
            stop.set()  # the others need not finish
            shutil.rmtree(part, ignore_errors=True)
            if not isinstance(error, CancelledError):  # which another one has caused, that says why
                raise
        finally:
            if used > 1:
                detach_thread()

    with java_errors(f"Lucene could not write the index in {folder}"):
        waiting = [each for each in pieces(folder, len(texts)) if not _finished(*each, progress)]
        used = max(1, min(threads, len(waiting)))
        buffer = _buffer_mb(used)
        if used == 1:
            for each in waiting:
                write(*each)
            return
        with ThreadPoolExecutor(used) as pool:
            try:
                for future in as_completed([pool.submit(write, *each) for each in waiting]):
                    future.result()
            finally:
                stop.set()  # after Ctrl-C too


def pieces(folder: Path, passages: int) -> list[tuple[Path, range]]:
    """The pieces of an index: where each stands, and which document numbers are in it."""
    size = min(max(-(-passages // PIECES), SMALLEST), LARGEST)
    numbers = range(passages)
    return [
        (folder / f"{piece:06d}", numbers[start : start + size])
        for piece, start in enumerate(range(0, max(passages, 1), size))
    ]


def open_pieces(folder: Path, passages: int) -> Any:
    """A Lucene ``IndexReader`` over all pieces. The caller closes it."""
    readers = [_open(part) for part, _ in pieces(folder, passages)]
    if len(readers) == 1:
        return readers[0]
    return java_class("org.apache.lucene.index.MultiReader")(readers, True)


def _open(part: Path) -> Any:
    return java_class("org.apache.lucene.index.DirectoryReader").open(lucene_directory(part))


def _finished(part: Path, stretch: range, told: Callable[[int], object]) -> bool:
    """Whether a piece was written to its end; what is there of another is removed."""
    from jnius import JavaException

    if not part.exists():
        return False
    try:
        reader = _open(part)
        found = reader.numDocs()
        reader.close()
    except JavaException:  # no commit: it was interrupted
        found = -1
    if found != len(stretch):
        shutil.rmtree(part)
        return False
    told(found)
    return True


def _write_piece(
    folder: Path, texts: Sequence[str], numbers: range, analyzer: AnalyzerSpec, buffer_mb: float,
    told: Callable[[int], object],
) -> None:  # fmt: skip
    with _writing(folder, analyzer, buffer_mb) as writer:
        document, field = _document()
        for start in range(0, len(numbers), _STEP):
            step = numbers[start : start + _STEP]
            for number in step:
                field.setStringValue(java_text(analyzer.prepared(texts[len(texts) - 1 - number])))
                writer.addDocument(document)
            told(len(step))


def _buffer_mb(writers: int) -> float:
    """Memory for what each writer has not yet written: together a quarter of Java's at most."""
    heap = float(java_class("java.lang.Runtime").getRuntime().maxMemory()) / (1 << 20)
    return max(_SMALLEST_BUFFER_MB, min(_BUFFER_MB, heap / 4 / writers))


@contextmanager
def _writing(folder: Path, analyzer: AnalyzerSpec, buffer_mb: float) -> Iterator[Any]:
    """An ``IndexWriter``: committed and closed at the end, rolled back when something went wrong."""
    from jnius import JavaException

    with one_thread():
        config = java_class("org.apache.lucene.index.IndexWriterConfig")(analyzer.build())
        config.setRAMBufferSizeMB(buffer_mb)
        # Joins neighbouring segments only, so the order of the documents survives; the default one reorders.
        config.setMergePolicy(java_class("org.apache.lucene.index.LogDocMergePolicy")())
        writer = own_class(
            "org.apache.lucene.index.IndexWriter",
            "(Lorg/apache/lucene/store/Directory;Lorg/apache/lucene/index/IndexWriterConfig;)V",
            addDocument="(Ljava/lang/Iterable;)J", close="()V", rollback="()V",
        )(lucene_directory(folder), config)  # fmt: skip
    try:
        yield writer
        writer.close()
    except BaseException:
        with contextlib.suppress(JavaException):  # after an error that has closed it already
            writer.rollback()
        raise


def lucene_directory(folder: Path) -> Any:
    """Lucene's handle on a folder."""
    return java_class("org.apache.lucene.store.FSDirectory").open(java_class("java.io.File")(str(folder)).toPath())


def _document() -> tuple[Any, Any]:
    """A document and its one field, to be filled again for every passage."""
    with one_thread():
        kind = java_class("org.apache.lucene.document.FieldType")()
        kind.setTokenized(True)
        kind.setIndexOptions(java_class("org.apache.lucene.index.IndexOptions").DOCS_AND_FREQS)
        kind.freeze()
        empty = cast("java.lang.CharSequence", java_class("java.lang.String")(""))
        field = own_class(
            "org.apache.lucene.document.Field",
            "(Ljava/lang/String;Ljava/lang/CharSequence;Lorg/apache/lucene/index/IndexableFieldType;)V",
            setStringValue="(Ljava/lang/String;)V",
        )(FIELD, empty, kind)
        document = java_class("org.apache.lucene.document.Document")()
        document.add(field)
        return document, field
