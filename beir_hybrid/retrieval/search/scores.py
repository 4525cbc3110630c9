"""What a family of retrievers brings to a search: how queries score passages."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import FloatArray, IntArray

_ROUNDED = {"highest": 0.0, "high": 2.0**-11, "medium": 2.0**-8}


def rounded_by_torch() -> float:
    """How far, relatively, PyTorch may round a float32 value before it multiplies it: by its setting of precision."""
    import torch

    try:
        return _ROUNDED[torch.get_float32_matmul_precision()]
    except RuntimeError:  # it was set for single backends (`torch.backends.cuda.matmul.fp32_precision`)
        return _ROUNDED["medium"]


@dataclass(frozen=True, eq=False)
class ScoreTile:
    """Scores of neighbouring queries and passages, quickly made.

    Args:
        scores: float32 [queries, passages]; a search writes exact scores over those that matter.
        bounds: how far each row's scores may be off the exact ones, float64 [queries]; None: they are exact.
        exact: rows and columns, side by side, to their exact scores.
        finer: the tile with narrower bounds, for when these leave too much open; None: there is none.
    """

    scores: FloatArray
    bounds: npt.NDArray[np.float64] | None
    exact: Callable[[IntArray, IntArray], FloatArray] | None = None
    finer: Callable[[], ScoreTile] | None = None


@dataclass(frozen=True, eq=False)
class PairScores(abc.ABC):
    """Scores of queries and passages, both by name.

    The exact score of a pair is a float32 that depends on the pair alone. A tile may come from a quicker product.

    Args:
        queries: things with a length, by name.
        corpora: likewise.
    """

    queries: Mapping[str, Any]
    corpora: Mapping[str, Any]

    @cached_property
    def n_queries(self) -> Mapping[str, int]:
        """How many there are of each name."""
        return {name: size_of(each) for name, each in self.queries.items()}

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """How many passages there are of each name."""
        return {name: size_of(each) for name, each in self.corpora.items()}

    @property
    def held(self) -> int:
        """Bytes that are in memory all the time."""
        return 0

    @property
    def a_passage(self) -> int:
        """Bytes that each passage takes that is read."""
        return 0

    @abc.abstractmethod
    def read(self, corpus: str, begin: int, end: int) -> Any:
        """The passages at [begin, end) as `tile` wants them."""

    @abc.abstractmethod
    def tile(self, queries: str, rows: slice, passages: Any, columns: slice) -> ScoreTile:
        """The scores of some queries and some of the passages that were read."""

    @abc.abstractmethod
    def pairs(self, queries: str, rows: IntArray, corpus: str, places: IntArray) -> FloatArray:
        """The exact scores of pairs, side by side; ``places`` in any order."""


def size_of(several: Any) -> int:
    """How many rows a matrix, or a store of them, has."""
    return int(several.shape[0]) if hasattr(several, "nnz") else len(several)  # sparse ones have no length
