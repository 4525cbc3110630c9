"""Run files in columns: TREC, ranx JSON and parquet. Ids are kept once each, rows as numbers of them."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.errors import RunError, at
from beir_hybrid.readers.lines import read_lines
from beir_hybrid.records import IntArray, ScoreArray

Codes = npt.NDArray[np.signedinteger[Any]]
TaskKey = tuple[str, ...]
"""Setting, query language and passage language."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of repeated values: row i is ``names[codes[i]]`` (codes are int32 or smaller)."""

    names: Sequence[Any]
    codes: Codes

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
    lines: Codes | None = None
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
        self._codes = array("i")

    def add(self, name: str) -> None:
        self._codes.append(self._numbers.setdefault(name, len(self._numbers)))

    def column(self) -> Coded:
        return Coded(list(self._numbers), np.frombuffer(self._codes, dtype=np.int32))


def read_run(path: Path | str) -> RunTable:
    """A run by the ending of its name: ``.json`` (ranx), ``.parquet``, anything else TREC; ``.gz`` of the text forms.

    Raises:
        RunError: no such file, a malformed line (``path:line``), or a score that is no finite number.
    """
    path = Path(path)
    if not path.exists():
        raise RunError(f"{path} does not exist")
    if path.suffix == ".parquet":
        table = _read_parquet(path)
    else:
        table = _read_json(path) if path.name.removesuffix(".gz").endswith(".json") else _read_trec(path)
    if not len(table.scores):
        raise RunError(f"{path}: holds no ranking; a query without results may be left out, but not all of them")
    bad = np.flatnonzero(~np.isfinite(table.scores))
    if len(bad):
        row = int(bad[0])
        raise RunError(f"{table.place(row)}: score of passage {table.passages[row]!r} is {table.scores[row]}")
    return table


def _read_trec(path: Path) -> RunTable:
    queries, passages = _Coder(), _Coder()
    scores, lines = array("d"), array("i")
    for number, line in read_lines(path, RunError):
        # ours with blanks in ids are parted by tabs
        fields = line.split("\t") if line.count("\t") == 5 else line.split()
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
    values, numbers = np.frombuffer(scores, dtype=np.float64), np.frombuffer(lines, dtype=np.int32)
    return RunTable(path, queries.column(), passages.column(), values, numbers)


def _read_json(path: Path) -> RunTable:
    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise RunError(f"{path}: {twice!r} appears twice in one object")
        return record

    try:
        runs = json.loads(_text(path), object_pairs_hook=refuse_repeats)
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


def _text(path: Path) -> str:
    """A text file as a whole; blank lines stay, for messages that count them."""
    text, last = [], 1
    for number, line in read_lines(path, RunError):
        text.append("\n" * (number - last) + line)
        last = number
    return "".join(text)


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
_BATCH = 1 << 18


def _read_parquet(path: Path) -> RunTable:
    """Batch by batch, so that beside the columns that are made no more than one is in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            there = file.schema_arrow.names
            query, passage, score = (_column_of(path, names, there) for names in _COLUMNS)
            tasks = list(_TASK_COLUMNS) if set(_TASK_COLUMNS) <= set(there) else []
            queries, passages, keys = _BatchCoder(), _BatchCoder(), _BatchCoder()
            scores = np.empty(file.metadata.num_rows, dtype=np.float64)
            done = 0
            for batch in file.iter_batches(_BATCH, columns=[*dict.fromkeys((query, passage, score, *tasks))]):
                queries.add(*_coded(batch.column(query)))
                passages.add(*_coded(batch.column(passage)))
                if tasks:
                    keys.add(*_combined([_coded(batch.column(name)) for name in tasks]))
                values = batch.column(score).cast(pa.float64())
                # a score that is missing becomes NaN
                scores[done : done + len(values)] = values.to_numpy(zero_copy_only=False)
                done += len(values)
    except OSError as error:
        raise RunError(f"{path}: cannot be read as a run: {error}") from error
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        if "Parquet magic" in str(error) or "Parquet file size" in str(error):
            raise RunError(f"{path}: not a parquet file ({error})") from error
        raise RunError(f"{path}: ids must be text or whole numbers, scores numbers ({error})") from error
    return RunTable(path, queries.column(), passages.column(), scores, tasks=keys.column() if tasks else None)


def _column_of(path: Path, names: Sequence[str], there: Sequence[str]) -> str:
    name = next((name for name in names if name in there), None)
    if name is None:
        raise RunError(f"{path}: no column {' or '.join(map(repr, names))}; it has {', '.join(there)}")
    return name


_Coding = tuple[list[Any], Codes]
"""The values of a batch that differ, and for each row which of them it has."""


class _BatchCoder:
    """Gives equal values one number, over all batches of a column."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._codes: list[npt.NDArray[np.int32]] = []

    def add(self, values: list[Any], codes: Codes) -> None:
        numbers = np.array([self._numbers.setdefault(value, len(self._numbers)) for value in values], dtype=np.int32)
        self._codes.append(numbers[codes])

    def column(self) -> Coded:
        codes = np.concatenate(self._codes) if self._codes else np.empty(0, dtype=np.int32)
        self._codes = []
        return Coded(list(self._numbers), codes)


def _coded(column: Any) -> _Coding:
    """A parquet column of any text or number type; what is missing is called None."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    values = column.dictionary.cast(pa.string())
    codes = column.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    used, places = np.unique(codes, return_inverse=True)  # a batch has a few of the values of its file
    return [str(values[at].as_py()) if at < len(values) else "None" for at in used.tolist()], places


def _combined(columns: Sequence[_Coding]) -> _Coding:
    """Several columns as one of tuples."""
    key = np.zeros(len(columns[0][1]), dtype=np.int64)
    for values, codes in columns:
        key = key * max(1, len(values)) + codes
    _, first, places = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)  # numbered as they first appear
    names = [tuple(values[codes[row]] for values, codes in columns) for row in first[order].tolist()]
    number = np.empty(len(order), dtype=np.int32)
    number[order] = np.arange(len(order))
    return names, number[places]
