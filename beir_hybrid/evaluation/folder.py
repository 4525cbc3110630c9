"""The folder of an evaluation: filled task by task, so that interrupted work goes on where it stopped."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from beir_hybrid.disk.arrays import opened_arrays, write_arrays
from beir_hybrid.disk.files import alone, fingerprint, write_json, written_whole
from beir_hybrid.errors import ResultsError
from beir_hybrid.evaluation.kept_runs import RUNS_FILE, constant, trec_file, write_runs, write_trec
from beir_hybrid.evaluation.results import PER_QUERY_FILE, RESULTS_FILE, Results, read_results
from beir_hybrid.evaluation.scoring import TaskScores
from beir_hybrid.metrics.consistency import DEPTH
from beir_hybrid.records import Hits
from beir_hybrid.retrieval.contract import Ranking
from beir_hybrid.retrieval.run_table import TASK_COLUMNS
from beir_hybrid.settings import Task

_INPUTS_FILE = "inputs.json"
_PARTS = "parts"
_EXTRA = ("overall", "matrix_row", "depth", "observed", "seconds")
"""Fields of `TaskScores` that are no columns."""
_HITS = ("indptr", "passages", "scores")


class ResultFolder:
    """Where results go; without a path they stay in memory and no run is kept.

    Args:
        top_k: hits of each query that a kept run has.
        inputs: what was evaluated.
    """

    def __init__(
        self, path: Path | None, complete: bool = False, top_k: int = 0, inputs: Mapping[str, Any] | None = None
    ) -> None:
        self.path = path
        self.complete = complete
        self._inputs = json.dumps(inputs, sort_keys=True)
        self._top_k = top_k
        self._scores: dict[str, TaskScores] = {}
        self._hits: dict[str, Hits] = {}

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path | None, inputs: Mapping[str, Any], top_k: int) -> Iterator[ResultFolder]:
        """The folder for these inputs.

        Raises:
            ResultsError: it holds results of other inputs, or something else.
        """
        if path is None:
            yield cls(None)
            return
        busy = f"another process is evaluating into {path}; wait for it, or choose another --out"
        with alone(path, ResultsError, busy, _INPUTS_FILE):
            _claim(path, inputs)
            # a study keeps no runs; whoever wants them is told
            complete = all((path / name).exists() for name in (RESULTS_FILE, PER_QUERY_FILE))
            yield cls(path, complete, top_k, inputs)

    def results(self) -> Results:
        """What is complete in it; `read_results` says what may be raised."""
        return read_results(self.path or Path())

    def has(self, task: Task) -> bool:
        """Whether a task was measured.

        Raises:
            ResultsError: its file is damaged.
        """
        if self.path is None or task.name in self._scores or not self._part(task).exists():
            return task.name in self._scores
        self._scores[task.name] = self.scores_of(task)  # what is cut short is found before anything else is measured
        return True

    def add(self, ranking: Ranking, scores: TaskScores) -> None:
        """Keep one task's hits and scores; from here on an interrupt does not lose them."""
        task, hits = ranking.task, ranking.hits
        self._scores[task.name] = scores
        if self.path is None:
            self._hits |= {task.name: hits.cut(DEPTH)} if task.setting == "multi" else {}
            return
        arrays = {name: getattr(hits, name) for name in _HITS} | {"retrieved": scores.retrieved}
        arrays["extra"] = np.array(json.dumps({name: getattr(scores, name) for name in _EXTRA}))
        arrays |= {f"metric {name}": values for name, values in scores.per_query.items()}
        write_arrays(self._part(task), arrays | {"owner": np.array(self._owner(task, arrays))})

    def scores_of(self, task: Task) -> TaskScores:
        """The scores of a task that was measured before."""
        if task.name in self._scores:
            return self._scores[task.name]
        with self._opened_part(task) as part:
            per_query = {key.removeprefix("metric "): part[key] for key in part if key.startswith("metric ")}
            return TaskScores(per_query, part["retrieved"], **json.loads(str(part["extra"])))

    def hits_of(self, task: Task, top_k: int) -> Hits:
        """The hits of a task that was measured before, of each query no more than so many."""
        if self.path is None:
            return self._hits[task.name]
        with self._opened_part(task) as part:
            return Hits(*(part[name] for name in _HITS)).cut(top_k)

    def _part(self, task: Task) -> Path:
        return (self.path or Path()) / _PARTS / f"{task.name.replace(':', '.')}.npz"

    def _owner(self, task: Task, names: Iterable[str]) -> str:
        """What an array of a part tells: whose it is, and what else is in it."""
        return fingerprint(task.name, self._inputs, *sorted({*names} - {"owner"}))

    @contextlib.contextmanager
    def _opened_part(self, task: Task) -> Iterator[Mapping[str, Any]]:
        """The arrays of a measured task; a file that cannot be read is named."""
        try:
            with opened_arrays(self._part(task)) as part:
                if "owner" in part and str(part["owner"]) != self._owner(task, part):
                    raise ValueError("it is of another task or evaluation, or lacks a part")
                yield part
        except (FileNotFoundError, ValueError) as error:
            raise ResultsError(f"{error}; delete it, {task.name} is then measured again") from error

    def finish(self, results: Results, tasks: Sequence[Task], parts: Sequence[TaskScores], *, trec: bool) -> None:
        """Gather the parts into the files people read; ``results.json`` comes after them and marks the folder complete.

        Args:
            parts: the scores of each task.
        """
        if self.path is None:
            return
        with written_whole(self.path / PER_QUERY_FILE) as part:
            _write_per_query(part, tasks, parts)
        with written_whole(self.path / RUNS_FILE) as part:
            write_runs(part, ((task, self.hits_of(task, self._top_k)) for task in tasks))
        results.write(self.path)
        shutil.rmtree(self.path / _PARTS, ignore_errors=True)
        if trec:  # last: an id that no such file can hold costs nothing else
            self.write_trec_files(tasks)

    def write_trec_files(self, tasks: Sequence[Task]) -> None:
        """``trec/{task}.trec`` of every task that has none yet, from the runs in the folder; see `write_trec`."""
        if self.path is not None:
            name = json.loads((self.path / _INPUTS_FILE).read_text(encoding="utf-8"))["name"]
            target = self.path / "trec"
            lacking = [task.key for task in tasks if not trec_file(target, task.key).exists()]
            write_trec(self.path, lacking, target, name)


