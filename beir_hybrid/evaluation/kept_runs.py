"""``runs.parquet``: the passages that an evaluation keeps of each query, read again by us, ranx and TREC tools."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.datasets.beir_view import BeirView
from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import ResultsError, RunError
from beir_hybrid.records import Hits
from beir_hybrid.retrieval.run_table import TASK_COLUMNS, RunTable, read_run
from beir_hybrid.settings import Task, TaskKey, task_name

RUNS_FILE = "runs.parquet"


def write_runs(path: Path, rankings: Iterable[tuple[Task, Hits]]) -> None:
    """A row a hit, in the order of tasks, queries and ranks; each task in row groups of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.dictionary(pa.int32(), pa.string())
    fields = [(name, text) for name in (*TASK_COLUMNS, "query_id", "passage_id")]
    schema = pa.schema([*fields, ("rank", pa.int32()), ("score", pa.float32())])
    passage_ids: dict[tuple[str, ...], Any] = {}
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1, write_page_checksum=True) as writer:
        for task, hits in rankings:
            corpus = tuple(block.language for block in task.blocks)
            if task.on_disk:  # only the ids that were found: all of them can be more than fits into memory
                found, place = np.unique(hits.passages, return_inverse=True)
                hits = Hits(hits.indptr, place.astype(np.int32), hits.scores)
                passage_ids[corpus] = pa.array([task.passage_ids[at] for at in found.tolist()], pa.string())
            elif corpus not in passage_ids:
                passage_ids[corpus] = pa.array(task.passage_ids)
            columns = [constant(value, len(hits.passages)) for value in task.key]
            columns.append(pa.DictionaryArray.from_arrays(hits.query.astype(np.int32), pa.array(task.query_ids)))
            columns.append(pa.DictionaryArray.from_arrays(hits.passages, passage_ids[corpus]))
            columns += [pa.array(hits.rank.astype(np.int32)), pa.array(hits.scores)]
            writer.write_table(pa.table(columns, schema=schema))


def constant(value: str, n: int) -> Any:
    """A column of one text, as a dictionary."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), pa.array([value]))


def read_kept(folder: Path, task: TaskKey) -> RunTable:
    """The rows of a task in a folder's ``runs.parquet``, queries one after the other, best passages first.

    Raises:
        ResultsError: there is no such file, or it is damaged.
    """
    with _of_folder(folder) as path:
        return read_run(path, task)


def read_hits(folder: Path, task: Task) -> Hits:
    """The ranking of a task that is kept in a folder's ``runs.parquet``.

    Raises:
        ResultsError: there is no such file, or it names queries or passages the task does not have.
    """
    with _of_folder(folder) as path:
        return read_run(path, task.key).hits(task)


@contextlib.contextmanager
def _of_folder(folder: Path) -> Iterator[Path]:
    """The file of runs, with errors that say what is to be done about the folder."""
    path = runs_of(folder)
    try:
        yield path
    except RunError as error:
        raise ResultsError(f"{error}; delete {folder} and evaluate again") from error


def runs_of(folder: Path) -> Path:
    """The file of a folder's runs.

    Raises:
        ResultsError: there is none, as in what studies keep.
    """
    path = folder / RUNS_FILE
    if not path.exists():
        raise ResultsError(f"{path} does not exist; delete {folder} and evaluate again")
    return path


def to_ranx_run(folder: Path, key: TaskKey, name: str) -> Any:
    """See `Results.to_ranx`."""
    from beir_hybrid.metrics.ranx_backend import ranx_library

    rows = read_kept(folder, key)
    if not len(rows.scores):
        raise ResultsError(f"{folder} keeps no run of {task_name(key)}")
    run: dict[str, dict[str, float]] = {}
    for query, passage in zip(rows.queries, rows.passages, strict=True):
        run.setdefault(query, {})[passage] = 0.0
    for ranked in run.values():
        ranked.update(zip(ranked, map(float, range(len(ranked), 0, -1)), strict=True))
    with ranx_library() as ranx:
        return ranx.Run(run, name=name)


def write_trec(folder: Path, keys: Iterable[TaskKey], target: Path, name: str) -> list[Path]:
    """``target/{task}.trec`` of every task; scores with the nine digits that tell every float32 apart.

    Fields are parted by blanks, or by tabs where an id holds a blank.

    Raises:
        ResultsError: there are no kept runs, or an id holds a tab or a line break.
    """
    tag = "_".join(name.split()) or "run"
    paths = []
    for key in keys:
        paths.append(trec_file(target, key))
        rows = read_kept(folder, key)
        gap = field_gap({*rows.queries, *rows.passages})
        with written_whole(paths[-1]) as part, part.open("w", encoding="utf-8", newline="\n") as out:
            for query, ranked in groupby(
                zip(rows.queries, rows.passages, rows.scores.tolist(), strict=True), itemgetter(0)
            ):
                out.writelines(
                    gap.join((query, "Q0", passage, str(rank), f"{score:.9g}", tag)) + "\n"
                    for rank, (_, passage, score) in enumerate(ranked, 1)
                )
    return paths


def trec_file(folder: Path, key: TaskKey) -> Path:
    """What the file of a task is called."""
    return folder / f"{task_name(key).replace(':', '.')}.trec"


def field_gap(ids: Iterable[str]) -> str:
    """What parts the fields of a TREC file: a blank, or a tab where an id holds a blank (BEIR's may).

    Raises:
        ResultsError: an id holds a tab or a line break.
    """
    blank = [key for key in ids if len(key.split()) != 1]
    for key in blank:
        if "\t" in key or "\n" in key:
            raise ResultsError(f"id {key!r} has a tab or a line break, so no TREC file can hold it; use {RUNS_FILE}")
    return "\t" if blank else " "


def write_trec_qrels(path: Path | str, task: Task) -> Path:
    """The judgments of a task in TREC's format, ``query 0 passage grade``; the file appears whole or not at all."""
    qrels = BeirView(task).qrels(task.query_ids)
    gap = field_gap({*qrels, *(passage for judged in qrels.values() for passage in judged)})
    with written_whole(Path(path)) as part, part.open("w", encoding="utf-8", newline="\n") as out:
        for query, judged in qrels.items():
            out.writelines(gap.join((query, "0", passage, str(grade))) + "\n" for passage, grade in judged.items())
    return Path(path)
