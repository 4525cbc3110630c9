"""Which texts of a data set answer the same question: one id for all of them."""

from __future__ import annotations

from collections.abc import Iterable
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
    languages; they are passages that had one id in data that were joined or changed. A model must not be taught to rank
    one of them above another.

    Args:
        rows: texts in the columns ``query``, ``passage`` and ``negative_1`` ...; ``group``, whose rows are next to each
            other; perhaps ``passage_group``, empty where a group has none, and ``label``, ids made earlier.

    Returns:
        ``(rows, 1 + negatives)``: the smallest hash of the texts that are linked, so data sets that were built apart
        share an id only where they share texts. About 40 bytes a text are needed on the way.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    starts = group_starts(rows.column("group"))
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=rows.num_rows))
    passages = [_hashes(rows.column(name)) for name in passage_columns(rows.column_names)]
    # questions and names of passage groups are no passages: the three must not meet by an equal text
    ends, links = [*passages, _hashes(rows.column("query")) * np.uint64(3)], [group, group]
    if "passage_group" in rows.column_names:
        has_name = pc.not_equal(rows.column("passage_group"), "").to_numpy()
        ends.append(_hashes(rows.column("passage_group"))[has_name] * np.uint64(5))
        links.append(group[has_name])
    if "label" in rows.column_names:  # of a hard negative it may be that of another text, before
        ends.append(pc.list_element(rows.column("label"), 0).to_numpy().view(np.uint64))
        links.append(group)
    hashes, nodes = np.unique(np.concatenate(ends), return_inverse=True)
    nodes += len(starts)  # nodes 0, 1, ... are the groups themselves
    texts = nodes[: rows.num_rows * len(passages)].reshape(len(passages), rows.num_rows)
    # the positives, the questions and the passage groups link groups; hard negatives do not
    ones, others = np.concatenate(links), np.concatenate([texts[0], nodes[texts.size :]])
    graph = coo_array((np.ones(len(ones), dtype=np.uint8), (ones, others)), shape=(int(nodes.max()) + 1,) * 2)
    component = connected_components(graph, directed=False)[1]
    _, smallest = np.unique(component[len(starts) :], return_index=True)
    # a component has texts, so every one of them is found; the hashes are sorted
    ids: I64 = hashes[smallest][component[texts]].view(np.int64)
    return ids.T


def passage_columns(names: Iterable[str]) -> list[str]:
    """Of columns those of passages: ``passage``, ``negative_1``, ``negative_2`` ..., in the order of labels."""
    numbers = sorted(int(name[9:]) for name in names if name.startswith("negative_") and name[9:].isdigit())
    return ["passage", *(f"negative_{number}" for number in numbers)]


def _hashes(column: Any) -> NDArray[np.uint64]:
    """64-bit hashes of texts, chunk by chunk: Python sees the texts of one chunk at a time."""
    from pandas.util import hash_array

    chunks = (hash_array(chunk.to_numpy(zero_copy_only=False), categorize=False) for chunk in column.chunks)
    return np.concatenate([np.empty(0, dtype=np.uint64), *chunks])
