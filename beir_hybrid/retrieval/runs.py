"""Existing runs as retrievers: files of `read_run`, and BEIR's results in memory. For `as_retriever`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from beir_hybrid.datasets import get_source, is_registered
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import fingerprint, sha256_of
from beir_hybrid.errors import RunError
from beir_hybrid.languages import AnyLanguage
from beir_hybrid.progress import tell
from beir_hybrid.records import POOL, Hits, IntArray, Passages
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.run_table import Codes, DictionaryColumn, RunTable, filled, read_run, table_of
from beir_hybrid.settings import Task, parse_settings

_ANY_TASK = ("", "", "")
"""The task of every row of a file that names none."""


class RunFileRetriever:
    """An existing run as a retriever.

    Ids are those of this package or, of a folder of one's own and with a single language loaded (as in published MIRACL
    runs), those of the data set's own files. A passage that is not in a task's corpus is left out of that task: the
    ranking of the pool restricted to some languages is a ranking of those, as deep as the query goes that has the
    fewest of them; so the data set may be loaded in some of its languages. Queries without judgments are passed over
    and counted. Files written by `evaluate` say which task each row belongs to.

    Args:
        run: a file, see `read_run`; or BEIR's results ``{query: {passage: score}}`` in memory.
        name: how results call it; default: the file's name.
    """

    def __init__(self, run: Path | str | Mapping[str, Mapping[str, float]], *, name: str | None = None) -> None:
        self._file = None if isinstance(run, Mapping) else Path(run)
        self._table = filled(table_of(run)) if isinstance(run, Mapping) else read_run(run)
        self.name = name or ("run" if self._file is None else Path(self._file.name.removesuffix(".gz")).stem)

    def describe(self) -> dict[str, Any]:
        table, path = self._table, self._file
        said = {"type": "run", "rows": len(table.scores)}
        if path is not None:
            return said | {"file": path.name, "path": str(path), "sha256": sha256_of(path)}
        parts = zip(table.queries, table.passages, map(repr, table.scores.tolist()), strict=True)
        return said | {"fingerprint": fingerprint(*(part for row in parts for part in row))}

    def bind(self, dataset: Dataset) -> BoundRun:
        """The run with its ids found in a data set.

        Raises:
            RunError: an unknown passage, a pair that stands twice (the line is named), or no query that is judged.
        """
        return BoundRun.of(self._table, dataset)


@dataclass(frozen=True, eq=False)
class BoundRun:
    """A run whose ids stand for places in a data set.

    Args:
        query: the position of each row's query among those of its language.
        passage, passage_language: likewise of its passage, and the number of that language; -1 if it was not loaded.
        rows: the rows of each task and query language.
        unjudged: queries of the run that the data set does not judge.
    """

    dataset: Dataset
    table: RunTable
    query: Codes
    passage: Codes
    passage_language: Codes
    rows: Mapping[tuple[tuple[str, ...], int], Codes]
    unjudged: int

    @classmethod
    def of(cls, table: RunTable, dataset: Dataset) -> BoundRun:
        """A run on a data set: its ids found, its languages told from them."""
        languages, elsewhere = dataset.languages, _Elsewhere(dataset)
        table, query_language, query, unjudged = _judged_rows(table, dataset, elsewhere)
        finder = _PassageFinder([dataset.passages[language] for language in languages], own=_has_own_ids(dataset))
        places = _places(table.passages, finder)
        used = np.unique(table.passages.codes)
        absent = used[places[used, 0] < 0]
        unknown = [code for code in absent.tolist() if not elsewhere(table.passages.names[code])]
        if unknown:
            row = int(np.flatnonzero(np.isin(table.passages.codes, unknown))[0])
            raise RunError(
                f"{table.place(row)}: passage {table.passages[row]!r} is not in {dataset.name} "
                f"({', '.join(languages)}), whose passage ids look like {finder.example!r}"
            )
        if len(absent) == len(used):
            elsewhere.refuse(table)
        passage_language = places[:, 0].astype(np.int16)[table.passages.codes]
        passage = places[:, 1][table.passages.codes]
        tasks = table.tasks or DictionaryColumn([_ANY_TASK], np.zeros(len(table.scores), dtype=np.int8))
        # rows of one task and query language together, so that no task looks at the rows of the others
        group = tasks.codes.astype(np.int32) * len(languages) + query_language
        order = np.argsort(group, kind="stable").astype(np.int32)
        present, counts = np.unique(group, return_counts=True)
        rows: dict[tuple[tuple[str, ...], int], Codes] = {}
        for number, own in zip(present.tolist(), np.split(order, np.cumsum(counts)[:-1]), strict=True):
            task, language = divmod(number, len(languages))
            rows[tuple(tasks.names[task]), language] = own
        bound = cls(dataset, table, query, passage, passage_language, rows, unjudged)
        bound._refuse_repeats()
        return bound

    def _refuse_repeats(self) -> None:
        """Task by task: a pair can be repeated only within one."""
        repeated = []
        for every in self.rows.values():
            rows = every[self.passage_language[every] >= 0]
            wide = int(self.passage[rows].max(initial=0)) + 1
            key = self._query_and_language(rows) * wide + self.passage[rows]
            order = np.argsort(key, kind="stable")
            same = np.flatnonzero(key[order][1:] == key[order][:-1])
            repeated += rows[order[same + 1]].tolist()
        if repeated:
            row, table = min(repeated), self.table
            raise RunError(
                f"{table.place(row)}: query {table.queries[row]!r} ranks passage {table.passages[row]!r} twice"
            )

    def _query_and_language(self, rows: Codes) -> IntArray:
        """One number for each query and passage language."""
        return self.query[rows].astype(np.int64) * len(self.dataset.languages) + self.passage_language[rows]

    @property
    def depth(self) -> int:
        """Passages of the longest ranking, those in languages that were not loaded among them."""
        return max(int(np.bincount(self.query[rows]).max(initial=0)) for rows in self.rows.values())

    @property
    def observed(self) -> Mapping[str, Any]:
        return {"unjudged_queries": self.unjudged} if self.unjudged else {}

    def tasks(self, settings: str | Iterable[str] | None = None) -> list[Task]:
        """Of a file of our own the tasks it names. Else those of the settings; by default those the run is about:
        rows of one query in several passage languages make it a run of the pool (multi), else every pair of languages
        that occurs is a task of its own (mono, cross).

        Raises:
            RunError: the file names none in these settings.
        """
        if self.table.tasks is not None:
            return self._noted(self._named_tasks(None if settings is None else parse_settings(settings)))
        if settings is not None:
            return self.dataset.tasks(settings)
        languages = self.dataset.languages
        pairs: list[tuple[str, str]] = []
        pooled = False
        for (_, language), every in self.rows.items():
            rows = every[self.passage_language[every] >= 0]
            pairs += [(languages[language], languages[other]) for other in np.unique(self.passage_language[rows])]
            # a query that stands in two groups
            pooled |= bool(np.any(np.diff(np.unique(self._query_and_language(rows)) // len(languages)) == 0))
        if pooled:
            return self._noted(
                [self.dataset.task("multi", each) for each in dict.fromkeys(query for query, _ in pairs)]
            )
        if "multi" in self.dataset.settings:
            tell(
                f"{self.table.path}: no query ranks passages of several languages, so each language pair is measured "
                f"by itself; if the run ranks the pool of all, give the setting multi"
            )
        made = [self.dataset.task("mono", query) for query, passage in pairs if query == passage]
        made += [self.dataset.task("cross", query, passage) for query, passage in pairs if query != passage]
        return self._noted(made)

    def _noted(self, tasks: list[Task]) -> list[Task]:
        """The same, and a line where those of a setting are not all there are: a mean is then another one."""
        for setting in dict.fromkeys(task.setting for task in tasks):
            held, all_ = sum(task.setting == setting for task in tasks), len(self.dataset.tasks(setting))
            if held < all_:
                tell(f"{self.table.path}: ranks something in {held} of {all_} {setting} settings; means are over these")
        return tasks

    def _named_tasks(self, settings: Sequence[str] | None) -> list[Task]:
        languages, named = self.dataset.languages, dict.fromkeys(key for key, _ in self.rows)
        found = [
            self.dataset.task(setting, query, passage if setting == "cross" else None)
            for setting, query, passage in named
            if (settings is None or setting in settings) and query in languages and passage in (*languages, POOL)
            # of the pool of one language there is nothing to say that mono does not
            if setting != "multi" or "multi" in self.dataset.settings
        ]
        if not found:
            held = ", ".join(sorted({f"{setting}:{query}" for setting, query, _ in named}))
            raise RunError(f"{self.table.path}: holds no ranking of what was asked for; it holds {held}")
        return found

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        languages = self.dataset.languages
        for task in tasks:
            key = task.key if self.table.tasks is not None else _ANY_TASK
            rows = self.rows.get((key, languages.index(task.query_language)), np.empty(0, dtype=np.int64))
            starts = np.full(len(languages) + 1, -1, dtype=np.int64)  # one more, for what was not loaded: number -1
            begin = 0
            for block in task.blocks:
                starts[languages.index(block.language)] = begin
                begin += len(block)
            row_of: IntArray = np.full(len(task.queries), -1, dtype=np.int64)
            row_of[task.rows] = np.arange(len(task.rows))
            asked = rows[row_of[self.query[rows]] >= 0]
            rows = asked[starts[self.passage_language[asked]] >= 0]
            query = row_of[self.query[rows]]
            places = starts[self.passage_language[rows]] + self.passage[rows]
            hits = Hits.sorted(len(task.rows), query, places, self.table.scores[rows])
            sought = int(hits.counts.max(initial=0))
            if len(rows) < len(asked):  # what is left of a longer ranking is sure only as far as the shortest goes
                sought = int(hits.counts[np.unique(row_of[self.query[asked]])].min())
            if top_k is not None:
                hits, sought = hits.cut(top_k), min(sought, top_k)
            yield Ranking.of_hits(task, hits, sought)


class _Elsewhere:
    """Whether an id is of a language of the data set that was not loaded: ids begin with their language."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        # of a data set of one's own the languages are not listed: whatever is one's code
        listed = not dataset.folder and is_registered(dataset.name)
        self._known = get_source(dataset.name).languages if listed else AnyLanguage()

    def __call__(self, name: str) -> bool:
        language, dash, _ = name.partition("-")
        return bool(dash) and language not in self._dataset.languages and language in self._known

    def refuse(self, table: RunTable) -> NoReturn:
        raise RunError(
            f"{table.path}: no row is in the languages that were loaded: {', '.join(self._dataset.languages)}"
        )


