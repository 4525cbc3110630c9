"""The per-query scores of a result folder, in columns, in the order of query ids."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from beir_hybrid.errors import MetricError, ResultsError, first_line
from beir_hybrid.evaluation.results import PER_QUERY_FILE, Results, read_results
from beir_hybrid.evaluation.scores import Score
from beir_hybrid.metrics.measures import parse_metric
from beir_hybrid.records import SETTINGS, ScoreArray

TaskKey: TypeAlias = tuple[str, str, str]
"""Setting, query language, corpus language."""
_KEYS = ("setting", "query_language", "corpus_language")
_FIXED = (*_KEYS, "query_id", "group", "retrieved")


@dataclass(frozen=True, eq=False)
class TaskScoresTable:
    """Scores of one task.

    Attributes:
        query_ids: ascending, each once.
        groups: what content each query asks for; parallel queries share it.
        metrics: ``{metric: float64 [queries]}``; NaN where the metric is not defined for a query.
    """

    query_ids: tuple[str, ...]
    groups: tuple[str, ...]
    metrics: Mapping[str, ScoreArray]


@dataclass(frozen=True, eq=False)
class Scores:
    """What a result folder says of every query; `tasks` are in the order mono, cross, multi, then by language."""

    results: Results
    tasks: Mapping[TaskKey, TaskScoresTable]

    @property
    def folder(self) -> Path:
        return self.results.folder or Path()

    @cached_property
    def measured(self) -> dict[TaskKey, dict[str, Score]]:
        """What ``results.json`` says of every task and metric."""
        return _measured(self.results)


def load_per_query(folder: Path | str) -> Scores:
    """Read ``results.json`` and ``per_query.parquet`` of a folder that `evaluate` or `fuse` has filled.

    Raises:
        ResultsError: a file is missing, damaged or of a newer schema; a query stands twice in a task; a score is
            NaN or infinite, or missing where its metric is defined for every query.
    """
    results = read_results(folder)
    path = Path(folder) / PER_QUERY_FILE
    table = _read(path)
    columns = {name: _column(table, name, path) for name in table.column_names}
    measured = _measured(results)
    known = {*_FIXED, "retrieved", *(score.metric for score in results.scores)}
    if strange := [name for name in columns if name not in known]:
        raise ResultsError(f"{path}: results.json knows no {strange[0]!r}; delete it and evaluate again")
    rows = _rows_by_task(columns)
    absent = [":".join(key) for key in measured if key not in rows]
    if absent:
        raise ResultsError(
            f"{path}: holds no queries of {', '.join(absent[:3])}, which results.json has; delete it and evaluate again"
        )
    tasks = {}
    for key in sorted(measured, key=lambda key: (SETTINGS.index(key[0]), *key[1:])):
        own = {name: column[rows[key]] for name, column in columns.items()}
        ids = own["query_id"].tolist()
        twice = next((one for one, other in itertools.pairwise(ids) if one == other), None)
        if twice is not None:
            raise ResultsError(f"{path}: query {twice!r} stands twice in {':'.join(key)}; evaluate again")
        metrics = {name: own[name] for name in measured[key] if name in own}
        for name, values in metrics.items():
            _refuse_gaps(path, key, name, ids, values)
        tasks[key] = TaskScoresTable(tuple(ids), tuple(own["group"].tolist()), metrics)
    return Scores(results, tasks)


def _measured(results: Results) -> dict[TaskKey, dict[str, Score]]:
    found: dict[TaskKey, dict[str, Score]] = {}
    for score in results.scores:
        found.setdefault((score.setting, score.query_language, score.corpus_language), {})[score.metric] = score
    return found


def _read(path: Path) -> Any:
    """The table, sorted by task and query."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, page_checksum_verification=True)
        names = table.column_names  # which checksums do not cover, and may be no text
    except FileNotFoundError as error:
        raise ResultsError(
            f"{path} does not exist, and without scores by query nothing can be compared; evaluate again"
        ) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ResultsError(f"{path}: not a parquet file ({first_line(error)}); delete it and evaluate again") from error
    missing = [name for name in _FIXED if name not in names]
    if missing:
        raise ResultsError(f"{path}: no column {', '.join(map(repr, missing))}; evaluate again")
    for name in (*_KEYS, "query_id"):
        at = names.index(name)
        table = table.set_column(at, name, table.column(name).cast(pa.string()))
    return table.sort_by([(name, "ascending") for name in (*_KEYS, "query_id")])


def _column(table: Any, name: str, path: Path) -> Any:
    """A column as numpy: text as objects, numbers as they are; a null number is NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(name)
    if pa.types.is_floating(column.type):
        nan = pc.any(pc.invert(pc.is_finite(column))).as_py()
        if nan:
            row = pc.index(pc.invert(pc.is_finite(column)), True).as_py()
            query = table.column("query_id")[row].as_py() if "query_id" in table.column_names else row
            raise ResultsError(f"{path}: {name} of query {query!r} is {column[row].as_py()}, no score; evaluate again")
        return column.to_numpy()
    if pa.types.is_integer(column.type):
        return column.to_numpy()
    encoded = column.cast(pa.string()).dictionary_encode().unify_dictionaries()
    if not encoded.num_chunks:
        return np.array([], dtype=object)
    words = np.array(encoded.chunk(0).dictionary.to_pylist(), dtype=object)
    return words[np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])]


def _rows_by_task(columns: Mapping[str, Any]) -> dict[TaskKey, slice]:
    setting, query, corpus = (columns[name] for name in _KEYS)
    other = [column[1:] != column[:-1] for column in (setting, query, corpus)]
    begins = [0, *(1 + np.flatnonzero(np.any(other, axis=0))).tolist()] if len(setting) else []
    return {
        (setting[begin], query[begin], corpus[begin]): slice(begin, end)
        for begin, end in zip(begins, [*begins[1:], len(setting)], strict=False)
    }


def _refuse_gaps(path: Path, key: TaskKey, name: str, ids: list[str], values: ScoreArray) -> None:
    """A ranking metric is defined for every query; only the bias metrics may be undefined."""
    gaps = np.flatnonzero(np.isnan(values))
    if not len(gaps):
        return
    try:
        parse_metric(name)
    except MetricError:
        return
    raise ResultsError(
        f"{path}: {name} of query {ids[gaps[0]]!r} in {':'.join(key)} is missing "
        f"({len(gaps)} of {len(ids)} queries); evaluate again"
    )
