"""The score of two vectors: their dot product, exactly, and how far a quick product of matrices can be off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.search.scores import ScoreTile, rounded_by_torch

_TAKEN = 1 << 22
"""Values of passages that are taken together for judged pairs."""


class Vectors(Protocol):
    """Vectors of a corpus in its order: `VectorFiles`, or any other store."""

    def __len__(self) -> int: ...

    @property
    def dimension(self) -> int: ...

    def read(self, begin: int, end: int) -> FloatArray:
        """Vectors [end - begin, d], float32."""
        ...

    def take(self, positions: IntArray) -> FloatArray:
        """Vectors at positions (ascending), the same as `read` gives."""
        ...


class HeldVectors:
    """Vectors of a corpus in memory, float32 [n, d]."""

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = np.ascontiguousarray(vectors)

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def dimension(self) -> int:
        return int(self._vectors.shape[1])

    def read(self, begin: int, end: int) -> FloatArray:
        return self._vectors[begin:end]

    def take(self, positions: IntArray) -> FloatArray:
        found: FloatArray = self._vectors[positions]
        return found


@dataclass(frozen=True, eq=False)
class ReadVectors:
    """Passages that were read: their vectors, a bound on their lengths, and the vectors where they are multiplied."""

    vectors: FloatArray
    longest: float
    there: Any


@dataclass(frozen=True, eq=False)
class VectorScores:
    """Dot products of queries and passages, see `PairScores`.

    Args:
        queries: vectors float32 [n, d] by name.
        corpora: vectors of each corpus by name.
        device: where PyTorch multiplies, such as ``cuda``; None: numpy does. It changes no score.
    """

    queries: Mapping[str, FloatArray]
    corpora: Mapping[str, Vectors]
    device: str | None = None
    _there: dict[str, Any] = field(default_factory=dict)

    @property
    def n_queries(self) -> Mapping[str, int]:
        return {name: len(vectors) for name, vectors in self.queries.items()}

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        return {name: len(corpus) for name, corpus in self.corpora.items()}

    @property
    def held(self) -> int:
        return sum(vectors.nbytes for vectors in self.queries.values())

    @property
    def a_passage(self) -> int:
        # as they are scored, the next ones as they are read and turned into what is scored
        return 12 * max((vectors.shape[1] for vectors in self.queries.values()), default=1)

    @cached_property
    def _lengths(self) -> Mapping[str, npt.NDArray[np.float64]]:
        return {name: lengths_of(vectors) for name, vectors in self.queries.items()}

    def read(self, corpus: str, begin: int, end: int) -> ReadVectors:
        vectors = np.ascontiguousarray(self.corpora[corpus].read(begin, end))
        return ReadVectors(vectors, longest_of(vectors), self._moved(vectors))

    def _moved(self, vectors: FloatArray) -> Any:
        if self.device is None:
            return vectors
        import torch

        # what is mapped from a file cannot be written, which PyTorch warns of
        return torch.from_numpy(vectors if vectors.flags.writeable else vectors.copy()).to(self.device)

    def tile(self, queries: str, rows: slice, passages: ReadVectors, columns: slice) -> ScoreTile:
        if queries not in self._there:
            self._there[queries] = self._moved(self.queries[queries])
        with np.errstate(over="ignore", invalid="ignore"):  # see `error_bounds`
            product = self._there[queries][rows] @ passages.there[columns].T  # (queries, passages)
        scores = product if self.device is None else product.cpu().numpy()
        rounded = 0.0 if self.device is None else rounded_by_torch()
        bounds = error_bounds(self._lengths[queries][rows], passages.longest, passages.vectors.shape[1], rounded)
        return ScoreTile(scores, bounds, partial(exact_scores, self.queries[queries][rows], passages.vectors[columns]))

    def pairs(self, queries: str, rows: IntArray, corpus: str, places: IntArray) -> FloatArray:
        found = np.empty(len(rows), dtype=np.float32)
        step = max(1, _TAKEN // max(1, self.queries[queries].shape[1]))
        for first in range(0, len(rows), step):
            some = slice(first, first + step)
            different, back = np.unique(places[some], return_inverse=True)
            vectors = self.corpora[corpus].take(different)
            found[some] = exact_scores(self.queries[queries], vectors, rows[some], back)
        return found


def exact_scores(queries: FloatArray, passages: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """The dot products of pairs of rows, side by side: summed in float64 in one fixed order, then rounded to float32.

    A pair's score depends on its two vectors alone, never on what else is scored with it. Products of float32 values
    are exact in float64.
    """
    from beir_hybrid.retrieval.search.kernels import dot_pairs

    found = np.empty(len(rows), dtype=np.float32)
    dot_pairs(queries, np.ascontiguousarray(passages, dtype=np.float32), rows, columns, found)
    return found


def longest_of(vectors: FloatArray) -> float:
    """A bound on the lengths of vectors, not much above the longest."""
    # the relative error of these sums is below d * 2**-24, a thousandth for 16,000 dimensions
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors).max(initial=0).astype(np.float64) * 1.001))


def lengths_of(vectors: FloatArray) -> npt.NDArray[np.float64]:
    """The lengths of vectors."""
    found: npt.NDArray[np.float64] = np.sqrt(np.sum(np.square(vectors, dtype=np.float64), axis=1))
    return found


def error_bounds(
    lengths: npt.NDArray[np.float64], longest: float, dimension: int, rounded: float = 0.0
) -> npt.NDArray[np.float64]:
    """For each query, more than its score in a float32 product can differ from `exact_scores`, float64 [queries].

    ``lengths`` are those of the queries' vectors, ``longest`` bounds those of the passages', ``rounded`` the relative
    error of their values, and of the queries', before they are multiplied.

    The bound of any order of summation (Higham, Accuracy and Stability, 3.1), d u |q| |p|, with room for the
    rounding of the exact score and a step to the next float32.
    """
    unit = 1.05 * (dimension + 8) * 2.0**-24 + 2.1 * rounded
    most = lengths * longest
    # a sum that leaves the range of float32 on its way says nothing, whatever it ends as
    inside = most * (1 + unit) < np.finfo(np.float32).max
    found: npt.NDArray[np.float64] = np.where(inside, unit * most + 1e-30, np.inf)
    return found
