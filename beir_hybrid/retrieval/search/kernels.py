"""The compiled loops of a search: what a tile decides, and what it leaves open. Imported when used.

Signatures are fixed, so that each loop is compiled once for a machine and then read from numba's cache.
"""

# mypy: disable-error-code="no-untyped-def"
# numba types them
from __future__ import annotations

import numpy as np
from numba import types

from beir_hybrid.retrieval.search.compiled import compiled

_F1 = types.Array(types.float32, 1, "C", readonly=True)
_F2 = types.Array(types.float32, 2, "C", readonly=True)
_I1 = types.Array(types.int64, 1, "C", readonly=True)
_PLACES = types.Array(types.int32, 2, "C", readonly=True)  # what came from another process may not be written to
_TILE = types.float32[:, ::1]
_OUT = types.int64[::1]
_NEVER = np.float32(np.inf)
_WORD = 8
"""Marks that are looked at together."""
_INFINITE = 0x7F800000
"""The place of infinity in the order of float32 values."""


@compiled(types.int64(_F1, types.int64, types.int64, types.int32[::1]))
def _reached(scores, depth, guess, box):
    """The place of a score that at least ``depth`` scores reach, and few more where they differ.

    Found by counting, from a ``guess`` on: float32 values have places in their order, that of 0 is 0, that of a
    negative value the negative one. ``box`` is room for one.
    """
    value = box.view(np.float32)
    low, high, step = -_INFINITE, _INFINITE, np.int64(1 << 18)
    place = guess
    while high - low > 1:
        box[0] = np.int32(abs(place))
        cut = value[0] if place >= 0 else -value[0]
        count = np.int32(0)
        for at in range(len(scores)):
            count = np.int32(count + np.int32(scores[at] >= cut))
        if count >= depth:
            low = place
            if count <= depth + depth // 4 + 1:
                break
        else:
            high = place
        if high == _INFINITE or low == -_INFINITE:
            place += step if count >= depth else -step
            step *= 2
        if not low < place < high:
            place = (low + high) // 2
    return low


@compiled(types.boolean(types.float32, types.int64, types.float32, types.int64))
def _before(score, place, other_score, other_place):
    """Whether a passage stands above another: by score, where that ties by place, the greater first."""
    return score > other_score or (score == other_score and place > other_place)


@compiled(types.void(types.float32[::1], types.int32[::1], types.float32, types.int64))
def _keep(scores, places, score, place):
    """Take a passage among the best, a heap whose worst stands first, if it is one of them."""
    depth = len(scores)
    if not _before(score, place, scores[0], places[0]):
        return
    at = 0
    while True:
        child = 2 * at + 1
        if child >= depth:
            break
        if child + 1 < depth and _before(scores[child], places[child], scores[child + 1], places[child + 1]):
            child += 1
        if _before(scores[child], places[child], score, place):
            break
        scores[at] = scores[child]
        places[at] = places[child]
        at = child
    scores[at] = score
    places[at] = np.int32(place)


@compiled(types.void(types.float32[:, ::1], types.int32[:, ::1], _F2, _PLACES))
def keep_all(scores, places, other_scores, other_places):
    """Merge the best passages of other parts of the corpora into these, row by row."""
    for row in range(len(scores)):
        for at in range(other_scores.shape[1]):
            if other_places[row, at] >= 0:
                _keep(scores[row], places[row], other_scores[row, at], other_places[row, at])


