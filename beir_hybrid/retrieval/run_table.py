"""Runs in columns: TREC, ranx JSON, parquet and BEIR's results. Ids are kept once each, rows as numbers of them."""

from __future__ import annotations

import itertools
import json
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from beir_hybrid.corpus.pool import PooledCorpus
from beir_hybrid.errors import RunError, at, first_line
from beir_hybrid.progress import counted, tell
from beir_hybrid.readers.json_lines import as_id
from beir_hybrid.readers.lines import read_lines
from beir_hybrid.records import Hits, IntArray, ScoreArray
from beir_hybrid.settings import Task, TaskKey

_LOOKED_AT = 10_000
"""Lines of a TREC file whose ranks are held against their scores."""
Codes = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, eq=False)
class DictionaryColumn:
    """A column of repeated values: row i is ``names[codes[i]]`` (codes are int32 or smaller)."""

    names: Sequence[Any]
    codes: Codes

    def __getitem__(self, row: int) -> Any:
        return self.names[self.codes[row]]

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Any]:
        return (self.names[code] for code in self.codes.tolist())

    def take(self, rows: IntArray) -> DictionaryColumn:
        return DictionaryColumn(self.names, self.codes[rows])


@dataclass(frozen=True, eq=False)
class RunTable:
    """A run as it stands in its file, row by row."""

    path: Path
    queries: DictionaryColumn
    passages: DictionaryColumn
    scores: ScoreArray
    lines: Codes | None = None
    """Line numbers, where the format has lines."""
    tasks: DictionaryColumn | None = None
    """The task of each row (a `TaskKey`), in files of our own."""

    def place(self, row: int) -> str:
        """``path:line`` of a row."""
        return at(self.path, None if self.lines is None else int(self.lines[row]))

    def hits(self, task: Task, query_ids: Sequence[str] = ()) -> Hits:
        """The rows, all of one task and by its ids, as hits.

        Args:
            query_ids: what the queries of the task are called in the run; default: their own ids.

        Raises:
            RunError: a query or passage that the task does not have.
        """
        rows_of = {key: row for row, key in enumerate(query_ids or task.query_ids)}
        query = self._found(self.queries, rows_of.get, f"is not asked in {task.name} of {task.dataset}")
        position = PooledCorpus(task.blocks).position  # of what was found alone: a corpus can be larger than memory
        passage = self._found(self.passages, position, f"is not in the corpus of {task.name} of {task.dataset}")
        return Hits.sorted(len(rows_of), query, passage, self.scores)

    def _found(self, ids: DictionaryColumn, find: Callable[[str], int | None], otherwise: str) -> IntArray:
        """What ``find`` says of the id in each row."""
        used, back = np.unique(ids.codes, return_inverse=True)
        found = [find(ids.names[code]) for code in used.tolist()]
        if None in found:
            row = int(np.flatnonzero(ids.codes == used[found.index(None)])[0])
            what = f"passage {self.passages[row]!r} of " if ids is self.passages else ""
            raise RunError(f"{self.place(row)}: {what}query {self.queries[row]!r} {otherwise}")
        return np.array(found, dtype=np.int64)[back]

    def take(self, rows: IntArray) -> RunTable:
        return RunTable(
            self.path,
            self.queries.take(rows),
            self.passages.take(rows),
            self.scores[rows],
            None if self.lines is None else self.lines[rows],
            None if self.tasks is None else self.tasks.take(rows),
        )


