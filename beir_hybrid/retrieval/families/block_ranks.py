"""Ranks from blocks of scores that are no product of two vectors. For the retrievers of learned sparse and multi-vector
models, which say how a block of queries scores a block of passages; ranks and ties are those of dense retrieval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from beir_hybrid.records import FloatArray, Hits, IntArray
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.settings import Task


class BlockScorer(Protocol):
    """Scores of queries against corpora, both by name; the names are languages.

    A score is exact where it is computed for the pair alone. A whole block may come from a quicker product, as far off
    as ``margin`` says: it decides which pairs are looked at alone.
    """

    @property
    def margin(self) -> float:
        """How far a value of `block` can be from the exact score; 0: it is the exact score."""
        ...

    def block(self, queries: str, rows: IntArray, corpus: str) -> FloatArray:
        """Scores float32 [rows, passages]."""
        ...

    def exact(self, queries: str, row: int, corpus: str, places: IntArray) -> FloatArray:
        """Exact scores float32 [places] of one query."""
        ...


def block_rankings(
    tasks: Sequence[Task], scorer: BlockScorer, top_k: int, *, rows_at_once: int = 128
) -> Iterator[Ranking]:
    """Full-depth rankings of tasks; what several tasks of a query language need is scored once.

    Args:
        tasks: of one data set.
        scorer: see `BlockScorer`.
        top_k: hits kept of each query.
        rows_at_once: queries whose scores against all corpora are held together.
    """
    by_language: dict[str, list[Task]] = {}
    for task in tasks:
        by_language.setdefault(task.query_language, []).append(task)
    for language, own in by_language.items():
        sizes = {block.language: len(block) for task in own for block in task.blocks}
        found = [_Collected(task, top_k) for task in own]
        asked = np.unique(np.concatenate([task.rows for task in own]))
        for begin in range(0, len(asked), rows_at_once):
            rows = asked[begin : begin + rows_at_once]
            scores = {corpus: scorer.block(language, rows, corpus) for corpus, size in sizes.items() if size}
            for one in found:
                one.add(rows, scores, scorer)
        yield from (one.ranking() for one in found)


class _Collected:
    """The hits and ranks of one task, as rows of it are scored."""

    def __init__(self, task: Task, top_k: int) -> None:
        self._task = task
        self._top_k = min(top_k, task.n_passages)
        self._hits: list[tuple[IntArray, FloatArray]] = []
        self._ranks = np.zeros(len(task.judged), dtype=np.int64)
        self._reversed = np.zeros(len(task.judged), dtype=np.int64)

    def add(self, rows: IntArray, scores: Mapping[str, FloatArray], scorer: BlockScorer) -> None:
        task = self._task
        blocks = [block.language for block in task.blocks if len(block)]
        starts = np.cumsum([0, *(scores[name].shape[1] for name in blocks)])
        for place in np.flatnonzero(np.isin(rows, task.rows)):
            row = int(rows[place])
            line = np.concatenate([scores[name][place] for name in blocks]) if blocks else np.empty(0, np.float32)
            local = int(np.searchsorted(task.rows, row))
            judged = slice(*np.searchsorted(task.judged.query, [local, local + 1]))

            def exact(places: IntArray, row: int = row) -> FloatArray:
                own = np.searchsorted(starts, places, side="right") - 1
                found = np.empty(len(places), dtype=np.float32)
                for number in np.unique(own):
                    here = own == number
                    found[here] = scorer.exact(task.query_language, row, blocks[number], places[here] - starts[number])
                return found

            ranks = row_ranks(line, task.judged.passage[judged], scorer.margin, exact)
            self._ranks[judged], self._reversed[judged] = ranks
            self._hits.append(best(line, self._top_k, scorer.margin, exact))

    def ranking(self) -> Ranking:
        indptr = np.concatenate([[0], np.cumsum([len(places) for places, _ in self._hits])]).astype(np.int64)
        none: tuple[list[IntArray], list[FloatArray]] = ([], [])
        places, scores = zip(*self._hits, strict=True) if self._hits else none
        hits = Hits(
            indptr,
            np.concatenate([np.empty(0, np.int64), *places]).astype(np.int32),
            np.concatenate([np.empty(0, np.float32), *scores]),
        )
        return Ranking(self._task, hits, self._ranks, True, reversed_ranks=self._reversed)


def row_ranks(
    line: FloatArray, judged: IntArray, margin: float, exact: Callable[[IntArray], FloatArray]
) -> tuple[IntArray, IntArray]:
    """1-based ranks of judged places in one query's scores, ties by id descending; and with ties the other way round.

    Args:
        line: float32 [passages], each at most ``margin`` from the exact score.
        judged: places.
        margin: see `BlockScorer`.
        exact: places to exact scores.
    """
    ranks, opposite = np.empty(len(judged), np.int64), np.empty(len(judged), np.int64)
    for at, place in enumerate(judged):
        near = np.flatnonzero(np.abs(line - line[place]) <= 2 * margin)
        values = exact(near) if margin and len(near) > 1 else line[near]
        score = values[np.searchsorted(near, place)]
        above = np.count_nonzero(line > line[place] + 2 * margin) + np.count_nonzero(values > score)
        equal = near[values == score]
        ranks[at] = 1 + above + np.count_nonzero(equal > place)
        opposite[at] = 1 + above + np.count_nonzero(equal < place)
    return ranks, opposite


def best(
    line: FloatArray, top_k: int, margin: float, exact: Callable[[IntArray], FloatArray]
) -> tuple[IntArray, FloatArray]:
    """The best places of one query and their scores, best first, ties by id descending.

    The order is that of exact scores; those that no other is near are told as the block has them.
    """
    if not top_k:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    last = np.partition(line, len(line) - top_k)[len(line) - top_k]
    places = np.flatnonzero(line >= last - 2 * margin)
    scores = line[places].copy()
    if margin:
        order = np.argsort(scores)
        close = np.flatnonzero(np.diff(scores[order]) <= 2 * margin)
        doubtful = np.unique(order[np.concatenate([close, close + 1])])
        if len(doubtful):
            scores[doubtful] = exact(places[doubtful])
    order = np.lexsort((-places, -scores))[:top_k]
    return places[order], scores[order]