def _judged_rows(table: RunTable, dataset: Dataset, elsewhere: _Elsewhere) -> tuple[RunTable, Codes, Codes, int]:
    """The rows of queries the data set has, with the numbers of their language and position, and how many it has not.

    As trec_eval does, queries that are not judged are passed over; those in languages that were not loaded are too,
    and do not count.
    """
    blocks, own = [dataset.queries[language] for language in dataset.languages], _has_own_ids(dataset)
    known = {
        key: (number, row)
        for name in (("source_ids", "ids") if own else ("ids",))
        for number, block in enumerate(blocks)
        for row, key in enumerate(getattr(block, name))
    }
    places = _places(table.queries, lambda name: known.get(name, (-1, -1)))
    used = np.unique(table.queries.codes)
    absent = used[places[used, 0] < 0]
    unjudged = sum(not elsewhere(table.queries.names[code]) for code in absent.tolist())
    if len(absent) == len(used):
        if not unjudged:
            elsewhere.refuse(table)
        first = next(block for block in blocks if len(block))
        example = (first.source_ids if own else first.ids)[0]
        raise RunError(
            f"{table.place(0)}: query {table.queries[0]!r}, like every other of the run, is not in {dataset.name} "
            f"({', '.join(dataset.languages)}), whose query ids look like {example!r}"
        )
    if len(absent):
        table = table.take(np.flatnonzero(places[table.queries.codes, 0] >= 0))
    return table, places[:, 0].astype(np.int16)[table.queries.codes], places[:, 1][table.queries.codes], unjudged