class _ColumnBuilder:
    """Gives equal strings one number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._codes = array("i")

    def add(self, name: str) -> None:
        self._codes.append(self._numbers.setdefault(name, len(self._numbers)))

    def column(self) -> DictionaryColumn:
        return DictionaryColumn(list(self._numbers), np.frombuffer(self._codes, dtype=np.int32))


def read_run(path: Path | str, task: TaskKey | None = None) -> RunTable:
    """A run by the ending of its name: ``.json`` (ranx), ``.parquet``, anything else TREC; ``.gz`` of the text forms.

    Args:
        task: of a file of our own only the rows of this task, of which there may be none.

    Raises:
        RunError: no such file, a malformed line (``path:line``), or a score that is no finite number.
    """
    path = Path(path)
    if not path.exists():
        raise RunError(f"{path} does not exist; expected a run in TREC's format, ranx's JSON or parquet")
    if path.suffix == ".parquet":
        table = _read_parquet(path, task)
    else:
        table = _read_json(path) if path.name.removesuffix(".gz").endswith(".json") else _read_trec(path)
    return _finite(table) if task is not None else filled(_finite(table))


def filled(table: RunTable) -> RunTable:
    """The table, which must hold something: what finds nothing at all is more likely a mistake.

    Raises:
        RunError: it holds nothing.
    """
    if not len(table.scores):
        raise RunError(f"{table.path}: holds no ranking; a query without results may be left out, but not all of them")
    return table


def _finite(table: RunTable) -> RunTable:
    with np.errstate(over="ignore"):  # scores are compared in single precision, as trec_eval does
        bad = np.flatnonzero(~np.isfinite(table.scores.astype(np.float32)))
    if len(bad):
        row = int(bad[0])
        passage, query, score = table.passages[row], table.queries[row], table.scores[row]
        raise RunError(
            f"{table.place(row)}: score of passage {passage!r} is {score} (query {query!r}); expected a number that "
            f"float32 holds"
        )
    return table


def _read_trec(path: Path) -> RunTable:
    queries, passages = _ColumnBuilder(), _ColumnBuilder()
    scores, lines = array("d"), array("i")
    before, falling, rising = ("", 0.0, 0.0), 0, 0
    for number, line in read_lines(path, RunError):
        # ours with blanks in ids are parted by tabs
        fields = line.split("\t") if line.count("\t") == 5 else line.split()
        wrong = f"{len(fields)} fields" if len(fields) != 6 else "a score that is no number"
        try:
            query, _, passage, rank, score, _ = fields
            scores.append(float(score))
        except ValueError as error:
            raise RunError(
                f"{at(path, number)}: expected 'query-id Q0 passage-id rank score name', got {wrong}: "
                f"{line.strip()[:80]!r}"
            ) from error
        queries.add(query)
        passages.add(passage)
        lines.append(number)
        if number <= _LOOKED_AT and rank.isdecimal():
            here = (query, float(rank), scores[-1])
            if query == before[0] and here[1] > before[1]:
                falling, rising = falling + (here[2] < before[2]), rising + (here[2] > before[2])
            before = here
    if rising > falling:
        tell(
            f"{path}: scores rise from rank to rank; the highest is best whatever the ranks say, as in trec_eval, so "
            f"write distances with a minus"
        )
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

    text, last = [], 1
    for number, line in read_lines(path, RunError):
        text.append("\n" * (number - last) + line)  # blank lines stay, for messages that count them
        last = number
    try:
        runs = json.loads("".join(text), object_pairs_hook=refuse_repeats)
    except json.JSONDecodeError as error:
        raise RunError(f"{at(path, error.lineno)}: not valid JSON ({error.msg})") from error
    if not isinstance(runs, dict):
        raise RunError(f'{path}: expected {{"query id": {{"passage id": score}}}}, got a {type(runs).__name__}')
    return table_of(runs, path)


def table_of(results: Mapping[str, Any], path: Path = Path("run in memory")) -> RunTable:
    """BEIR's results ``{query: {passage: score}}`` in columns.

    Raises:
        RunError: they have another form, or a score is no finite number.
    """
    queries, passages, scores = _ColumnBuilder(), _ColumnBuilder(), array("d")
    for query, ranked in results.items():
        if not isinstance(ranked, Mapping):
            raise RunError(f"{path}: query {query!r} has no object of passages and scores")
        for passage, score in ranked.items():
            if hasattr(score, "detach"):  # a tensor
                score = score.item()
            if isinstance(score, bool) or not isinstance(score, Real):
                raise RunError(f"{path}: query {query!r}, passage {passage!r}: score {score!r} is no number")
            ids = [as_id(query), as_id(passage)]
            if ids[0] is None or ids[1] is None:
                wrong = query if ids[0] is None else passage
                raise RunError(f"{path}: id {wrong!r} is no string or whole number")
            queries.add(ids[0])
            passages.add(ids[1])
            try:
                scores.append(float(score))
            except OverflowError:
                scores.append(float("inf"))
    return _finite(RunTable(path, queries.column(), passages.column(), np.frombuffer(scores, dtype=np.float64)))


_COLUMNS = (("query_id", "q_id", "qid"), ("passage_id", "doc_id", "docid"), ("score",))
TASK_COLUMNS = ("setting", "query_language", "corpus_language")


def _read_parquet(path: Path, task: TaskKey | None) -> RunTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        there = pq.read_schema(path).names
        query, passage, score = (_column_of(path, names, there) for names in _COLUMNS)
        whole = task is None and not set(TASK_COLUMNS) <= set(there)  # not of ours
        tasks = [] if whole else [_column_of(path, (name,), there) for name in TASK_COLUMNS]
        # checksums where there are some, as in ours
        with pq.ParquetFile(path, read_dictionary=[query, passage, *tasks], page_checksum_verification=True) as file:
            groups = [
                at for at in range(file.num_row_groups) if task is None or _may_hold(file.metadata.row_group(at), task)
            ]
            # one after the other and as numbers: a text for each of millions of rows would take gigabytes
            queries, passages, *keys = (
                _dictionary_column(path, name, file.read_row_groups(groups, columns=[name])[name])
                for name in (query, passage, *tasks)
            )
            # a score that is missing becomes NaN
            values = file.read_row_groups(groups, columns=[score])[score].cast(pa.float64()).to_numpy()
    except OSError as error:
        raise RunError(f"{path}: cannot be read as a run: {first_line(error)}") from error
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        if "Parquet magic" in str(error) or "Parquet file size" in str(error):
            raise RunError(f"{path}: not a parquet file ({error})") from error
        raise RunError(f"{path}: ids must be text or whole numbers, scores numbers ({error})") from error
    table = RunTable(path, queries, passages, values, tasks=_together(keys) if keys else None)
    if task is None or table.tasks is None:
        return table
    own = [number for number, name in enumerate(table.tasks.names) if name == task]
    return table.take(np.flatnonzero(np.isin(table.tasks.codes, own)))


def _may_hold(group: Any, task: TaskKey) -> bool:
    """Whether rows of a task can be in a group of rows, by the least and the greatest text of each column.

    `pyarrow.parquet.read_table` with filters reads the columns of all groups where texts are dictionaries.
    """
    known = {column.path_in_schema: column.statistics for column in map(group.column, range(group.num_columns))}
    named = ((known.get(name), value) for name, value in zip(TASK_COLUMNS, task, strict=True))
    return all(said is None or not said.has_min_max or said.min <= value <= said.max for said, value in named)


def _column_of(path: Path, names: Sequence[str], there: Sequence[str]) -> str:
    name = next((name for name in names if name in there), None)
    if name is None:
        raise RunError(f"{path}: no column {' or '.join(map(repr, names))}; it has {', '.join(there)}")
    return name


def _dictionary_column(path: Path, name: str, column: Any) -> DictionaryColumn:
    """A parquet column of any text or number type."""
    import pyarrow as pa

    if column.null_count:
        raise RunError(f"{path}: {counted(column.null_count, 'row has', 'rows have')} no {name}")

    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    return DictionaryColumn(whole.dictionary.cast(pa.string()).to_pylist(), whole.indices.to_numpy())


def _together(columns: Sequence[DictionaryColumn]) -> DictionaryColumn:
    """Several columns of few values as one of tuples."""
    shape = tuple(len(column.names) for column in columns)
    codes = np.ravel_multi_index(tuple(column.codes for column in columns), shape).astype(np.int32)
    return DictionaryColumn(list(itertools.product(*(column.names for column in columns))), codes)
