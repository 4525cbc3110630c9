"""Corpora that are searched by their vectors: the texts they have, and where the vectors of these are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from beir_hybrid.disk.files import fingerprint_of
from beir_hybrid.disk.locations import cache_dir
from beir_hybrid.disk.passing_folder import passing_folder
from beir_hybrid.errors import RetrieverError
from beir_hybrid.records import FloatArray, Passages
from beir_hybrid.retrieval.dense.vector_files import VectorFiles


@dataclass(frozen=True, eq=False)
class CorpusContent:
    """The texts of a corpus.

    Args:
        texts: title and text of every passage as one string, in its order.
        on_disk: a slice of ``texts`` is a view of files.
        known: a digest of the texts, where there is one already.
    """

    texts: Sequence[str]
    on_disk: bool
    known: str | None = None

    @classmethod
    def of(cls, passages: Passages) -> CorpusContent:
        """The content of passages, whose texts are read when they are encoded."""
        return cls(passages.lazy_full_texts(), passages.on_disk, passages.content)

    @property
    def digest(self) -> str:
        """Names the files of the vectors."""
        return self.known or fingerprint_of(self.texts)


@dataclass(frozen=True, eq=False)
class Corpora:
    """The vectors of corpora by name, the bytes a search of them works in, and how many passages go by while it does
    (0 where they are in memory)."""

    vectors: Mapping[str, FloatArray | VectorFiles]
    memory: int
    work: int


@contextlib.contextmanager
def vectors_folder() -> Iterator[Path]:
    """A folder for vectors that no cache may keep; it goes when it is left."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(passing_folder(cache_dir(), "vectors"))
        except OSError as error:
            raise RetrieverError(f"could not write {cache_dir()}: {error.strerror or error}") from error
        yield folder
