"""Which texts of a data set answer the same question: one id for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from st_hybrid_batch.index import I64, group_starts


def passage_ids(rows: pa.Table) -> I64:
    """Ids of the passages and hard negatives of every row.

    Two texts have one id if and only if a chain of these links them: they are equal; they are passages of one group,
    that is translations; they belong to one passage group; their questions are equal, in whatever groups and
    languages. A model must not be taught to rank one of them above another.

    Args:
        rows: texts in the columns ``query``, ``passage`` and ``negative_1`` ...; ``group``, whose rows are next to each
            other; ``passage_group``, empty where a group has none.

    Returns:
        ``(rows, 1 + negatives)``: the smallest hash of the texts that are linked, so data sets that were built apart
        share an id only where they share texts. About 40 bytes a text are needed on the way.
    """
    starts = group_starts(rows.column("group"))
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=rows.num_rows))
    passages = [_hashes(rows.column(name)) for name in rows.column_names if name == "passage" or "negative_" in name]
    has_name = pc.not_equal(rows.column("passage_group"), "").to_numpy()
    # questions and names of passage groups are no passages: the three must not meet by an equal text
    questions = _hashes(rows.column("query")) * np.uint64(3)
    names = _hashes(rows.column("passage_group"))[has_name] * np.uint64(5)
    hashes, nodes = np.unique(np.concatenate([*passages, questions, names]), return_inverse=True)
    nodes += len(starts)  # nodes 0, 1, ... are the groups themselves
    texts = nodes[: rows.num_rows * len(passages)].reshape(len(passages), rows.num_rows)
    # the positives, the questions and the passage groups link groups; hard negatives do not
    ends = np.concatenate([texts[0], nodes[texts.size :]])
    links = (np.concatenate([group, group, group[has_name]]), ends)
    component = _components(*links, int(nodes.max()) + 1)
    _, smallest = np.unique(component[len(starts) :], return_index=True)
    # a component has texts, so every one of them is found; the hashes are sorted
    ids: I64 = hashes[smallest][component[texts]].view(np.int64)
    return ids.T


def joined_ids(rows: pa.Table) -> I64:
    """Ids for the texts of data sets that were joined, each with its own in the column ``label``.

    Ids that share a text are one, as if all had been built together: passages, hard negatives and questions link them.

    Returns:
        ``(rows, 1 + negatives)``: the smallest id of those that are one.
    """
    label = rows.column("label").combine_chunks().flatten().to_numpy().reshape(rows.num_rows, -1).view(np.uint64)
    columns = ["passage", *(f"negative_{number}" for number in range(1, label.shape[1]))]
    hashes = [*(_hashes(rows.column(name)) for name in columns), _hashes(rows.column("query")) * np.uint64(3)]
    ids, id_nodes = np.unique(np.concatenate([*label.T, label[:, 0]]), return_inverse=True)
    text_nodes = np.unique(np.concatenate(hashes), return_inverse=True)[1] + len(ids)
    component = _components(id_nodes, text_nodes, int(text_nodes.max()) + 1)[: len(ids)]
    _, smallest, place = np.unique(component, return_index=True, return_inverse=True)
    one_of_each: I64 = ids[smallest][place].view(np.int64)
    return one_of_each[id_nodes[: label.size]].reshape(label.shape[::-1]).T


def _components(ones: I64, others: I64, size: int) -> NDArray[np.int32]:
    """The component of each of ``size`` nodes, of which links join one to the other."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(ones), dtype=np.uint8), (ones, others)), shape=(size, size))
    return connected_components(graph, directed=False)[1]  # type: ignore[no-any-return]


def _hashes(column: Any) -> NDArray[np.uint64]:
    """64-bit hashes of texts, chunk by chunk: Python sees the texts of one chunk at a time."""
    from pandas.util import hash_array

    chunks = (hash_array(chunk.to_numpy(zero_copy_only=False), categorize=False) for chunk in column.chunks)
    return np.concatenate([np.empty(0, dtype=np.uint64), *chunks])
