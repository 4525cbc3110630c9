"""Existing runs, evaluated like any retriever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.datasets import get_source, is_registered
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import fingerprint, sha256_of
from beir_hybrid.errors import RunError
from beir_hybrid.records import Hits, IntArray, Queries
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.run_table import Coded, Codes, RunTable, TaskKey, read_run, table_of
from beir_hybrid.settings import Task

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
        self._rows: dict[tuple[TaskKey, int], Codes] = {}
        self._query: Codes | None = None
        self._passage: Codes | None = None
        self._passage_language: Codes | None = None

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
        self._query, self._passage, self._passage_language = query, passage, passage_language
        tasks = table.tasks or Coded([_ANY_TASK], np.zeros(len(table.scores), dtype=np.int8))
        # rows of one task and query language together, so that no task looks at the rows of the others
        group = tasks.codes.astype(np.int32) * len(self._languages) + query_language
        order = np.argsort(group, kind="stable").astype(np.int32)
        present, counts = np.unique(group, return_counts=True)
        for number, rows in zip(present.tolist(), np.split(order, np.cumsum(counts)[:-1]), strict=True):
            task, language = divmod(number, len(self._languages))
            self._rows[tuple(tasks.names[task]), language] = rows
        self._refuse_repeats()

    def _resolve(self, kind: str, ids: Coded, blocks: Mapping[str, Any], dataset: Dataset) -> tuple[Codes, Codes]:
        """The language and the position in it of every row's query or passage."""
        find = _Finder(blocks, dataset.languages)
        places = np.array([find(name) for name in ids.names], dtype=np.int32).reshape(-1, 2)
        if len(places) and places[:, 0].min() < 0:
            unknown = np.flatnonzero(places[ids.codes, 0] < 0)
            if len(unknown):
                row = int(unknown[0])
                raise RunError(
                    f"{self._table.place(row)}: {kind} {ids[row]!r} is not in {dataset.name} "
                    f"({', '.join(dataset.languages)}), whose {kind} ids look like {find.example!r}"
                )
        return places[:, 0].astype(np.int16)[ids.codes], places[:, 1][ids.codes]

    def _refuse_repeats(self) -> None:
        """Task by task: a pair can be repeated only within one."""
        query, passage, language = self._ready()
        repeated = []
        for rows in self._rows.values():
            wide = int(passage[rows].max(initial=0)) + 1
            key = (query[rows].astype(np.int64) * len(self._languages) + language[rows]) * wide + passage[rows]
            order = np.argsort(key, kind="stable")
            same = np.flatnonzero(key[order][1:] == key[order][:-1])
            repeated += rows[order[same + 1]].tolist()
        if repeated:
            row, table = min(repeated), self._table
            raise RunError(
                f"{table.place(row)}: query {table.queries[row]!r} ranks passage {table.passages[row]!r} twice"
            )

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
        query_of, _, passage_language = self._ready()
        named: list[tuple[str, str]] = []
        pooled: list[str] = []
        for (_, language), rows in self._rows.items():
            languages, first = np.unique(passage_language[rows], return_index=True)
            named += [(dataset.languages[language], dataset.languages[other]) for other in languages]
            per_query = np.unique(query_of[rows].astype(np.int64) * len(dataset.languages) + passage_language[rows])
            if len(first) > 1 and np.any(np.diff(per_query // len(dataset.languages)) == 0):
                pooled.append(dataset.languages[language])
        if pooled:
            return [dataset.task("multi", language) for language in dict.fromkeys(query for query, _ in named)]
        made = [dataset.task("mono", query) for query, passage in named if query == passage]
        return made + [dataset.task("cross", query, passage) for query, passage in named if query != passage]

    def _ready(self) -> tuple[Codes, Codes, Codes]:
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
    if dataset.folder or not is_registered(dataset.name):
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


class _Finder:
    """Where ids of a run stand in a data set, as (number of the language, position), (-1, -1) if nowhere.

    Passages are asked one by one and not put into a table: a corpus can be larger than memory.
    """

    def __init__(self, blocks: Mapping[str, Any], languages: Sequence[str]) -> None:
        self._blocks = [blocks[language] for language in languages]
        self._alone = len(languages) == 1
        first = self._blocks[0]
        self.example = (first.source_ids if self._alone else first.ids)[0] if len(first) else ""
        self._queries = {
            key: (number, row)
            for number, block in enumerate(self._blocks)
            if isinstance(block, Queries)
            for column in ((block.source_ids, block.ids) if self._alone else (block.ids,))
            for row, key in enumerate(column)
        }

    def __call__(self, name: str) -> tuple[int, int]:
        if self._queries:
            return self._queries.get(name, (-1, -1))
        for number, block in enumerate(self._blocks):
            if name.startswith(f"{block.language}-") and (position := block.position(name)) is not None:
                return number, position
        # with one language loaded a run may have the ids of the published files
        source = self._blocks[0].source_position(name) if self._alone else None
        return (-1, -1) if source is None else (0, source)


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
