"""MaxSim of token vectors: quickly for all pairs of a tile, exactly for single pairs. Imported when used.

Signatures are fixed, so that each loop is compiled once for a machine and then read from numba's cache.
"""

# mypy: disable-error-code="no-untyped-def"
# numba types them
from __future__ import annotations

import numpy as np
from numba import types

from beir_hybrid.retrieval.search.compiled import compiled
from beir_hybrid.retrieval.search.dot import LANES, dot

_F1 = types.Array(types.float32, 1, "C", readonly=True)
_F2 = types.Array(types.float32, 2, "C", readonly=True)
_I1 = types.Array(types.int64, 1, "C", readonly=True)


@compiled(types.void(_F2, _I1, _I1, types.float32[:, :]))
def sum_of_best(alike, passage_ends, query_ends, out):
    """From similarities [passage tokens, query tokens] to scores [queries, passages].

    The best of a passage's tokens is found for all query tokens side by side, which is why they stand in the rows.
    """
    tokens = alike.shape[1]
    best = np.empty(tokens, np.float32)
    for passage in range(len(passage_ends) - 1):
        best[:] = alike[passage_ends[passage]]
        for row in range(passage_ends[passage] + 1, passage_ends[passage + 1]):
            for at in range(tokens):
                best[at] = max(best[at], alike[row, at])
        for query in range(len(query_ends) - 1):
            total = np.float32(0)
            for at in range(query_ends[query], query_ends[query + 1]):
                total += best[at]
            out[query, passage] = total


@compiled(types.float32(_F1, _F1), fastmath=True)
def _about(left, right):
    """The dot product in float32, in whatever order is fastest."""
    total = np.float32(0)
    for at in range(len(left)):
        total += left[at] * right[at]
    return total


@compiled(types.void(_F2, _I1, _F2, _I1, _I1, _I1, types.float64, types.float32[::1]))
def exact_pairs(left, left_ends, right, right_ends, rows, columns, slack, out):
    """For each token of a query the best `dot` of a passage's tokens, summed in float64 in the order of the tokens.

    Args:
        slack: how far a float32 product of two tokens may be off; only those that may be the best are multiplied again.
    """
    rest = np.zeros((2, LANES), np.float32)
    about = np.empty(np.diff(right_ends).max(), np.float32)
    for at in range(len(rows)):
        first, last = right_ends[columns[at]], right_ends[columns[at] + 1]
        total = 0.0
        for i in range(left_ends[rows[at]], left_ends[rows[at] + 1]):
            most = np.float32(-np.inf)
            for j in range(first, last):
                about[j - first] = _about(left[i], right[j])
                most = max(most, about[j - first])
            best = -np.inf
            for j in range(first, last):
                if about[j - first] >= most - 2 * slack:
                    best = max(best, dot(left, i, right, j, rest))
            total += best
        out[at] = np.float32(total)
