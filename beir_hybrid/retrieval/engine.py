"""Where a dense retriever encodes and searches: in this process, or with the workers of a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from beir_hybrid.processors import processors
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense.asked import Answer, Asked
from beir_hybrid.retrieval.dense.block_search import search_blocks
from beir_hybrid.retrieval.dense.blocks import VectorBlocks
from beir_hybrid.retrieval.dense.embeddings import EmbeddingStore, Encode
from beir_hybrid.retrieval.dense.encoder import Encoder

EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = ("local", "ray")
Progress = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class Filling:
    """A corpus whose vectors are to be in files.

    Args:
        blocks: the files.
        texts: of the whole corpus, in its order.
        on_disk: texts are read from the corpus's files by whoever encodes them.
    """

    blocks: VectorBlocks
    texts: Sequence[str]
    on_disk: bool


class RunningEngine(Protocol):
    """An engine at work."""

    @property
    def threads(self) -> int:
        """How many score at a time in one of its processes, each of which has the memory that is given."""
        ...

    def fill(self, fillings: Sequence[Filling], encode: Encode, progress: Progress) -> None:
        """Encode what is missing in the files of corpora; `encode` is the encoder in this process."""
        ...

    def embed(self, store: EmbeddingStore, lists: Sequence[Sequence[str]], encode: Encode, progress: Progress) -> None:
        """Encode the passages that are not in the store, see `EmbeddingStore.fill`."""
        ...

    def search(
        self, asked: Sequence[Asked], queries: Mapping[str, FloatArray], corpora: Mapping[str, VectorBlocks],
        memory: int, progress: Progress,
    ) -> Iterator[tuple[int, Answer]]:  # fmt: skip
        """See `search_blocks`; the same answer in every engine."""
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

    def fill(self, fillings: Sequence[Filling], encode: Encode, progress: Progress) -> None:
        for filling in fillings:
            filling.blocks.encode(filling.texts, encode, progress)

    def embed(self, store: EmbeddingStore, lists: Sequence[Sequence[str]], encode: Encode, progress: Progress) -> None:
        store.fill(lists, encode, progress=progress, what="passage")

    def search(
        self, asked: Sequence[Asked], queries: Mapping[str, FloatArray], corpora: Mapping[str, VectorBlocks],
        memory: int, progress: Progress,
    ) -> Iterator[tuple[int, Answer]]:  # fmt: skip
        return search_blocks(asked, queries, corpora, memory, progress=progress)