def _has_own_ids(dataset: Dataset) -> bool:
    """Whether the ids of its files tell its queries and passages apart: they differ between a folder's languages."""
    return bool(dataset.folder) or len(dataset.languages) == 1


def _places(ids: DictionaryColumn, find: Any) -> Codes:
    """What ``find`` says of every id that a row has, int32 [names, 2]; (-1, -1) of the others."""
    places = np.full((len(ids.names), 2), -1, dtype=np.int32)
    for code in np.unique(ids.codes).tolist():
        places[code] = find(ids.names[code])
    return places


class _PassageFinder:
    """Where passage ids of a run stand in a data set, as (number of the language, position), (-1, -1) if nowhere.

    They are asked one by one and not put into a table: a corpus can be larger than memory.
    """

    def __init__(self, blocks: Sequence[Passages], *, own: bool) -> None:
        self._blocks = blocks
        self._own = own
        first = next((block for block in blocks if len(block)), blocks[0])
        self.example = (first.source_ids if self._own else first.ids)[0] if len(first) else ""

    def __call__(self, name: str) -> tuple[int, int]:
        for number, block in enumerate(self._blocks):
            if name.startswith(f"{block.language}-") and (position := block.position(name)) is not None:
                return number, position
        found = [
            (number, position)
            for number, block in enumerate(self._blocks if self._own else ())
            if (position := block.source_position(name)) is not None
        ]
        if len(found) > 1:
            named = " and ".join(self._blocks[number].language for number, _ in found)
            first, at = found[0]
            raise RunError(
                f"passage {name!r} stands in {named}, and a run of it does not say in which; write ids as "
                f"{self._blocks[first].ids[at]!r}"
            )
        return found[0] if found else (-1, -1)