def _write_per_query(path: Path, tasks: Sequence[Task], parts: Sequence[TaskScores]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(dict.fromkeys(name for part in parts for name in part.per_query))
    text, number = pa.dictionary(pa.int32(), pa.string()), pa.float64()
    fields = [*((name, text) for name in TASK_COLUMNS), ("query_id", pa.string()), ("group", pa.string())]
    fields += [("retrieved", pa.int64()), *((name, number) for name in names)]
    schema = pa.schema(fields)
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for task, part in zip(tasks, parts, strict=True):
            n = len(task.rows)
            columns = [constant(value, n) for value in task.key]
            columns += [pa.array(task.query_ids), pa.array([task.queries.groups[row] for row in task.rows])]
            columns.append(pa.array(part.retrieved))
            for name in names:
                values = part.per_query.get(name, np.full(n, np.nan))
                columns.append(pa.array(values, from_pandas=True))  # NaN: not defined
            writer.write_table(pa.table(columns, schema=schema))


_DIFFERENCES = 4
"""Between two sets of inputs that a message says."""


def refuse_other_content(path: Path) -> None:
    """What no evaluation writes to, said before the work that it would be written after.

    Raises:
        ResultsError: ``path`` is no folder, or holds something else than results.
    """
    if path.exists() and not (path / _INPUTS_FILE).exists() and (not path.is_dir() or any(path.iterdir())):
        raise ResultsError(f"{path} exists and is not a results folder; choose another --out folder")


def _claim(path: Path, inputs: Mapping[str, Any]) -> None:
    """Write down what the folder is for, or see that it is for the same."""
    # through JSON, so that what is compared is what a file can hold
    wanted = json.loads(json.dumps(dict(inputs)))
    record = path / _INPUTS_FILE
    refuse_other_content(path)
    if not record.exists():
        write_json(record, wanted)
        return
    try:
        before = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{record}: no JSON that can be read ({error}); choose another --out folder") from error
    if not isinstance(before, dict):
        raise ResultsError(f"{record} is not a record of inputs; choose another --out folder")
    if differences := sorted(_differences(before, wanted), key=lambda one: one.split()[0].count(".")):
        # what was asked for stands before what follows from it
        shown, rest = differences[:_DIFFERENCES], differences[_DIFFERENCES:]
        more = [f"and {len(rest)} more (see {record})"] if rest else []
        raise ResultsError(
            f"{path} holds results of other inputs: {'; '.join([*shown, *more])}; choose another --out folder"
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{prefix}{key}.")
        elif _texts(old) and _texts(new) and {*old} != {*new}:
            gone, come = [each for each in old if each not in new], [each for each in new if each not in old]
            changes = [f"{what} {_short(names)}" for what, names in (("lacks now", gone), ("has now", come)) if names]
            found.append(f"{prefix}{key} {' and '.join(changes)}")
        elif old != new:
            found.append(f"{prefix}{key} was {_short(old)} and is now {_short(new)}")
    return found


def _texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
