"""The state of one ranking while blocks of scores go by: ranks counted, best passages kept, both exactly."""

from __future__ import annotations

from threading import Lock

import numpy as np
import numpy.typing as npt

from beir_hybrid.records import FloatArray, Hits, IntArray, ordered_bits
from beir_hybrid.retrieval.dense.asked import Answer, Asked
from beir_hybrid.retrieval.dense.counting import count_true, least_of_best, word_mask
from beir_hybrid.retrieval.dense.pair_scores import scores_of_pairs

KeyArray = npt.NDArray[np.uint64]
MERGED = 1 << 21
"""Values that are looked at together at most, where many scores are close."""
CELL = 512
"""Columns whose best score is looked at first."""
_FEW = 16
"""Where at most one score in so many matters, they are looked at one by one."""
_LOW = np.uint64(0xFFFFFFFF)
_NEVER = np.float32(np.inf)


class Tile:
    """A block of scores and what they are the scores of.

    Args:
        product: float32 [queries, passages], as a matrix product gave them.
        first_row: which query the first row is.
        first_place: where the first column's passage stands in its corpus.
        queries: the vectors of the rows.
        passages: those of the columns.
        bounds: how far each row's scores may be off the exact ones, float64 [queries].
    """

    def __init__(
        self, product: FloatArray, first_row: int, first_place: int, queries: FloatArray, passages: FloatArray,
        bounds: npt.NDArray[np.float64],
    ) -> None:  # fmt: skip
        self.product = product
        self.first_row = first_row
        self.first_place = first_place
        self.queries = queries
        self.passages = passages
        self.bounds = bounds
        n, width = product.shape
        cell = CELL if width % CELL == 0 else width
        self._cells = product.reshape(n, width // cell, cell)
        self._maxima: FloatArray = self._cells.max(axis=2)  # (queries, cells)
        self.highest: FloatArray = self._maxima.max(axis=1)
        """The best score of each row."""

    def exact(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """The exact scores of some."""
        return scores_of_pairs(self.queries, self.passages, rows, columns)

    def at_least(self, floor: FloatArray) -> tuple[IntArray, IntArray] | None:
        """Rows and columns of the scores that reach their row's floor, row by row; None where they are many."""
        rows, cells = np.divmod(np.flatnonzero(self._maxima >= floor[:, None]), self._maxima.shape[1])
        width = self._cells.shape[2]
        mask = self._cells[rows, cells] >= floor[rows, None]  # (cells, columns of a cell)
        if np.count_nonzero(mask) > self.product.size // _FEW:
            return None
        at, within = np.divmod(np.flatnonzero(mask), width)
        return rows[at], cells[at] * width + within


class Count:
    """The state of one ranking. Threads may add tiles at the same time.

    Args:
        asked: what is wanted.
        n_queries: how many vectors ``asked.queries`` names.
        scores: the exact scores of the judged pairs.
    """

    def __init__(self, asked: Asked, n_queries: int, scores: FloatArray) -> None:
        self.asked = asked
        self.scores = scores
        self.row_of = np.full(n_queries, -1, dtype=np.int64)
        self.row_of[asked.rows] = np.arange(len(asked.rows))
        # of each judged pair: passages that score higher; that score the same and have a greater id; a smaller one
        self.counts = np.zeros((3, len(asked.judged_row)), dtype=np.int64)
        # score and position as one number; the worst one kept stands first, 0 is a place still free
        self.best: KeyArray = np.zeros((len(asked.rows), asked.depth), dtype=np.uint64)
        self._lock = Lock()

    def merge(self, counts: IntArray, best: KeyArray) -> None:
        """Take in what another counter of the same ranking found in other passages."""
        self.counts += counts
        depth = self.asked.depth
        if depth:
            together = np.concatenate([self.best, best], axis=1)
            together.partition(depth, axis=1)
            self.best = together[:, depth:]

    def add(self, tile: Tile, start: int) -> None:
        """A block of scores of a corpus that begins at ``start`` in the ranking."""
        first_place = start + tile.first_place
        low, high = np.searchsorted(self.asked.judged_row, [tile.first_row, tile.first_row + len(tile.product)])
        rows = self.asked.judged_row[low:high] - tile.first_row
        least = _down(self.scores[low:high] - tile.bounds[rows])
        # a judged passage that scores above all of a block has nothing to count there
        reached = np.flatnonzero(tile.highest[rows] >= least)
        cuts = self._cuts(tile)
        floor = cuts.copy()
        np.minimum.at(floor, rows[reached], least[reached])
        found = tile.at_least(floor)
        pairs = low + reached
        if found is None:
            self._count_above(tile, first_place, pairs, least[reached])
            found = tile.at_least(cuts)
            at, columns = np.nonzero(tile.product >= cuts[:, None]) if found is None else found
        else:
            at, columns = found
            self._count_found(tile, first_place, pairs, least[reached], at, columns)
            kept = tile.product[at, columns] >= cuts[at]
            at, columns = at[kept], columns[kept]
        if len(at):
            self._keep_best(tile, first_place, at, columns)

    def _cuts(self, tile: Tile) -> FloatArray:
        """For each row, a score that what may be among its best reaches; infinity where nothing is asked."""
        state = self.row_of[tile.first_row : tile.first_row + len(tile.product)]
        cuts = np.full(len(state), _NEVER)
        depth = self.asked.depth
        asked = np.flatnonzero(state >= 0)
        if not depth or not len(asked):
            return cuts
        worst = self.best[state[asked], 0]
        cuts[asked] = np.where(worst > 0, _down(_score(worst) - tile.bounds[asked]), -_NEVER)
        fresh = np.flatnonzero(np.isneginf(cuts))
        if len(fresh) and depth < tile.product.shape[1]:
            # of the block's own best none is lost if its k-th best score and all within two errors of it stay
            block = tile.product if len(fresh) == len(cuts) else tile.product[fresh]
            cuts[fresh] = _down(least_of_best(block, depth) - 2 * tile.bounds[fresh])
        return cuts

    def _count_found(
        self, tile: Tile, first_place: int, pairs: IntArray, least: FloatArray, at: IntArray, columns: IntArray
    ) -> None:
        """Count the scores at (at, columns), which are all that reach ``least``, above the judged pairs."""
        rows = self.asked.judged_row[pairs] - tile.first_row
        values = tile.product[at, columns]
        begins, ends = np.searchsorted(at, rows), np.searchsorted(at, rows, side="right")
        counts = ends - begins
        step = max(1, MERGED // max(1, int(counts.max(initial=1))))
        for first in range(0, len(pairs), step):
            some = slice(first, first + step)
            n = counts[some]
            mine = np.repeat(np.arange(first, first + len(n)), n)
            # each pair beside each score of its row
            place = np.arange(len(mine)) - np.repeat(np.cumsum(n) - n, n) + begins[mine]
            score = self.scores[pairs[mine]]
            bound = tile.bounds[rows[mine]]
            wins = values[place] > _up(score + bound)
            close = np.flatnonzero(~wins & (values[place] >= least[mine]))
            found = self._compared(tile, first_place, pairs[mine[close]], at[place[close]], columns[place[close]])
            own = mine[close] - first
            counted = np.stack([np.bincount(own, weights=each, minlength=len(n)) for each in found]).astype(np.int64)
            counted[0] += np.bincount(mine[wins] - first, minlength=len(n))
            with self._lock:
                self.counts[:, pairs[some]] += counted

    def _compared(
        self, tile: Tile, first_place: int, pairs: IntArray, rows: IntArray, columns: IntArray
    ) -> npt.NDArray[np.bool_]:
        """Passages beside judged ones by their exact scores, [3, pairs]: higher; equal with a greater id; a smaller."""
        again, scores = tile.exact(rows, columns), self.scores[pairs]
        equal, place, judged = again == scores, columns + first_place, self.asked.judged_place[pairs]
        return np.stack([again > scores, equal & (place > judged), equal & (place < judged)])

    def _count_above(self, tile: Tile, first_place: int, pairs: IntArray, least: FloatArray) -> None:
        """Count all scores of a block above the judged pairs."""
        product = tile.product
        rows = self.asked.judged_row[pairs] - tile.first_row
        most = _up(self.scores[pairs] + tile.bounds[rows])
        slot = np.arange(len(rows)) - np.searchsorted(rows, rows)
        width = product.shape[1]
        mask = word_mask(len(product), width)
        for number in range(int(slot.max(initial=-1)) + 1):
            pick = np.flatnonzero(slot == number)
            row = rows[pick]
            block = product if len(row) == len(product) else product[row]
            here = mask[: len(row)]
            np.greater(block, most[pick, None], out=here[:, :width])
            above = count_true(here)
            counts = np.zeros((3, len(row)), dtype=np.int64)
            counts[0] = above
            np.greater_equal(block, least[pick, None], out=here[:, :width])
            unclear = np.flatnonzero(count_true(here) > above)
            step = max(1, MERGED // width)
            for begin in range(0, len(unclear), step):
                some = unclear[begin : begin + step]
                close = here[some][:, :width]
                close &= block[some] <= most[pick[some], None]
                at, columns = np.divmod(np.flatnonzero(close), width)
                found = self._compared(tile, first_place, pairs[pick[some][at]], row[some][at], columns)
                for which, each in enumerate(found):
                    counts[which, some] += np.bincount(at, weights=each, minlength=len(some)).astype(np.int64)
            with self._lock:
                self.counts[:, pairs[pick]] += counts

    def _keep_best(self, tile: Tile, first_place: int, at: IntArray, columns: IntArray) -> None:
        """Take the scores at (at, columns), row by row, among the best if they are."""
        rows, counts = np.unique(at, return_counts=True)
        ends = np.cumsum(counts)
        state = self.row_of[tile.first_row + rows]
        depth = self.asked.depth
        step = max(1, MERGED // (int(counts.max()) + depth))
        for begin in range(0, len(rows), step):
            end = min(begin + step, len(rows))
            pairs = slice(ends[begin] - counts[begin], ends[end - 1])
            n = counts[begin:end]
            width = int(n.max())
            keys = np.zeros((end - begin, width), dtype=np.uint64)
            within = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
            place = (columns[pairs] + first_place).astype(np.uint64)
            scores = tile.exact(at[pairs], columns[pairs])
            keys[np.repeat(np.arange(end - begin), n), within] = (ordered_bits(scores) << np.uint64(32)) | place
            with self._lock:
                together = np.concatenate([self.best[state[begin:end]], keys], axis=1)
                together.partition(width, axis=1)
                self.best[state[begin:end]] = together[:, width:]

    def answer(self) -> Answer:
        """Hits, best first, and the ranks of the judged passages: as they are, and best among their equals."""
        keys = np.sort(self.best, axis=1)[:, ::-1]
        depth = self.asked.depth
        indptr = np.arange(len(keys) + 1, dtype=np.int64) * depth
        hits = Hits(indptr, (keys & _LOW).astype(np.int32).ravel(), _score(keys).ravel())
        higher, after, before = self.counts
        return Answer(hits, 1 + higher + after, 1 + higher + before)


def _score(keys: KeyArray) -> FloatArray:
    """The scores in keys: `ordered_bits` undone."""
    bits = (keys >> np.uint64(32)).astype(np.uint32)
    flipped = np.where(bits >> 31, bits ^ np.uint32(1 << 31), ~bits).astype(np.uint32)
    found: FloatArray = flipped.view(np.float32)
    return found


def _down(values: npt.NDArray[np.float64]) -> FloatArray:
    return np.nextafter(values.astype(np.float32), np.float32(-np.inf))


def _up(values: npt.NDArray[np.float64]) -> FloatArray:
    return np.nextafter(values.astype(np.float32), np.float32(np.inf))
