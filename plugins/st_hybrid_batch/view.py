"""The data set view: a ``datasets.Dataset`` that also takes (query row, passage row) pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from st_hybrid_batch.groups import Group
from st_hybrid_batch.index import GroupIndex
from st_hybrid_batch.store import Tables, read_tables, tables_of_groups, text_schema, write_tables


class ParallelDataset(datasets.Dataset):  # type: ignore[misc]
    """Parallel groups as a training set for the stock ``SentenceTransformerTrainer``.

    One row per (group, language), with the columns ``anchor``, ``positive``, ``negative_1`` ...
    ``negative_n`` and ``label``. Indexed with integers it is an ordinary data set of monolingual pairs. Asked
    by a `HybridBatchSampler` for pairs of rows, it takes the question from the first and everything else from
    the second, so cross-lingual pairs exist only while they are used.

    ``label`` is the passage group (the group itself where no passage group was given): an integer that two
    rows share if and only if their passages are translations of each other, or the same. The loss uses it.

    Language and group are kept beside the table, not in it: the trainer's collator would tokenise every
    column but ``label`` as a text. ``select``, ``shuffle``, ``map`` and the like return an ordinary
    ``datasets.Dataset``.

    Build it with `from_groups`, `from_dataset` or `load`.

    Example:
        ```python
        from st_hybrid_batch import HybridBatches, MaskedRankingLoss, ParallelDataset, read_jsonl

        train = ParallelDataset.from_groups(read_jsonl("groups.jsonl.gz", split="train"), folder="cache/train")
        args = SentenceTransformerTrainingArguments(batch_sampler=HybridBatches(alpha=0.5), ...)
        trainer = SentenceTransformerTrainer(model, args, train, loss=MaskedRankingLoss(model))
        ```
    """

    def __init__(self, tables: Tables) -> None:
        _check(tables)
        super().__init__(tables.texts)
        self._tables = tables

    @classmethod
    def from_groups(
        cls,
        groups: Iterable[Group],
        *,
        languages: Sequence[str] | None = None,
        negatives: int | None = None,
        folder: str | Path | None = None,
    ) -> ParallelDataset:
        """Build from groups, e.g. those that ``read_jsonl``, ``read_squad`` and ``read_mmarco`` yield.

        A language in which a group has a question but no passage, or the reverse, is left out of that group
        (how many is logged).

        Args:
            groups: the groups; read once.
            languages: the languages to keep; all by default. One that no group has is refused.
            negatives: hard negatives of every row; by default as many as the first row has.
            folder: write here and memory-map it; by default the data set is kept in memory.
        """
        return cls(tables_of_groups(groups, languages=languages, negatives=negatives, folder=folder))

    @classmethod
    def from_dataset(
        cls,
        dataset: datasets.Dataset,
        *,
        group: str = "group",
        language: str = "language",
        anchor: str = "anchor",
        positive: str = "positive",
        negatives: Sequence[str] = (),
        passage_group: str | None = None,
    ) -> ParallelDataset:
        """Build from a data set with a row for every (group, language), in any order.

        Args:
            dataset: the rows. Columns that are not named below must be removed first.
            group: column that rows of one group have in common (strings or integers).
            language: column with the row's language.
            anchor: column with the question.
            positive: column with its passage.
            negatives: columns with hard negatives.
            passage_group: column that rows with the same passage have in common, across languages and
                questions.
        """
        from st_hybrid_batch.long_form import tables_of_dataset

        return cls(
            tables_of_dataset(
                dataset,
                group=group,
                language=language,
                anchor=anchor,
                positive=positive,
                negatives=negatives,
                passage_group=passage_group,
            )
        )

    @classmethod
    def load(cls, folder: str | Path) -> ParallelDataset:
        """Memory-map what `save`, or ``from_groups(folder=...)``, wrote."""
        return cls(read_tables(folder))

    def save(self, folder: str | Path) -> None:
        """Write to a folder that `load` reads."""
        write_tables(self._tables, folder)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages, in the order of the rows within a group."""
        return self._tables.languages

    @property
    def n_groups(self) -> int:
        return int(self._tables.groups.num_rows)

    def group_index(self) -> GroupIndex:
        """Which groups have which languages."""
        groups = self._tables.groups
        masks = groups.column("mask").to_numpy()
        passage_groups = groups.column("passage_group").to_numpy()
        # a group without a passage group is labelled with its own number
        own = bool((passage_groups == np.arange(len(passage_groups))).all())
        return GroupIndex.build(self.languages, masks, None if own else passage_groups)

    def row_group(self, row: int) -> tuple[str, str]:
        """The group id and the language of a row."""
        counts = np.bitwise_count(self._tables.groups.column("mask").to_numpy()).astype(np.int64)
        ends = np.cumsum(counts)
        number = int(np.searchsorted(ends, row, side="right"))
        mask = self._tables.groups.column("mask")[number].as_py()
        bits = [bit for bit in range(len(self.languages)) if mask >> bit & 1]
        within = row - int(ends[number] - counts[number])
        return self._tables.groups.column("id")[number].as_py(), self.languages[bits[within]]

    def __getitems__(self, keys: list[Any]) -> list[dict[str, Any]]:
        """Rows for integers, and for pairs the first's question with the rest of the second."""
        if not keys or not isinstance(keys[0], tuple):
            return super().__getitems__(keys)  # type: ignore[no-any-return]
        query_rows, passage_rows = (list(rows) for rows in zip(*keys, strict=True))
        if query_rows == passage_rows:
            return super().__getitems__(query_rows)  # type: ignore[no-any-return]
        rows = super().__getitems__(query_rows + passage_rows)
        merged: list[dict[str, Any]] = rows[len(keys) :]
        for passage, query in zip(merged, rows[: len(keys)], strict=True):
            passage["anchor"] = query["anchor"]
        return merged


def _check(tables: Tables) -> None:
    names = tables.texts.column_names
    expected = text_schema(len(names) - 3).names
    if names != expected:
        extra = sorted(set(names) - set(expected))
        raise ValueError(
            f"the trainer's collator tokenises every column but 'label' as a text, so the columns must be "
            f"{expected[:2]}, negative_1 ..., 'label'; got {names}" + (f": remove {extra}" if extra else "")
        )
    counted = int(np.bitwise_count(tables.groups.column("mask").to_numpy()).sum(dtype=np.int64))
    if counted != tables.texts.num_rows:
        raise ValueError(
            f"{tables.texts.num_rows} rows of text, but the groups have {counted} languages in all; the two "
            "files do not belong together, write the data set anew"
        )
