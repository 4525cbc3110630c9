"""Runs from files: TREC, ranx JSON and parquet, evaluated like any retriever."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RunError, at
from beir_hybrid.files import fingerprint, sha256_of
from beir_hybrid.retrieval.base import Ranking
from beir_hybrid.settings import Task
from beir_hybrid.types import Hits, IntArray, ScoreArray


@dataclass(frozen=True, eq=False)
class RunTable:
    """A run in columns, as it stands in the file; ``lines`` are its line numbers (0: the format has none)."""

    path: Path
    queries: list[str]
    passages: list[str]
    scores: ScoreArray
    lines: Sequence[int] = ()
    tasks: list[tuple[str, str, str]] | None = None
    """Setting, query language and passage language of each row, in files of our own."""

    def place(self, row: int) -> str:
        return at(self.path, self.lines[row] if self.lines else None)


def read_run(path: Path | str) -> RunTable:
    """A run by the ending of its name: ``.json`` (ranx), ``.parquet``, anything else TREC; ``.gz`` of the text forms.

    Raises:
        RunError: no such file, a malformed line (``path:line``), or a score that is no finite number.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            table = _read_parquet(path)
        else:
            form = path.with_suffix("") if path.suffix == ".gz" else path
            with gzip.open(path, "rt", encoding="utf-8") if form != path else path.open(encoding="utf-8") as file:
                table = _read_json(path, file) if form.suffix == ".json" else _read_trec(path, file)
    except FileNotFoundError as error:
        raise RunError(f"{path} does not exist") from error
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise RunError(f"{path}: cannot be read as a run: {error}") from error
    if not len(table.scores):
        raise RunError(f"{path}: holds no ranking; a query without results may be left out, but not all of them")
    bad = np.flatnonzero(~np.isfinite(table.scores))
    if len(bad):
        row = int(bad[0])
        raise RunError(f"{table.place(row)}: score of passage {table.passages[row]!r} is {table.scores[row]}")
    return table


def _read_trec(path: Path, file: IO[str]) -> RunTable:
    queries: list[str] = []
    passages: list[str] = []
    scores: list[float] = []
    lines: list[int] = []
    for number, line in enumerate(file, 1):
        fields = line.split()
        if not fields:
            continue
        try:
            query, _, passage, _, score, _ = fields
            scores.append(float(score))
        except ValueError as error:
            raise RunError(
                f"{at(path, number)}: expected 'query-id Q0 passage-id rank score name', got {line.strip()[:80]!r}"
            ) from error
        queries.append(query)
        passages.append(passage)
        lines.append(number)
    return RunTable(path, queries, passages, np.array(scores, dtype=np.float64), lines)


def _read_json(path: Path, file: IO[str]) -> RunTable:
    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise RunError(f"{path}: {twice!r} appears twice in one object")
        return record

    try:
        runs = json.load(file, object_pairs_hook=refuse_repeats)
    except json.JSONDecodeError as error:
        raise RunError(f"{at(path, error.lineno)}: not valid JSON ({error.msg})") from error
    queries, passages, scores = [], [], []
    if not isinstance(runs, dict):
        raise RunError(f'{path}: expected {{"query id": {{"passage id": score}}}}, got a {type(runs).__name__}')
    for query, ranked in runs.items():
        if not isinstance(ranked, dict):
            raise RunError(f"{path}: query {query!r} has no object of passages and scores")
        for passage, score in ranked.items():
            if not isinstance(score, int | float) or isinstance(score, bool):
                raise RunError(f"{path}: query {query!r}, passage {passage!r}: {score!r} is no score")
            queries.append(query)
            passages.append(passage)
            scores.append(float(score))
    return RunTable(path, queries, passages, np.array(scores, dtype=np.float64))


_COLUMNS = (("query_id", "q_id", "qid"), ("passage_id", "doc_id", "docid"), ("score",))
_TASK_COLUMNS = ("setting", "query_language", "corpus_language")


def _read_parquet(path: Path) -> RunTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise RunError(f"{path}: not a parquet file ({error})") from error
    found = []
    for names in _COLUMNS:
        name = next((name for name in names if name in table.column_names), None)
        if name is None:
            raise RunError(f"{path}: no column {' or '.join(map(repr, names))}; it has {', '.join(table.column_names)}")
        found.append(table.column(name))
    try:
        queries, passages = _texts(found[0]), _texts(found[1])
        values = found[2].cast(pa.float64()).to_numpy()  # a score that is missing becomes NaN
    except pa.ArrowException as error:
        raise RunError(f"{path}: ids must be text or whole numbers, scores numbers ({error})") from error
    tasks = None
    if set(_TASK_COLUMNS) <= set(table.column_names):
        kept: dict[tuple[str, ...], Any] = {}  # one object for each task, not for each row
        rows = zip(*(_texts(table.column(name)) for name in _TASK_COLUMNS), strict=True)
        tasks = [kept.setdefault(row, row) for row in rows]
    return RunTable(path, queries, passages, np.asarray(values, dtype=np.float64), tasks=tasks)


def _texts(column: Any) -> list[str]:
    """A parquet column as strings; equal ones are one object, made once."""
    import pyarrow as pa

    encoded = column.cast(pa.string()).fill_null("None").dictionary_encode().unify_dictionaries()
    if not encoded.num_chunks:
        return []
    words = np.array(encoded.chunk(0).dictionary.to_pylist(), dtype=object)
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])
    texts: list[str] = words[codes].tolist() if len(words) else []
    return texts