@compiled(
    types.UniTuple(types.int64, 2)(
        _TILE, types.Array(types.float64, 1, "C", readonly=True), types.int64, _I1, _F1, _F1, _I1, _F2,
        _OUT, types.float32[::1], _OUT, _OUT,
    ),
)  # fmt: skip
def sift(tile, bounds, begin, pair_row, least, most, state, best, above, cuts, rows, columns):
    """Go through rows from ``begin`` on: find what is left open, and count what is surely above each judged pair.

    A score that is no number is always open.

    Args:
        bounds: see `ScoreTile`.
        pair_row, least, most: row of each judged pair, ascending; scores from ``least`` to ``most`` may be its equal.
        state: of each row, where its best passages stand in ``best``; -1: none are kept.
        above: for each pair the scores above it that are not open.
        cuts: for each row a score that its best passages reach.
        rows, columns: room for the scores whose exact value matters, at least a row of the tile.

    Returns:
        The first row that was not reached because there was no more room, and how many scores are open.
    """
    n, width = tile.shape
    depth = best.shape[1]
    box, place = np.empty(1, np.int32), np.int64(0)
    value = box.view(np.float32)
    open_ = np.zeros(-(-width // _WORD) * _WORD, np.uint8)
    words = open_.view(np.uint64)
    found = 0
    pair = np.searchsorted(pair_row, begin)
    for row in range(begin, n):
        if found + width > len(rows):
            return row, found
        scores = tile[row]
        anything = False
        first_pair, first_found = pair, found
        while pair < len(pair_row) and pair_row[pair] == row:
            low, high = least[pair], most[pair]
            over = below = np.int32(0)
            for at in range(width):  # in 32 bits, as wide as a score: twice as many at once as in 64
                over = np.int32(over + np.int32(scores[at] > high))
                below = np.int32(below + np.int32(scores[at] < low))
            above[pair] = over
            if over + below < width:
                anything = True
                for at in range(width):
                    open_[at] |= ~((scores[at] < low) | (scores[at] > high))
            pair += 1
        cut = _NEVER
        if depth and state[row] >= 0:
            worst = best[state[row], 0]
            cut = -_NEVER
            if worst > -_NEVER:
                cut = np.float32(worst - bounds[row])
            elif depth < width:
                # none of the tile's own best is lost if all within two errors of its depth-th, or below, stay
                place = _reached(scores, depth, place, box)  # rows are alike: from where the last one's was
                box[0] = np.int32(abs(place))
                cut = np.float32((value[0] if place >= 0 else -value[0]) - 2 * bounds[row])
            cut = np.float32(cut - abs(cut) * np.float32(2.0**-22))  # rounded down
            anything = True
            for at in range(width):
                open_[at] |= ~(scores[at] < cut)
        cuts[row] = cut
        if anything:
            for word in range(len(words)):
                if words[word]:
                    for at in range(word * _WORD, (word + 1) * _WORD):
                        if open_[at]:
                            rows[found] = row
                            columns[found] = at
                            found += 1
                    words[word] = 0
        for each in range(first_pair, pair):
            for at in range(first_found, found):
                above[each] -= scores[columns[at]] > most[each]
    return n, found


@compiled(
    types.void(
        _TILE, types.int64, types.int64, types.int64, _I1, _F1, _I1, _I1, _I1, _F1, _I1, _I1,
        types.int64[:, :], types.float32[:, ::1], types.int32[:, ::1],
    ),
)  # fmt: skip
def settle(
    tile, begin, end, start, pair_row, pair_score, pair_place, state, above, cuts, rows, columns, counts, best, places
):
    """Count the open scores of rows [begin, end), exact now, beside those surely above; take the best among ``best``.

    Args:
        start: the place of the tile's first passage.
        rows, columns: of the scores that were open.
        pair_score, pair_place: of the judged pairs, exact.
        counts: of each pair, passages that score higher; that score the same and have a greater place; a smaller one.

    Others: see `sift`.
    """
    pair, first = np.searchsorted(pair_row, begin), 0
    for row in range(begin, end):
        last = first
        while last < len(rows) and rows[last] == row:
            last += 1
        while pair < len(pair_row) and pair_row[pair] == row:
            score, own = pair_score[pair], pair_place[pair] - start
            counts[0, pair] += above[pair]
            for at in range(first, last):
                column = columns[at]
                counts[0, pair] += tile[row, column] > score
                if tile[row, column] == score:
                    counts[1, pair] += column > own
                    counts[2, pair] += column < own
            pair += 1
        for at in range(first, last if state[row] >= 0 else first):
            column = columns[at]
            if not tile[row, column] < cuts[row]:
                _keep(best[state[row]], places[state[row]], tile[row, column], column + start)
        first = last
