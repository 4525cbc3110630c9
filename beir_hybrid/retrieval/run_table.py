"""Run files in columns: TREC, ranx JSON and parquet. Ids are kept once each, rows as numbers of them."""

from __future__ import annotations

import gzip
import json
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.errors import RunError, at
from beir_hybrid.types import IntArray, ScoreArray

TaskKey = tuple[str, ...]
"""Setting, query language and passage language."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of repeated values: row i is ``names[codes[i]]``."""

    names: Sequence[Any]
    codes: IntArray

    def __getitem__(self, row: int) -> Any:
        return self.names[self.codes[row]]

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Any]:
        return (self.names[code] for code in self.codes.tolist())

    def take(self, rows: IntArray) -> Coded:
        return Coded(self.names, self.codes[rows])


@dataclass(frozen=True, eq=False)
class RunTable:
    """A run as it stands in its file, row by row."""

    path: Path
    queries: Coded
    passages: Coded
    scores: ScoreArray
    lines: IntArray | None = None
    """Line numbers, where the format has lines."""
    tasks: Coded | None = None
    """The task of each row (a `TaskKey`), in files of our own."""

    def place(self, row: int) -> str:
        """``path:line`` of a row."""
        return at(self.path, None if self.lines is None else int(self.lines[row]))

    def take(self, rows: IntArray) -> RunTable:
        return RunTable(
            self.path,
            self.queries.take(rows),
            self.passages.take(rows),
            self.scores[rows],
            None if self.lines is None else self.lines[rows],
            None if self.tasks is None else self.tasks.take(rows),
        )


class _Coder:
    """Gives equal strings one number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._codes = array("q")

    def add(self, name: str) -> None:
        self._codes.append(self._numbers.setdefault(name, len(self._numbers)))

    def column(self) -> Coded:
        return Coded(list(self._numbers), np.frombuffer(self._codes, dtype=np.int64))


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
    queries, passages = _Coder(), _Coder()
    scores, lines = array("d"), array("q")
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
        queries.add(query)
        passages.add(passage)
        lines.append(number)
    values, numbers = np.frombuffer(scores, dtype=np.float64), np.frombuffer(lines, dtype=np.int64)
    return RunTable(path, queries.column(), passages.column(), values, numbers)


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
    if not isinstance(runs, dict):
        raise RunError(f'{path}: expected {{"query id": {{"passage id": score}}}}, got a {type(runs).__name__}')
    queries, passages, scores = _Coder(), _Coder(), array("d")
    for query, ranked in runs.items():
        if not isinstance(ranked, dict):
            raise RunError(f"{path}: query {query!r} has no object of passages and scores")
        for passage, score in ranked.items():
            if not isinstance(score, int | float) or isinstance(score, bool):
                raise RunError(f"{path}: query {query!r}, passage {passage!r}: {score!r} is no score")
            queries.add(query)
            passages.add(passage)
            scores.append(float(score))
    return RunTable(path, queries.column(), passages.column(), np.frombuffer(scores, dtype=np.float64))


def table_of(results: Mapping[str, Mapping[str, float]]) -> RunTable:
    """BEIR's results ``{query: {passage: score}}`` in columns.

    Raises:
        RunError: there is no ranking in them, or a score is no finite number.
    """
    queries, passages = _Coder(), _Coder()
    for query, ranked in results.items():
        for passage in ranked:
            queries.add(query)
            passages.add(passage)
    scores = np.array([score for ranked in results.values() for score in ranked.values()], dtype=np.float64)
    if not len(scores):
        raise RunError("the run holds no ranking; a query without results may be left out, but not all of them")
    table = RunTable(Path("run in memory"), queries.column(), passages.column(), scores)
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        row = int(bad[0])
        raise RunError(f"query {table.queries[row]!r}: score of passage {table.passages[row]!r} is {scores[row]}")
    return table


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
        queries, passages = _coded(found[0]), _coded(found[1])
        values = found[2].cast(pa.float64()).to_numpy()  # a score that is missing becomes NaN
    except pa.ArrowException as error:
        raise RunError(f"{path}: ids must be text or whole numbers, scores numbers ({error})") from error
    tasks = None
    if set(_TASK_COLUMNS) <= set(table.column_names):
        tasks = _combined([_coded(table.column(name)) for name in _TASK_COLUMNS])
    return RunTable(path, queries, passages, np.asarray(values, dtype=np.float64), tasks=tasks)


def _coded(column: Any) -> Coded:
    """A parquet column of any text or number type."""
    import pyarrow as pa

    encoded = column.cast(pa.string()).fill_null("None").dictionary_encode().unify_dictionaries()
    if not encoded.num_chunks:
        return Coded([], np.empty(0, dtype=np.int64))
    codes: npt.NDArray[Any] = np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])
    return Coded(encoded.chunk(0).dictionary.to_pylist(), codes.astype(np.int64))


def _combined(columns: Sequence[Coded]) -> Coded:
    """Several columns as one of tuples, numbered as they first appear."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        key = key * max(1, len(column.names)) + column.codes
    _, first, codes = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    names = [tuple(column[int(row)] for column in columns) for row in first[order]]
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    return Coded(names, number[codes])
