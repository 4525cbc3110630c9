"""Which texts of a data set answer the same question: one id for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]


def passage_ids(query: Any, passages: Sequence[Any], group: I64, passage_group: Any) -> I64:
    """Ids of the passages and hard negatives of every row.

    Two texts have one id if and only if a chain of these links them: they are equal; they are passages of one group,
    that is translations; they belong to one passage group; their questions are equal, in whatever groups and
    languages. A model must not be taught to rank one of them above another.

    Args:
        query: ``(rows,)`` strings (chunked Arrow array).
        passages: the passage column, then those of hard negatives, likewise.
        group: ``(rows,)`` number of each row's group, from 0.
        passage_group: ``(rows,)`` strings, empty where a group has none.

    Returns:
        ``(rows, 1 + negatives)``: the smallest hash of the texts that are linked, so data sets that were built apart
        share an id only where they share texts. About 40 bytes a text are needed on the way.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = len(group), len(passages)
    named = _hashes(passage_group)
    has_name = named != _hash_of("")
    texts = np.concatenate([_hashes(column) for column in passages])
    # questions and names of passage groups are no passages: the three must not meet by an equal text
    others = np.concatenate([_hashes(query) * np.uint64(3), named[has_name] * np.uint64(5)])
    hashes, nodes = np.unique(np.concatenate([texts, others]), return_inverse=True)
    groups = int(group.max()) + 1
    nodes += groups  # nodes 0, 1, ... are the groups themselves
    # the positives, the questions and the passage groups link groups; hard negatives do not
    ends = np.concatenate([nodes[:rows], nodes[rows * columns :]])
    starts = np.concatenate([group, group, group[has_name]])
    size = int(nodes.max()) + 1
    graph = coo_array((np.ones(len(ends), dtype=np.uint8), (starts, ends)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    _, smallest = np.unique(component[groups:], return_index=True)
    # a component has texts, so every one of them is found; the hashes are sorted
    ids: I64 = hashes[smallest][component[nodes[: rows * columns]]].view(np.int64)
    return ids.reshape(columns, rows).T


def _hashes(column: Any) -> NDArray[np.uint64]:
    """64-bit hashes of texts, chunk by chunk: Python sees the texts of one chunk at a time."""
    from pandas.util import hash_array

    hashes = [np.empty(0, dtype=np.uint64)]
    for chunk in column.chunks:
        hashes.append(hash_array(chunk.to_numpy(zero_copy_only=False), categorize=False))
    return np.concatenate(hashes)


def _hash_of(text: str) -> np.uint64:
    from pandas.util import hash_array

    return np.uint64(hash_array(np.array([text], dtype=object), categorize=False)[0])
