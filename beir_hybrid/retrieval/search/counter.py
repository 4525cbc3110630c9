"""The state of one ranking while tiles of scores go by: ranks counted, best passages kept, both exactly."""

from __future__ import annotations

from threading import Lock

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import FloatArray, Hits, IntArray
from beir_hybrid.retrieval.search.request import SearchAnswer, SearchRequest
from beir_hybrid.retrieval.search.scores import PairScores, ScoreTile

OPEN = 1 << 16
"""Scores of a tile whose exact value is found at a time, at least a row."""

MOST_OPEN = 0.03
"""Of the scores of a tile, beside those of the best: where more are open, a finer tile takes less time."""


class RankCounter:
    """The state of one ranking. Threads may add tiles at the same time.

    Args:
        request: what is wanted.
        scores: of queries and passages.
        judged_scores: the exact ones of the judged pairs, if they are known.
    """

    def __init__(self, request: SearchRequest, scores: PairScores, judged_scores: FloatArray | None = None) -> None:
        self.request = request
        self.judged_scores = _judged_scores(request, scores) if judged_scores is None else judged_scores
        self._lock = Lock()
        self._judged_row, self._judged_place = (
            np.ascontiguousarray(each, dtype=np.int64) for each in (request.judged_row, request.judged_place)
        )
        self._state = np.full(scores.n_queries[request.queries], -1, dtype=np.int64)
        self._state[request.rows] = np.arange(len(request.rows))
        # of each judged pair: passages that score higher; that score the same and have a greater place; a smaller one
        self.counts = np.zeros((3, len(request.judged_row)), dtype=np.int64)
        # heaps, the worst passage first; a free place is below every passage
        self.best = np.full((len(request.rows), request.depth), -np.inf, dtype=np.float32)
        self.places = np.full(self.best.shape, -1, dtype=np.int32)

    def merge(self, counts: IntArray, best: FloatArray, places: npt.NDArray[np.int32]) -> None:
        """Take in what another counter of the same ranking found in other passages."""
        from beir_hybrid.retrieval.search import kernels

        self.counts += counts
        if self.request.depth:
            kernels.keep_all(self.best, self.places, best, places)

    def add(self, tile: ScoreTile, first_row: int, first_place: int) -> ScoreTile:
        """A tile whose first query is ``first_row`` and whose first passage stands at ``first_place`` in the ranking.

        What its bounds leave open is scored exactly and written into it; after that all its scores decide alike.

        Returns:
            The tile, or the finer one that was taken in its place.
        """
        from beir_hybrid.retrieval.search import kernels

        n, width = tile.scores.shape
        pairs = slice(*np.searchsorted(self._judged_row, [first_row, first_row + n]))
        pair_row = self._judged_row[pairs] - first_row
        scores, state = self.judged_scores[pairs], self._state[first_row : first_row + n]
        least = most = scores
        bounds = np.zeros(n) if tile.bounds is None else tile.bounds
        if tile.bounds is not None:
            with np.errstate(invalid="ignore"):  # infinity less infinity leaves all open
                least, most = _down(scores - bounds[pair_row]), _up(scores + bounds[pair_row])
        above, cuts = np.empty(len(pair_row), dtype=np.int64), np.empty(n, dtype=np.float32)
        rows, columns = (np.empty(max(OPEN, width), dtype=np.int64) for _ in range(2))
        begin = 0
        while begin < n:
            # another thread may be changing the best meanwhile: their worst only rises, and any of its values is a cut
            end, found = kernels.sift(
                tile.scores, bounds, begin, pair_row, least, most, state, self.best, above, cuts, rows, columns
            )
            if tile.finer is not None and not begin and found > end * (2 * self.request.depth + MOST_OPEN * width):
                return self.add(tile.finer(), first_row, first_place)
            if tile.exact is not None:
                tile.scores[rows[:found], columns[:found]] = tile.exact(rows[:found], columns[:found])
            with self._lock:
                kernels.settle(
                    tile.scores, begin, end, first_place, pair_row, scores, self._judged_place[pairs], state, above,
                    cuts, rows[:found], columns[:found], self.counts[:, pairs], self.best, self.places,
                )  # fmt: skip
            begin = end
        return tile

    def answer(self) -> SearchAnswer:
        """What has been found, once every passage went by."""
        order = np.lexsort((-self.places, -self.best), axis=1)
        places, scores = np.take_along_axis(self.places, order, 1), np.take_along_axis(self.best, order, 1)
        indptr = np.arange(len(self.best) + 1, dtype=np.int64) * self.request.depth
        higher, after, before = self.counts
        return SearchAnswer(Hits(indptr, places.ravel(), scores.ravel()), 1 + higher + after, 1 + higher + before)


def _judged_scores(request: SearchRequest, scores: PairScores) -> FloatArray:
    found = np.empty(len(request.judged_row), dtype=np.float32)
    for name, start in request.starts.items():
        inside = (request.judged_place >= start) & (request.judged_place < start + scores.sizes[name])
        places = request.judged_place[inside] - start
        found[inside] = scores.pairs(request.queries, request.judged_row[inside], name, places)
    return found


def _down(values: npt.NDArray[np.float64]) -> FloatArray:
    return np.nextafter(values.astype(np.float32), np.float32(-np.inf))


def _up(values: npt.NDArray[np.float64]) -> FloatArray:
    return np.nextafter(values.astype(np.float32), np.float32(np.inf))
