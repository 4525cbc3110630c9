"""Which groups have which languages: what the sampler holds in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

I64 = NDArray[np.int64]
MAX_LANGUAGES = 64


@dataclass(frozen=True)
class GroupIndex:
    """The groups of a data set, by number.

    Attributes:
        languages: the languages, sorted; bit b of a mask stands for the b-th.
        masks: ``(S,)`` uint64, the distinct sets of languages that groups have.
        set_of_group: ``(groups,)`` each group's set, a number into ``masks``.
        first_row: ``(groups,)`` number of each group's first row; its rows follow by language.
        passage_id: ``(groups,)`` id of each group's passage, from 0, or None where all groups have one of their own.
        n_rows: rows in all.
    """

    languages: tuple[str, ...]
    masks: NDArray[np.uint64]
    set_of_group: NDArray[np.unsignedinteger]
    first_row: NDArray[np.unsignedinteger]
    passage_id: NDArray[np.int32] | None
    n_rows: int

    @classmethod
    def of_columns(cls, language: Any, group: Any, passage_id: I64) -> GroupIndex:
        """Index the rows of a data set.

        Args:
            language: ``(rows,)`` strings (chunked Arrow array).
            group: ``(rows,)`` strings, the rows of a group next to each other, sorted by language.
            passage_id: ``(rows,)``.

        Raises:
            ValueError: rows in another order, a group in two places, a language twice in a group.
        """
        import pandas

        if len(language) == 0:
            raise ValueError("the data set has no rows")
        names, codes = numbers_of(language)
        if len(names) > MAX_LANGUAGES:
            raise ValueError(f"got {len(names)} languages; one data set holds at most {MAX_LANGUAGES}")
        bits = np.argsort(np.argsort(names)).astype(np.uint8)[codes]
        starts = group_starts(group)
        follows = np.ones(len(bits), dtype=bool)
        follows[starts] = False
        wrong = np.flatnonzero((bits[1:] <= bits[:-1]) & follows[1:])
        if wrong.size:
            row = int(wrong[0]) + 1
            raise ValueError(
                f"group {group[row].as_py()!r} is twice in {language[row].as_py()!r}, or its rows are not sorted by "
                "language. A group is one question in several languages: give questions that share a passage groups of "
                "their own and name the passage with a passage group; ParallelDataset.from_dataset sorts rows"
            )
        ids = group.filter(pa.array(~follows))
        if len(ids.unique()) < len(starts):
            counts = pc.value_counts(ids.combine_chunks())
            twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))[0].as_py()
            raise ValueError(
                f"group {twice!r} comes up in two places; expected each group once, with all its languages together"
            )
        masks = np.bitwise_or.reduceat(np.uint64(1) << bits.astype(np.uint64), starts)
        set_of_group, distinct = pandas.factorize(masks, sort=True)
        passages = passage_id[starts]
        repeated = not np.diff(np.sort(passages)).all()
        return cls(
            languages=tuple(sorted(names)),
            masks=distinct,
            set_of_group=set_of_group.astype(np.min_scalar_type(len(distinct))),
            first_row=starts.astype(np.min_scalar_type(len(bits))),
            passage_id=pandas.factorize(passages, sort=True)[0].astype(np.int32) if repeated else None,
            n_rows=len(bits),
        )

    @property
    def n_groups(self) -> int:
        return len(self.first_row)

    def has(self) -> NDArray[np.bool_]:
        """``(S, L)`` whether a set of languages has a language."""
        shifts = np.arange(len(self.languages), dtype=np.uint64)
        return (self.masks[:, None] >> shifts & np.uint64(1)).astype(bool)

    def sizes(self) -> I64:
        """``(L,)`` number of groups that have each language."""
        return np.bincount(self.set_of_group, minlength=len(self.masks)) @ self.has()

    def groups_with(self, sets: NDArray[np.bool_]) -> NDArray[np.uint32]:
        """Numbers of the groups whose set of languages is chosen: ``sets`` is ``(S,)``."""
        if sets.all():
            return np.arange(self.n_groups, dtype=np.uint32)
        return np.flatnonzero(sets[self.set_of_group]).astype(np.uint32)

    def rows(self, groups: Any, query: I64, passage: I64) -> tuple[I64, I64]:
        """Row numbers of groups in their query's and their passage's language, elementwise."""
        offset = np.cumsum(self.has(), axis=1) - 1  # of a language within its group
        # most of the time goes into reaching into these two, so once for both
        first, sets = self.first_row[groups].astype(np.int64), self.set_of_group[groups]
        return first + offset[sets, query], first + offset[sets, passage]


def numbers_of(column: Any) -> tuple[list[str], NDArray[np.int32]]:
    """The different texts of a column, in order of first appearance, and each row's number among them."""
    encoded = pc.dictionary_encode(column).unify_dictionaries().combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False)


def group_starts(group: Any) -> I64:
    """The rows at which a group begins: where the id differs from the row before."""
    changes = pc.not_equal(group.slice(1), group.slice(0, len(group) - 1)).to_numpy()
    return np.concatenate(([0], np.flatnonzero(changes) + 1)).astype(np.int64)
