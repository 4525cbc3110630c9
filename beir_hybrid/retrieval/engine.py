"""Where a dense retriever encodes and searches: in this process, or with the workers of a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from beir_hybrid.processors import processors
from beir_hybrid.retrieval.dense.embeddings import EmbeddingStore, Encode
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.vector_files import VectorFiles
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.search.request import SearchAnswer, SearchRequest
from beir_hybrid.retrieval.search.search import search

EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = ("local", "ray")
Progress = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class FilesToFill:
    """A corpus whose vectors are to be in files.

    Args:
        files: where they are to be.
        texts: of the whole corpus, in its order.
        on_disk: texts are read from the corpus's files by whoever encodes them.
    """

    files: VectorFiles
    texts: Sequence[str]
    on_disk: bool


class RunningEngine(Protocol):
    """An engine at work."""

    @property
    def threads(self) -> int:
        """How many score at a time in one of its processes, each of which has the memory that is given."""
        ...

    def fill(self, corpora: Sequence[FilesToFill], encode: Encode, progress: Progress) -> None:
        """Encode what is missing in the files of corpora; `encode` is the encoder in this process."""
        ...

    def embed(self, store: EmbeddingStore, lists: Sequence[Sequence[str]], encode: Encode, progress: Progress) -> None:
        """Encode the passages that are not in the store, see `EmbeddingStore.fill`."""
        ...

    def search(
        self, requests: Sequence[SearchRequest], scores: VectorScores, memory: int, progress: Progress
    ) -> Iterator[tuple[int, SearchAnswer]]:
        """See `search`; the same answer in every engine."""
        ...


class Engine(Protocol):
    """What starts and stops the work."""

    def running(self, encoder: Encoder) -> contextlib.AbstractContextManager[RunningEngine]:
        """The engine at work with an encoder; what it started ends with the context."""
        ...


class LocalEngine:
    """This process, on all its processors."""

    @contextlib.contextmanager
    def running(self, encoder: Encoder) -> Iterator[LocalEngine]:
        """Itself: nothing is started."""
        yield self

    @property
    def threads(self) -> int:
        return processors()

    def fill(self, corpora: Sequence[FilesToFill], encode: Encode, progress: Progress) -> None:
        for corpus in corpora:
            corpus.files.encode(corpus.texts, encode, progress)

    def embed(self, store: EmbeddingStore, lists: Sequence[Sequence[str]], encode: Encode, progress: Progress) -> None:
        store.fill(lists, encode, progress=progress, what="passage")

    def search(
        self, requests: Sequence[SearchRequest], scores: VectorScores, memory: int, progress: Progress
    ) -> Iterator[tuple[int, SearchAnswer]]:
        return search(requests, scores, memory, progress=progress)
