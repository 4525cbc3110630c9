"""A data set with a row for every (group, language), as tables: all in Arrow, no Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from st_hybrid_batch.index import MAX_LANGUAGES
from st_hybrid_batch.store import Tables, text_schema


def tables_of_dataset(
    dataset: Any,
    *,
    group: str,
    language: str,
    anchor: str,
    positive: str,
    negatives: Sequence[str],
    passage_group: str | None,
) -> Tables:
    """See `ParallelDataset.from_dataset`."""
    texts = [anchor, positive, *negatives]
    named = [group, language, *texts, *([] if passage_group is None else [passage_group])]
    _check_kind(dataset)
    _check_columns(dataset.column_names, named)
    if dataset.num_rows == 0:
        raise ValueError("the data set has no rows")
    # an indices mapping (after select or shuffle) would be looked up for every row
    table = dataset.flatten_indices().data.table
    for column in texts:
        _check_texts(table.column(column), column)
    group_of_row, ids = _numbered(table.column(group), group)
    bit_of_row, languages = _numbered(table.column(language), language)
    if len(languages) > MAX_LANGUAGES:
        raise ValueError(f"column {language!r} has {len(languages)} values, more than {MAX_LANGUAGES} languages")
    order = np.lexsort((bit_of_row, group_of_row))
    groups, bits = group_of_row[order], bit_of_row[order]
    starts = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
    _check_once(groups, bits, order, ids, languages)
    masks = np.bitwise_or.reduceat(np.uint64(1) << bits.astype(np.uint64), starts)
    labels = np.arange(len(ids))
    if passage_group is not None:
        passages, _ = _numbered(table.column(passage_group), passage_group)
        labels = _one_passage_group(passages[order], starts, ids)
    counts = np.diff(np.concatenate((starts, [len(groups)])))
    taken = table.select(texts).take(pa.array(order))
    schema = text_schema(len(negatives))
    columns = [column.cast(pa.string()) for column in taken.columns] + [pa.array(np.repeat(labels, counts))]
    members = {"id": pa.array(ids, pa.string()), "mask": pa.array(masks), "passage_group": pa.array(labels)}
    memory = datasets.table.InMemoryTable
    return Tables(memory(pa.Table.from_arrays(columns, schema=schema)), memory(pa.table(members)), tuple(languages))


def _check_kind(dataset: Any) -> None:
    if isinstance(dataset, datasets.IterableDataset):
        raise TypeError(
            "an IterableDataset has no row numbers to draw. Read it once into a Dataset "
            "(datasets.Dataset.from_generator(...)), or stream it through ParallelDataset.from_groups(..., "
            "folder=...)"
        )
    if not isinstance(dataset, datasets.Dataset):
        raise TypeError(f"expected a datasets.Dataset, got a {type(dataset).__name__}")


def _check_columns(present: Sequence[str], named: Sequence[str]) -> None:
    if missing := [name for name in named if name not in present]:
        raise ValueError(f"no column {missing[0]!r}; the data set has {list(present)}. Name the columns as keywords")
    if extra := [name for name in present if name not in named]:
        raise ValueError(
            f"columns {extra} have no part to play, and the trainer's collator would tokenise them as texts. "
            "Name them (anchor=, positive=, negatives=, group=, language=, passage_group=) or "
            f"dataset.remove_columns({extra})"
        )


def _check_texts(column: Any, name: str) -> None:
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise ValueError(f"column {name!r} holds {column.type}, expected texts")
    empty = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0)
    bad = pc.index(pc.fill_null(empty, True), True).as_py()
    if bad >= 0:
        raise ValueError(f"row {bad}: column {name!r} is empty; filter such rows out first")


def _numbered(column: Any, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """Values as numbers in order of first appearance, and the values as strings."""
    if column.null_count:
        raise ValueError(f"row {pc.index(pc.is_null(column), True).as_py()}: column {name!r} is missing")
    encoded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    numbers = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers, [str(value) for value in encoded.dictionary.to_pylist()]


def _check_once(
    groups: NDArray[np.int64],
    bits: NDArray[np.int64],
    order: NDArray[np.int64],
    ids: Sequence[str],
    languages: Sequence[str],
) -> None:
    twice = np.flatnonzero((groups[1:] == groups[:-1]) & (bits[1:] == bits[:-1]))
    if twice.size:
        first = int(twice[0])
        raise ValueError(
            f"rows {order[first]} and {order[first + 1]}: group {ids[groups[first]]!r} is twice in "
            f"{languages[bits[first]]!r}. A group is one question in several languages; give questions that "
            "share a passage groups of their own and name the passage with passage_group="
        )


def _one_passage_group(passages: NDArray[np.int64], starts: NDArray[np.int64], ids: Sequence[str]) -> NDArray[np.int64]:
    low, high = np.minimum.reduceat(passages, starts), np.maximum.reduceat(passages, starts)
    differing = np.flatnonzero(low != high)
    if differing.size:
        raise ValueError(f"the rows of group {ids[differing[0]]!r} have different passage groups; expected one")
    return low
