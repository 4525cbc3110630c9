"""Groups in a new order, cut into batches in which no passage comes up twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
Groups = NDArray[np.uint32]


def batch_count(groups: int, size: int, ids: NDArray[np.int32] | None) -> int:
    """How many batches of ``size`` groups with distinct ids can be cut at once from some groups.

    Args:
        groups: number of groups.
        size: groups in a batch.
        ids: ``(groups,)`` passage id of each, or None where all differ.
    """
    batches = groups // size
    if ids is None:
        return batches
    repeats = np.unique(ids, return_counts=True)[1]
    # a batch takes each id once: n batches use at most n groups of an id
    while batches and (usable := int(np.minimum(repeats, batches).sum())) < batches * size:
        batches = usable // size
    return batches


def shuffled_batches(groups: Groups, size: int, ids: NDArray[np.int32] | None, rng: np.random.Generator) -> Groups:
    """Every group at most once, in random order: ``(batch_count, size)``.

    Without ids this is a plain permutation, cut. With them, ids are put in random order, their groups next to each
    other, and dealt like cards, one to each batch in turn: groups of one id never meet.

    Args:
        groups: ``(n,)`` numbers of the groups; shuffled in place.
        size: groups in a batch.
        ids: ``(n,)`` passage id of each of ``groups``, or None where all differ.
        rng: where chance comes from.
    """
    batches = batch_count(len(groups), size, ids)
    if ids is None:
        rng.shuffle(groups)
        return groups[: batches * size].reshape(batches, size)
    order = rng.permutation(len(groups))
    key = rng.permutation(int(ids.max()) + 1)
    order = order[np.argsort(key[ids[order]], kind="stable")]
    sorted_key = key[ids[order]]
    first = np.searchsorted(sorted_key, sorted_key)
    order = order[np.arange(len(order)) - first < batches][: batches * size]
    dealt = groups[order].reshape(size, batches).T
    return np.ascontiguousarray(dealt[rng.permutation(batches)])
