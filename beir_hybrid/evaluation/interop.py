"""Our records for other libraries, and theirs for us: pandas frames, BEIR results, TREC qrels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import written_whole
from beir_hybrid.errors import MissingExtraError
from beir_hybrid.evaluation.folder import read_hits
from beir_hybrid.records import BeirResults, Hits
from beir_hybrid.settings import Task


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


def write_trec_qrels(path: Path | str, task: Task) -> Path:
    """The judgments of a task in TREC's format, ``query 0 passage grade``; the file appears whole or not at all."""
    _, _, qrels = task.load()
    with written_whole(Path(path)) as part, part.open("w", encoding="utf-8", newline="\n") as out:
        for query, judged in qrels.items():
            out.writelines(f"{query} 0 {passage} {grade}\n" for passage, grade in judged.items())
    return Path(path)
