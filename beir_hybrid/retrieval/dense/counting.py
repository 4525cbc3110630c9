"""Counting and cutting in blocks of scores. For `rank_counter`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import FloatArray, IntArray

_GROUP = 16
"""Columns in a group of `least_of_best` at most."""


def count_true(mask: npt.NDArray[np.bool_]) -> IntArray:
    """True values in each row of a mask whose rows are whole 8-byte words.

    Words are added up first, 255 at a time, so that each byte of a sum holds a count of its own: several times
    faster than summing booleans.
    """
    words = mask.view(np.uint64)
    sums = np.add.reduceat(words, np.arange(0, words.shape[1], 255), axis=1)
    counts: IntArray = sums.view(np.uint8).sum(axis=1, dtype=np.int64)
    return counts


def word_mask(n_rows: int, n_columns: int) -> npt.NDArray[np.bool_]:
    """An empty mask for `count_true`: its rows are filled up to whole words."""
    return np.zeros((n_rows, -(-n_columns // 8) * 8), dtype=bool)


def least_of_best(scores: FloatArray, k: int) -> FloatArray:
    """For each row a score that its ``k`` best columns reach, and not many others; ``k`` is 1 to all columns.

    The k-th best of the maxima of column groups is at most the k-th best score: what reaches it are the k best and
    some more (all that tie at the cut among them), found without partitioning whole rows. Groups take every n-th
    column, which makes their maxima a running maximum of slices.
    """
    n_columns = scores.shape[1]
    groups = n_columns // min(_GROUP, max(1, n_columns // (4 * k)))
    maxima = scores[:, :groups]
    for begin in range(groups, n_columns - groups + 1, groups):
        maxima = np.maximum(maxima, scores[:, begin : begin + groups])
    least: FloatArray = np.partition(maxima, groups - k, axis=1)[:, groups - k]
    return least
