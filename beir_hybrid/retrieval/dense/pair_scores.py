"""The exact score of a pair of vectors, and how far a float32 product of matrices can be off it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import FloatArray, IntArray

CHUNK = 1 << 16
"""Values multiplied at a time: more do not stay in the caches."""


def exact_scores(queries: FloatArray, passages: FloatArray) -> FloatArray:
    """The dot product of each row of one with the row of the other: summed in float64, then rounded to float32.

    A pair's score depends on its two vectors alone, never on what else is scored with it. Products of float32 values
    are exact in float64.
    """
    out = np.empty(len(queries), dtype=np.float32)
    step = max(1, CHUNK // max(1, queries.shape[1]))
    for begin in range(0, len(queries), step):
        part = slice(begin, begin + step)
        products = passages[part].astype(np.float64)
        products *= queries[part]
        out[part] = products.sum(axis=1)
    return out


def longest_of(vectors: FloatArray) -> float:
    """A bound on the lengths of vectors, not much above the longest."""
    # the relative error of these sums is below d * 2**-24, a thousandth for 16,000 dimensions
    return float(np.sqrt(np.einsum("ij,ij->i", vectors, vectors).max(initial=0).astype(np.float64) * 1.001))


def error_bounds(queries: FloatArray, longest: float) -> npt.NDArray[np.float64]:
    """For each query, more than its score in a float32 product can differ from `exact_scores`, float64 [queries].

    ``longest`` bounds the lengths of the passages' vectors.

    The bound of any order of summation (Higham, Accuracy and Stability, 3.1), d u |q| |p|, with room for the
    rounding of the exact score and a step to the next float32.
    """
    lengths = np.sqrt(np.sum(np.square(queries, dtype=np.float64), axis=1))
    found: npt.NDArray[np.float64] = 1.05 * (queries.shape[1] + 8) * 2.0**-24 * lengths * longest + 1e-30
    return found


def scores_of_pairs(queries: FloatArray, passages: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """`exact_scores` of pairs, without gathering all their vectors at once."""
    out = np.empty(len(rows), dtype=np.float32)
    step = max(1, CHUNK // max(1, queries.shape[1]))
    for begin in range(0, len(rows), step):
        part = slice(begin, begin + step)
        out[part] = exact_scores(queries.take(rows[part], axis=0), passages.take(columns[part], axis=0))
    return out
