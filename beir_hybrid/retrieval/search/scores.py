"""What a family of retrievers brings to a search: how queries score passages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import FloatArray, IntArray

_ROUNDED = {"highest": 0.0, "high": 2.0**-11, "medium": 2.0**-8}


def rounded_by_torch() -> float:
    """How far, relatively, PyTorch may round a float32 value before it multiplies it: by its setting of precision."""
    import torch

    return _ROUNDED[torch.get_float32_matmul_precision()]


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


class PairScores(Protocol):
    """Scores of queries and passages, both by name.

    The exact score of a pair is a float32 that depends on the pair alone. A tile may come from a quicker product.

    ``n_queries`` and ``sizes`` say how many there are of each name, ``held`` how many bytes are in memory all the
    time, ``a_passage`` how many each passage takes that is read.
    """

    @property
    def n_queries(self) -> Mapping[str, int]: ...

    @property
    def sizes(self) -> Mapping[str, int]: ...

    @property
    def held(self) -> int: ...

    @property
    def a_passage(self) -> int: ...

    def read(self, corpus: str, begin: int, end: int) -> Any:
        """The passages at [begin, end) as `tile` wants them."""
        ...

    def tile(self, queries: str, rows: slice, passages: Any, columns: slice) -> ScoreTile:
        """The scores of some queries and some of the passages that were read."""
        ...

    def pairs(self, queries: str, rows: IntArray, corpus: str, places: IntArray) -> FloatArray:
        """The exact scores of pairs, side by side; ``places`` in any order."""
        ...
