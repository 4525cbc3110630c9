"""Where a dense retriever encodes and searches: in this process, or with the workers of a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from beir_hybrid.errors import RetrieverError, did_you_mean, needs_package
from beir_hybrid.processors import processors
from beir_hybrid.records import FloatArray
from beir_hybrid.retrieval.dense.embeddings import Rows, Told, in_turn
from beir_hybrid.retrieval.dense.encoder import Encoder
from beir_hybrid.retrieval.dense.vector_scores import VectorScores
from beir_hybrid.retrieval.search.request import SearchAnswer, SearchRequest
from beir_hybrid.retrieval.search.search import search

EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = ("local", "ray")


class RunningEngine(Protocol):
    """An engine at work with an encoder."""

    @property
    def threads(self) -> int:
        """How many score at a time in one of its processes, each of which has the memory that is given."""
        ...

    def encode(
        self, blocks: Iterable[tuple[int, Sequence[str]]], told: Told, *, ordered: bool = False
    ) -> Iterator[tuple[int, FloatArray | Rows]]:
        """Passages to vectors, see `EncodeBlocks`.

        Args:
            told: how many texts are done.
            ordered: the texts are in the order of `Encoder.in_order`.
        """
        ...

    def search(
        self, requests: Sequence[SearchRequest], scores: VectorScores, memory: int, told: Told
    ) -> Iterator[tuple[int, SearchAnswer]]:
        """See `search`; the same answer in every engine."""
        ...


Engine = Callable[[Encoder], contextlib.AbstractContextManager[RunningEngine]]
"""An encoder to the engine at work with it; what was started for it ends with the context."""


@dataclass(frozen=True, eq=False)
class Here:
    """This process at work, on all its processors."""

    encoder: Encoder

    @property
    def threads(self) -> int:
        return processors()

    def encode(
        self, blocks: Iterable[tuple[int, Sequence[str]]], told: Told, *, ordered: bool = False
    ) -> Iterator[tuple[int, FloatArray | Rows]]:
        encode = partial(self.encoder.encode, "passage", progress=told, ordered=ordered)
        return in_turn(encode, "passage", told)(blocks)

    def search(
        self, requests: Sequence[SearchRequest], scores: VectorScores, memory: int, told: Told
    ) -> Iterator[tuple[int, SearchAnswer]]:
        return search(requests, scores, memory, progress=told)


def build_engine(name: str, address: str | None = None) -> Engine:
    """An engine by name.

    Raises:
        RetrieverError: it is unknown, or has no address.
        MissingExtraError: Ray is not installed.
    """
    if name not in ENGINES:
        raise RetrieverError(f"unknown engine {name!r}; {did_you_mean(name, ENGINES)}")
    if name == "local":
        if address is not None:
            raise RetrieverError(f"the engine 'local' has no address, got {address!r}; use engine='ray'")
        return lambda encoder: contextlib.nullcontext(Here(encoder))
    needs_package("the engine 'ray'", "ray", "ray")
    from beir_hybrid.engines.ray_engine import on_ray

    return partial(on_ray, address)
