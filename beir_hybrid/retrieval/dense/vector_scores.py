"""The score of two vectors: their dot product, exactly, and how far a quick product of matrices can be off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import FloatArray, IntArray
from beir_hybrid.retrieval.search.scores import PairScores, ScoreTile, rounded_by_torch

_TAKEN = 1 << 22
"""Values of passages that are taken together for judged pairs."""


class Vectors(Protocol):
    """Vectors of a corpus in its order that are not in memory: `VectorFiles`, or any other store."""

    def __len__(self) -> int: ...

    def read(self, begin: int, end: int) -> FloatArray:
        """Vectors [end - begin, d], float32."""
        ...

    def take(self, positions: IntArray) -> FloatArray:
        """Vectors at positions (ascending), the same as `read` gives."""
        ...


@dataclass(frozen=True, eq=False)
class ReadVectors:
    """Passages that were read: their vectors, a bound on their lengths, and the vectors as they are multiplied: on a
    device, or packed as whole numbers."""

    vectors: FloatArray
    longest: float
    on_device: Any = None
    packed: Any = None


@dataclass(frozen=True, eq=False)
class VectorScores(PairScores):
    """Dot products of queries and passages, see `PairScores`.

    Where the processor multiplies pairs of whole numbers, tiles are made of these until they leave too much open, then
    by numpy.

    Args:
        queries: vectors float32 [n, d] by name.
        corpora: vectors of each corpus by name, float32 [n, d] or a store of them.
        device: where PyTorch multiplies, such as ``cuda``; None: here. It changes no score.
    """

    queries: Mapping[str, FloatArray]
    corpora: Mapping[str, FloatArray | Vectors]
    device: str | None = None
    _there: dict[str, Any] = field(default_factory=dict)
    _too_rough: set[str] = field(default_factory=set)

    @property
    def held(self) -> int:
        return 2 * sum(vectors.nbytes for vectors in self.queries.values())

    @property
    def a_passage(self) -> int:
        # as they are read, turned into what is scored, and packed
        return 12 * max((vectors.shape[1] for vectors in self.queries.values()), default=1)

    @cached_property
    def _lengths(self) -> Mapping[str, npt.NDArray[np.float64]]:
        return {name: lengths_of(vectors) for name, vectors in self.queries.items()}

    def read(self, corpus: str, begin: int, end: int) -> ReadVectors:
        there = self.corpora[corpus]
        vectors = np.ascontiguousarray(there[begin:end] if isinstance(there, np.ndarray) else there.read(begin, end))
        found = ReadVectors(vectors, longest_of(vectors))
        if self.device is not None:
            return replace(found, on_device=self._moved(vectors))
        if not any(self._roughly(name, found) for name in self.queries):
            return found
        from beir_hybrid.retrieval.dense import product

        return replace(found, packed=product.packed(vectors, product.COLUMNS, found.longest))

    def _roughly(self, queries: str, passages: ReadVectors) -> bool:
        """Whether they are multiplied as whole numbers: the product of what 1 stands for is to be an exact float32."""
        from beir_hybrid.retrieval.dense import product

        lengths = (passages.longest, self._lengths[queries].max(initial=0))
        return product.PAIRS and queries not in self._too_rough and all(1e-12 < length < 1e12 for length in lengths)

    def _moved(self, vectors: FloatArray) -> Any:
        import torch

        # what is mapped from a file cannot be written, which PyTorch warns of
        return torch.from_numpy(vectors if vectors.flags.writeable else vectors.copy()).to(self.device)

    def tile(self, queries: str, rows: slice, passages: ReadVectors, columns: slice) -> ScoreTile:
        lengths, dimension = self._lengths[queries], passages.vectors.shape[1]
        exact = partial(exact_scores, self.queries[queries][rows], passages.vectors[columns])
        if self.device is not None:
            if queries not in self._there:
                self._there[queries] = self._moved(self.queries[queries])
            there = self._there[queries][rows] @ passages.on_device[columns].T  # (queries, passages)
            bounds = error_bounds(lengths[rows], passages.longest, dimension, rounded_by_torch(), dimension)
            return ScoreTile(there.cpu().numpy(), bounds, exact)
        if not self._roughly(queries, passages):
            with np.errstate(over="ignore", invalid="ignore"):
                scores = self.queries[queries][rows] @ passages.vectors[columns].T
            return ScoreTile(scores, error_bounds(lengths[rows], passages.longest, dimension, 0.0, dimension), exact)
        from beir_hybrid.retrieval.dense import product

        longest = float(lengths.max())  # all queries are rounded by what the longest loses
        asked = product.packed(self.queries[queries][rows], product.ROWS, longest)  # in no time, beside the product
        scores = np.empty((rows.stop - rows.start, columns.stop - columns.start), dtype=np.float32)
        step = longest * passages.longest / product.LARGEST**2
        product.multiply(asked, passages.packed, columns.start, step, scores)
        most, rounded = np.full(len(scores), longest), product.rounded(dimension)

        def finer() -> ScoreTile:
            self._too_rough.add(queries)
            return self.tile(queries, rows, passages, columns)

        return ScoreTile(scores, error_bounds(most, passages.longest, dimension, rounded, product.STEPS), exact, finer)

    def pairs(self, queries: str, rows: IntArray, corpus: str, places: IntArray) -> FloatArray:
        there = self.corpora[corpus]
        if isinstance(there, np.ndarray):
            return exact_scores(self.queries[queries], there, rows, places)
        found = np.empty(len(rows), dtype=np.float32)
        step = max(1, _TAKEN // max(1, self.queries[queries].shape[1]))
        for first in range(0, len(rows), step):
            some = slice(first, first + step)
            different, back = np.unique(places[some], return_inverse=True)
            vectors = there.take(different)
            found[some] = exact_scores(self.queries[queries], vectors, rows[some], back)
        return found


def exact_scores(queries: FloatArray, passages: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """The dot products of pairs of rows, side by side: summed in float64 in one fixed order, then rounded to float32.

    A pair's score depends on its two vectors alone, never on what else is scored with it. Products of float32 values
    are exact in float64.
    """
    from beir_hybrid.retrieval.search.dot import dot_pairs

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
    lengths: npt.NDArray[np.float64], longest: float, dimension: int, rounded: float, steps: int
) -> npt.NDArray[np.float64]:
    """For each query, more than its score in a quick product can differ from `exact_scores`, float64 [queries].

    ``lengths`` are those of the queries' vectors, ``longest`` bounds those of the passages', ``rounded`` the relative
    error of their values, and of the queries', before they are multiplied; no value goes through more than ``steps``
    additions in float32.

    The bound of a sum's error (Higham, Accuracy and Stability, 3.1 and 4.2), steps u |q| |p|, with room for the
    rounding of the exact score, a step to the next float32, and values or products too small to be kept.
    """
    unit = 1.05 * (steps + 8) * 2.0**-24 + 2.1 * rounded
    with np.errstate(invalid="ignore", over="ignore"):  # of lengths that float32 does not hold: not inside
        most = lengths * longest
    # a sum, or a value, that leaves the range of float32 on its way says nothing, whatever it ends as
    inside = (most * (1 + unit) < np.finfo(np.float32).max) & (np.maximum(lengths, longest) < 1e38)
    found: npt.NDArray[np.float64] = np.where(
        inside, unit * most + dimension * 2.0**-126 * (1 + lengths + longest), np.inf
    )
    return found