def table_of(results: Mapping[str, Mapping[str, float]]) -> RunTable:
    """BEIR's results ``{query: {passage: score}}`` in columns.

    Raises:
        RunError: there is no ranking in them, or a score is no finite number.
    """
    queries = [query for query, ranked in results.items() for _ in ranked]
    passages = [passage for ranked in results.values() for passage in ranked]
    scores = np.array([score for ranked in results.values() for score in ranked.values()], dtype=np.float64)
    if not len(scores):
        raise RunError("the run holds no ranking; a query without results may be left out, but not all of them")
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        row = int(bad[0])
        raise RunError(f"query {queries[row]!r}: score of passage {passages[row]!r} is {scores[row]}")
    return RunTable(Path("run in memory"), queries, passages, scores)


class RunFileRetriever:
    """An existing run as a retriever.

    Ids are those of this package, or, with a single language loaded, those of the data set's own files (as in
    published MIRACL runs). A passage that is not in a task's corpus is left out of that task: the ranking of the
    pool restricted to a language is a ranking of that language, as deep as it goes. Files written by `evaluate`
    say which task each row belongs to.

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
        self._columns: dict[str, npt.NDArray[Any]] | None = None
        self._codes: dict[tuple[str, str, str], int] = {}
        self._languages: tuple[str, ...] = ()

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
        table = self._table
        query_of = self._places(dataset.queries, dataset)
        passage_of = self._places(dataset.passages, dataset)
        columns = np.zeros((len(table.scores), 4), dtype=np.int64)
        for kind, ids, known, at_column in (
            ("query", table.queries, query_of, 0),
            ("passage", table.passages, passage_of, 2),
        ):
            for row, key in enumerate(ids):
                place = known.get(key)
                if place is None:
                    example = next(iter(known))
                    raise RunError(
                        f"{table.place(row)}: {kind} {key!r} is not in {dataset.name} "
                        f"({', '.join(dataset.languages)}), whose {kind} ids look like {example!r}"
                    )
                columns[row, at_column : at_column + 2] = place
        task_codes = np.zeros(len(columns), dtype=np.int64)
        if table.tasks is not None:
            codes = {task: code for code, task in enumerate(dict.fromkeys(table.tasks))}
            task_codes = np.array([codes[task] for task in table.tasks], dtype=np.int64)
            self._codes = codes
        order = np.lexsort((columns[:, 3], columns[:, 2], columns[:, 1], columns[:, 0], task_codes))
        ordered = np.column_stack([task_codes, columns])[order]
        same = np.flatnonzero((ordered[1:] == ordered[:-1]).all(axis=1))
        if len(same):
            row = int(order[same[0] + 1])
            raise RunError(
                f"{table.place(row)}: query {table.queries[row]!r} ranks passage {table.passages[row]!r} twice"
            )
        self._languages = dataset.languages
        self._columns = {
            "query_language": columns[:, 0],
            "query": columns[:, 1],
            "passage_language": columns[:, 2],
            "passage": columns[:, 3],
            "task": task_codes,
        }

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
            names = dict.fromkeys(self._table.tasks)
            return [
                dataset.task(setting, query, passage if setting == "cross" else None)
                for setting, query, passage in names
                if query in dataset.languages and passage in (*dataset.languages, "all")
            ]
        columns = self._ready()
        pairs = np.unique(
            np.column_stack([columns["query_language"], columns["query"], columns["passage_language"]]), axis=0
        )
        per_query = np.unique(pairs[:, :2], axis=0, return_counts=True)[1]
        if len(per_query) and per_query.max() > 1:
            languages = [dataset.languages[index] for index in np.unique(pairs[:, 0])]
            return [dataset.task("multi", language) for language in languages]
        kinds = np.unique(pairs[:, [0, 2]], axis=0).tolist()
        named = [(dataset.languages[query], dataset.languages[passage]) for query, passage in kinds]
        made = [dataset.task("mono", query) for query, passage in named if query == passage]
        return made + [dataset.task("cross", query, passage) for query, passage in named if query != passage]

    def _ready(self) -> dict[str, npt.NDArray[Any]]:
        if self._columns is None:
            raise RunError(f"{self._path}: call prepare(dataset) first, so that the ids can be resolved")
        return self._columns

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        columns = self._ready()
        for task in tasks:
            keep = columns["query_language"] == self._languages.index(task.query_language)
            starts = np.full(len(self._languages), -1, dtype=np.int64)
            begin = 0
            for block in task.blocks:
                starts[self._languages.index(block.language)] = begin
                begin += len(block)
            keep &= starts[columns["passage_language"]] >= 0
            if self._table.tasks is not None:
                keep &= columns["task"] == self._codes.get(task.key, -1)
            row_of: IntArray = np.full(len(task.queries), -1, dtype=np.int64)
            row_of[task.rows] = np.arange(len(task.rows))
            keep &= row_of[np.where(keep, columns["query"], 0)] >= 0
            hits = Hits.sorted(
                len(task.rows),
                row_of[columns["query"][keep]],
                starts[columns["passage_language"][keep]] + columns["passage"][keep],
                self._table.scores[keep],
            )
            yield Ranking.of_hits(task, hits if top_k is None else hits.cut(top_k))


class ResultsRetriever(RunFileRetriever):
    """BEIR's results ``{query: {passage: score}}`` in memory as a retriever; ids as in `RunFileRetriever`."""

    def __init__(self, results: Mapping[str, Mapping[str, float]], *, name: str = "run") -> None:
        self._begin(table_of(results), name)

    def describe(self) -> dict[str, Any]:
        table = self._table
        parts = zip(table.queries, table.passages, map(repr, table.scores.tolist()), strict=True)
        content = fingerprint(*(part for row in parts for part in row))
        return {"type": "run", "fingerprint": content, "rows": len(table.scores)}
