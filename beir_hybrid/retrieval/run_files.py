"""Existing runs, evaluated like any retriever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.datasets import get_source, is_registered
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RunError
from beir_hybrid.files import fingerprint, sha256_of
from beir_hybrid.retrieval.base import Ranking
from beir_hybrid.retrieval.run_table import Coded, RunTable, TaskKey, read_run, table_of
from beir_hybrid.settings import Task
from beir_hybrid.types import Hits, IntArray

_ANY_TASK: TaskKey = ("", "", "")
"""The task of every row of a file that names none."""


class RunFileRetriever:
    """An existing run as a retriever.

    Ids are those of this package, or, with a single language loaded, those of the data set's own files (as in
    published MIRACL runs). A passage that is not in a task's corpus is left out of that task: the ranking of the
    pool restricted to a language is a ranking of that language, as deep as it goes. Rows in languages of the data
    set that were not loaded are passed over. Files written by `evaluate` say which task each row belongs to.

    Args:
        path: see `read_run`.
        name: how results call it; default: the file's name.
    """

    def __init__(self, path: Path | str, *, name: str | None = None) -> None:
        self._begin(read_run(path), name or Path(Path(path).name.removesuffix(".gz")).stem)

    def _begin(self, table: RunTable, name: str) -> None:
        self._table = table
        self._path = table.path
        self.name = name
        self._languages: tuple[str, ...] = ()
        self._rows: dict[tuple[TaskKey, int], IntArray] = {}
        self._query: IntArray | None = None
        self._passage: IntArray | None = None
        self._passage_language: IntArray | None = None

    def describe(self) -> dict[str, Any]:
        return {
            "type": "run",
            "file": self._path.name,
            "sha256": sha256_of(self._path),
            "rows": len(self._table.scores),
        }

    def prepare(self, dataset: Dataset) -> None:
        """Resolve the file's ids in a data set.

        Raises:
            RunError: an unknown query or passage, or a pair that stands twice; the line is named.
        """
        table = self._table = _of_loaded_languages(self._table, dataset)
        self._languages = dataset.languages
        query_language, query = self._resolve("query", table.queries, dataset.queries, dataset)
        passage_language, passage = self._resolve("passage", table.passages, dataset.passages, dataset)
        tasks = table.tasks or Coded([_ANY_TASK], np.zeros(len(table.scores), dtype=np.int64))
        self._refuse_repeats(tasks.codes, query_language, query, passage_language, passage)
        # rows of one task and query language together, so that no task looks at the rows of the others
        group = tasks.codes * len(self._languages) + query_language
        order = np.argsort(group, kind="stable")
        present, starts = np.unique(group[order], return_index=True)
        for number, rows in zip(present.tolist(), np.split(order, starts[1:]), strict=True):
            task, language = divmod(number, len(self._languages))
            self._rows[tuple(tasks.names[task]), language] = rows
        self._query, self._passage, self._passage_language = query, passage, passage_language

    def _resolve(self, kind: str, ids: Coded, blocks: Mapping[str, Any], dataset: Dataset) -> tuple[IntArray, IntArray]:
        """The language and the position in it of every row's query or passage."""
        known = self._places(blocks, dataset)
        places = np.array([known.get(name, (-1, -1)) for name in ids.names], dtype=np.int64).reshape(-1, 2)
        unknown = np.flatnonzero(places[ids.codes, 0] < 0)
        if len(unknown):
            row = int(unknown[0])
            raise RunError(
                f"{self._table.place(row)}: {kind} {ids[row]!r} is not in {dataset.name} "
                f"({', '.join(dataset.languages)}), whose {kind} ids look like {next(iter(known))!r}"
            )
        return places[ids.codes, 0], places[ids.codes, 1]

    def _refuse_repeats(self, *columns: IntArray) -> None:
        key = np.zeros(len(columns[0]), dtype=np.int64)
        for column in columns:
            key = key * (int(column.max(initial=0)) + 1) + column
        order = np.argsort(key, kind="stable")
        same = np.flatnonzero(key[order][1:] == key[order][:-1])
        if len(same):
            row = int(order[same + 1].min())
            table = self._table
            raise RunError(
                f"{table.place(row)}: query {table.queries[row]!r} ranks passage {table.passages[row]!r} twice"
            )

    def _places(self, blocks: Mapping[str, Any], dataset: Dataset) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for index, language in enumerate(dataset.languages):
            block = blocks[language]
            if len(dataset.languages) == 1:
                found.update({key: (index, row) for row, key in enumerate(block.source_ids)})
            found.update({key: (index, row) for row, key in enumerate(block.ids)})
        return found

    def tasks(self, dataset: Dataset) -> list[Task]:
        """The tasks this run is about, when no settings are named.

        Rows of one query in several passage languages make it a run of the pool (multi); else every pair of
        languages that occurs is a task of its own (mono, cross).
        """
        if self._table.tasks is not None:
            return [
                dataset.task(setting, query, passage if setting == "cross" else None)
                for setting, query, passage in self._table.tasks.names
                if query in dataset.languages and passage in (*dataset.languages, "all")
            ]
        _, _, passage_language = self._ready()
        named: list[tuple[str, str]] = []
        pooled: list[str] = []
        for (_, language), rows in self._rows.items():
            languages, first = np.unique(passage_language[rows], return_index=True)
            named += [(dataset.languages[language], dataset.languages[other]) for other in languages]
            per_query = np.unique(self._ready()[0][rows] * len(dataset.languages) + passage_language[rows])
            if len(first) > 1 and np.any(np.diff(per_query // len(dataset.languages)) == 0):
                pooled.append(dataset.languages[language])
        if pooled:
            return [dataset.task("multi", language) for language in dict.fromkeys(query for query, _ in named)]
        made = [dataset.task("mono", query) for query, passage in named if query == passage]
        return made + [dataset.task("cross", query, passage) for query, passage in named if query != passage]

    def _ready(self) -> tuple[IntArray, IntArray, IntArray]:
        if self._query is None or self._passage is None or self._passage_language is None:
            raise RunError(f"{self._path}: call prepare(dataset) first, so that the ids can be resolved")
        return self._query, self._passage, self._passage_language

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        query, passage, passage_language = self._ready()
        for task in tasks:
            key = task.key if self._table.tasks is not None else _ANY_TASK
            rows = self._rows.get((key, self._languages.index(task.query_language)), np.empty(0, dtype=np.int64))
            starts = np.full(len(self._languages), -1, dtype=np.int64)
            begin = 0
            for block in task.blocks:
                starts[self._languages.index(block.language)] = begin
                begin += len(block)
            row_of: IntArray = np.full(len(task.queries), -1, dtype=np.int64)
            row_of[task.rows] = np.arange(len(task.rows))
            rows = rows[(starts[passage_language[rows]] >= 0) & (row_of[query[rows]] >= 0)]
            hits = Hits.sorted(
                len(task.rows),
                row_of[query[rows]],
                starts[passage_language[rows]] + passage[rows],
                self._table.scores[rows],
            )
            yield Ranking.of_hits(task, hits if top_k is None else hits.cut(top_k))


def _of_loaded_languages(table: RunTable, dataset: Dataset) -> RunTable:
    """The rows without a query or passage in a language that the data set has but that was not loaded."""
    if not is_registered(dataset.name):
        return table
    absent = tuple(f"{lang}-" for lang in get_source(dataset.name).languages if lang not in dataset.languages)
    if not absent:
        return table
    keep = np.ones(len(table.scores), dtype=bool)
    for ids in (table.queries, table.passages):
        loaded = np.array([not name.startswith(absent) for name in ids.names], dtype=bool)
        keep &= loaded[ids.codes]
    if not keep.any():
        raise RunError(f"{table.path}: no row is in the languages that were loaded: {', '.join(dataset.languages)}")
    return table.take(np.flatnonzero(keep))


class ResultsRetriever(RunFileRetriever):
    """BEIR's results ``{query: {passage: score}}`` in memory as a retriever; ids as in `RunFileRetriever`."""

    def __init__(self, results: Mapping[str, Mapping[str, float]], *, name: str = "run") -> None:
        self._begin(table_of(results), name)

    def describe(self) -> dict[str, Any]:
        table = self._table
        parts = zip(table.queries, table.passages, map(repr, table.scores.tolist()), strict=True)
        content = fingerprint(*(part for row in parts for part in row))
        return {"type": "run", "fingerprint": content, "rows": len(table.scores)}


__all__ = ["ResultsRetriever", "RunFileRetriever", "RunTable", "read_run", "table_of"]
