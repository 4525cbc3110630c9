"""Ranks of parallel passages in one language's passages and in the pool of all languages."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]


def parallel_ranks(scores: Iterable[F32], block_start: I64, relevant: I64) -> tuple[I64, I64]:
    """Rank every parallel passage of every query.

    A rank is 1 + the number of passages that order before: higher score first, and of equal scores (as
    float32) the later passage first, which is trec_eval's order for passages numbered in ascending id.

    Args:
        scores: ``(n, N)`` scores of some queries and all passages, by language; the queries block after block.
        block_start: ``(L,)`` first passage of each language.
        relevant: ``(Q, L)`` the relevant passage in each language, -1 where there is none.

    Returns:
        ``(Q, L)`` rank among the passages of that language, and ``(Q, L)`` rank in the pool; 0 where
        there is no relevant passage.
    """
    inside, pooled = np.zeros_like(relevant), np.zeros_like(relevant)
    begin = 0
    for block in scores:
        number = np.arange(block.shape[1])
        for language in range(relevant.shape[1]):
            passages = relevant[begin : begin + len(block), language]
            rows = np.flatnonzero(passages >= 0)
            own = passages[rows, None]
            score = np.take_along_axis(block[rows], own, axis=1)
            before = (block[rows] > score) | ((block[rows] == score) & (number > own))
            counts = np.add.reduceat(before, block_start, axis=1, dtype=np.int64)  # (rows, L)
            inside[begin + rows, language] = 1 + counts[:, language]
            pooled[begin + rows, language] = 1 + counts.sum(axis=1)
        begin += len(block)
    return inside, pooled


def summarise(languages: I64, inside: I64, pooled: I64) -> dict[str, float]:
    """The three settings and the bias, from ranks (METHOD: mean over queries, then over languages or pairs).

    Args:
        languages: ``(Q,)`` language number of each query.
        inside: as `parallel_ranks` gives them.
        pooled: likewise.

    Returns:
        ``mono_map``, ``cross_map`` and ``multi_map`` (uncut mean average precision), and ``rank_distance``
        (worst minus best pool rank over the relevant passages of a query; queries with two or more).
    """
    mono: list[float] = []
    cross: list[float] = []
    multi: list[float] = []
    distance: list[float] = []
    for language in np.unique(languages):
        own_inside, own_pooled = inside[languages == language], pooled[languages == language]
        for other in range(inside.shape[1]):
            found = own_inside[:, other][own_inside[:, other] > 0]
            if len(found):
                (mono if other == language else cross).append(float((1.0 / found).mean()))
        multi.append(float(np.mean([_average_precision(row[row > 0]) for row in own_pooled])))
        spreads = [float(np.ptp(row[row > 0])) for row in own_pooled if (row > 0).sum() > 1]
        if spreads:
            distance.append(float(np.mean(spreads)))
    means = {"mono_map": mono, "cross_map": cross, "multi_map": multi, "rank_distance": distance}
    return {name: float(np.mean(values)) for name, values in means.items() if values}


def _average_precision(ranks: I64) -> float:
    ranks = np.sort(ranks)
    return float((np.arange(1, len(ranks) + 1) / ranks).mean())
