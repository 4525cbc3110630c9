"""Our records for other libraries: pandas frames, ranx runs, BEIR results, TREC qrels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import MissingExtraError, ResultsError
from beir_hybrid.evaluation.kept_runs import field_gap, read_hits, read_rows
from beir_hybrid.metrics.ranx_backend import ranx_library
from beir_hybrid.records import BeirResults, Hits
from beir_hybrid.settings import Task, TaskKey, task_name


def data_frame(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Records as a pandas DataFrame with these columns, also when there are none.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("to_pandas", "pandas", "report") from error
    return pd.DataFrame([{name: record[name] for name in columns} for record in records], columns=list(columns))


def to_beir_results(task: Task, hits: Hits) -> BeirResults:
    """A ranking as BEIR's results ``{query: {passage: score}}``, best first; every query of the task is there.

    Scores are the retriever's own; BEIR's evaluator puts equal ones in its own order.
    """
    passages, scores, starts = hits.passages.tolist(), hits.scores.tolist(), hits.indptr.tolist()
    ids = task.passage_ids
    return {
        query: {ids[passages[at]]: scores[at] for at in range(begin, end)}
        for query, begin, end in zip(task.query_ids, starts[:-1], starts[1:], strict=True)
    }


def read_beir_results(folder: Path | str, task: Task) -> BeirResults:
    """The run of one task that a result folder keeps, as BEIR's results; see `to_beir_results`.

    Raises:
        ResultsError: the folder keeps no run, or it is not of this task.
    """
    return to_beir_results(task, read_hits(Path(folder), task))


def to_ranx_run(folder: Path, key: TaskKey, name: str) -> Any:
    """See `Results.to_ranx`."""
    rows = read_rows(folder, key)
    if not len(rows):
        raise ResultsError(f"{folder} keeps no run of {task_name(key)}")
    run: BeirResults = {}
    for query, passage in zip(rows["query_id"].to_pylist(), rows["passage_id"].to_pylist(), strict=True):
        run.setdefault(query, {})[passage] = 0.0
    for ranked in run.values():
        ranked.update(zip(ranked, map(float, range(len(ranked), 0, -1)), strict=True))
    with ranx_library() as ranx:
        return ranx.Run(run, name=name)


def write_trec_qrels(path: Path | str, task: Task) -> Path:
    """The judgments of a task in TREC's format, ``query 0 passage grade``; the file appears whole or not at all."""
    _, _, qrels = task.load()
    gap = field_gap({*qrels, *(passage for judged in qrels.values() for passage in judged)})
    with written_whole(Path(path)) as part, part.open("w", encoding="utf-8", newline="\n") as out:
        for query, judged in qrels.items():
            out.writelines(gap.join((query, "0", passage, str(grade))) + "\n" for passage, grade in judged.items())
    return Path(path)
