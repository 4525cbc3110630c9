"""A data set with a row for every group and language, put in order: all in Arrow, no Python loop over rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def sorted_rows(dataset: datasets.Dataset, names: Mapping[str, str], passage_group: str | None) -> Any:
    """A table of rows, group after group in order of first appearance, within a group by language.

    Args:
        dataset: the rows.
        names: the column of ``dataset`` for each column of the result.
        passage_group: likewise for passage groups, if there are any.
    """
    present = dataset.column_names
    for name in [*names.values(), *([passage_group] if passage_group else [])]:
        if name not in present:
            raise ValueError(f"no column {name!r}; the data set has {present}. Name the columns as keywords")
    if dataset.num_rows == 0:
        raise ValueError("the data set has no rows")
    table = dataset.flatten_indices().data.table
    columns = {}
    for name, source in names.items():
        columns[name] = _strings(table.column(source), dataset.features[source], source)
    size = dataset.num_rows
    given = passage_group and _strings(table.column(passage_group), dataset.features[passage_group], passage_group)
    columns["passage_group"] = given or pa.chunked_array([pa.array([""]).take(pa.array(np.zeros(size, np.int64)))])
    for name in columns.keys() - {"language", "group", "passage_group"}:
        if not pa.types.is_string(table.column(names[name]).type):
            raise ValueError(f"column {names[name]!r} holds {table.column(names[name]).type}, expected texts")
        empty = pc.index(pc.equal(pc.utf8_trim_whitespace(columns[name]), ""), True).as_py()
        if empty >= 0:
            raise ValueError(f"row {empty}: column {names[name]!r} is empty; filter such rows out first")
    groups = _codes(columns["group"])
    languages = np.argsort(np.argsort(columns["language"].unique().to_pylist()))[_codes(columns["language"])]
    order = np.lexsort((languages, groups))
    twice = np.flatnonzero((np.diff(groups[order]) == 0) & (np.diff(languages[order]) == 0))
    if twice.size:
        first, second = order[twice[0]], order[twice[0] + 1]
        raise ValueError(
            f"rows {first} and {second}: group {columns['group'][int(first)].as_py()!r} is twice in "
            f"{columns['language'][int(first)].as_py()!r}. A group is one question in several languages; give "
            "questions that share a passage groups of their own and name the passage with passage_group="
        )
    return pa.table(columns).take(pa.array(order))


def _strings(column: Any, feature: Any, name: str) -> Any:
    """A column as strings: names for class labels."""
    if column.null_count:
        raise ValueError(f"row {pc.index(pc.is_null(column), True).as_py()}: column {name!r} is missing")
    if isinstance(feature, datasets.ClassLabel):
        return pa.chunked_array([pa.array(feature.names).take(column.combine_chunks())])
    return column.cast(pa.string())


def _codes(column: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    encoded = pc.dictionary_encode(column).unify_dictionaries().combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)  # type: ignore[no-any-return]
