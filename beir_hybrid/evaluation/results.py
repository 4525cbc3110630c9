"""Results of an evaluation: what was measured, on what, with what; and the folder it is kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import write_json
from beir_hybrid.errors import MissingExtraError, ResultsError, did_you_mean
from beir_hybrid.evaluation.scores import Score, mean_or_none
from beir_hybrid.records import SETTINGS
from beir_hybrid.settings import TaskKey, corpus_language_of, parse_task_name

SCHEMA = 1
RESULTS_FILE = "results.json"
PER_QUERY_FILE = "per_query.parquet"


@dataclass(frozen=True)
class Results:
    """An evaluation of one retriever on one data set.

    Attributes:
        retriever: what it is (`Retriever.describe`).
        observed: what came to light when it was bound to the data set and ranked: analyzers, the agreement of a
            precision.
        seconds: that all calls took which filled the folder, without what an interrupt lost.
        scores: one `Score` for each task and metric.
        matrix: ``{query language: {passage language: value}}``, the mean reciprocal rank in the pool of the
            relevant passage of each language; empty without the multilingual setting.
    """

    name: str
    dataset: str
    split: str
    retriever: Mapping[str, Any]
    scores: Sequence[Score]
    matrix: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    observed: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    folder: Path | None = None

    def __repr__(self) -> str:
        """The table that the command prints."""
        from beir_hybrid.evaluation.table import render_table

        return render_table(self)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the pool."""
        return tuple(self.inputs.get("languages") or sorted({score.query_language for score in self.scores}))

    @property
    def summary(self) -> dict[str, dict[str, float | None]]:
        """``{setting: {metric: macro mean}}``: over languages (mono, multi) or ordered pairs (cross).

        None where the metric is not defined for one of them: a mean over the others would be another number.
        """
        found: dict[str, dict[str, list[float | None]]] = {}
        for score in self.scores:
            found.setdefault(score.setting, {}).setdefault(score.metric, []).append(score.value)
        return {
            setting: {metric: mean_or_none(values) for metric, values in found[setting].items()}
            for setting in SETTINGS
            if setting in found
        }

    def value(
        self, setting: str, metric: str, query_language: str | None = None, corpus_language: str | None = None
    ) -> float | None:
        """One number; the macro mean over what is not named.

        Raises:
            ResultsError: nothing of that name was measured.
        """
        values = [
            score.value
            for score in self.scores
            if score.setting == setting
            and score.metric == metric
            and query_language in (None, score.query_language)
            and corpus_language in (None, score.corpus_language)
        ]
        if not values:
            for what, got in (("setting", setting), ("metric", metric)):
                there = {getattr(score, what) for score in self.scores}
                if got not in there:
                    raise ResultsError(f"{self.name} holds no {what} {got!r}; {did_you_mean(got, there, most=40)}")
            raise ResultsError(f"{self.name} holds no {metric!r} of {setting}:{query_language or '*'}")
        return mean_or_none(values)

    def to_json(self) -> dict[str, Any]:
        """The content of ``results.json``."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "dataset": self.dataset,
            "split": self.split,
            "retriever": dict(self.retriever),
            "observed": dict(self.observed),
            "inputs": dict(self.inputs),
            "scores": [vars(score) for score in self.scores],
            "summary": self.summary,
            "matrix": {
                "metric": "mrr",
                "setting": "multi",
                "rows": "query_language",
                "columns": "passage_language",
                "values": {query: dict(row) for query, row in self.matrix.items()},
            },
            "versions": dict(self.versions),
            "seconds": round(self.seconds, 3),
        }

    def to_pandas(self) -> Any:
        """The scores as a pandas DataFrame, a row a task and metric.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame([vars(score) for score in self.scores], [each.name for each in fields(Score)])

    def to_ranx(self, task: str) -> Any:
        """The kept run of a task such as ``cross:de-en`` as a ``ranx.Run``, from the results folder.

        Scores are the number of passages ranked at or below each, so that ranx, which breaks ties in any order, keeps
        trec_eval's. Queries for which nothing was retrieved are not in it: ranx fails on them.

        Raises:
            ResultsError: the results have no folder, or it keeps no run of that task.
            MissingExtraError: ranx is not installed.
        """
        from beir_hybrid.evaluation.kept_runs import to_ranx_run

        setting, query, passage = parse_task_name(task, self.languages)
        return to_ranx_run(self._kept(), (setting, query, corpus_language_of(setting, query, passage)), self.name)

    def to_trec(self, target: Path | str) -> list[Path]:
        """The kept runs as TREC files ``target/{task}.trec``.

        Raises:
            ResultsError: the results have no folder, or an id holds a tab or a line break.
        """
        from beir_hybrid.evaluation.kept_runs import write_trec

        keys: dict[TaskKey, None] = {(s.setting, s.query_language, s.corpus_language): None for s in self.scores}
        return write_trec(self._kept(), keys, Path(target).expanduser(), self.name)

    def _kept(self) -> Path:
        if self.folder is None:
            raise ResultsError(f"{self.name} keeps no runs: evaluate with out=FOLDER")
        return self.folder

    def write(self, folder: Path) -> None:
        """``results.json`` in a folder, whole or not at all."""
        write_json(folder / RESULTS_FILE, self.to_json())


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


def read_results(folder: Path | str) -> Results:
    """The results in a folder that `evaluate` has filled.

    Raises:
        ResultsError: there are none, they are damaged, of a schema this version does not know, or no folder is named.
    """
    if not isinstance(folder, str | Path):  # the object itself, say, which holds no scores of single queries
        raise ResultsError(
            f"{type(folder).__name__} is no folder; name the one that evaluate(..., out=FOLDER) has filled"
        )
    folder = Path(folder).expanduser()
    return _read(folder / RESULTS_FILE, folder)


def read_results_file(path: Path | str) -> Results:
    """The results of a ``results.json`` that stands alone, under whatever name; they have no folder.

    Raises:
        ResultsError: as `read_results`.
    """
    return _read(Path(path), None)


def _read(path: Path, folder: Path | None) -> Results:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ResultsError(
            f"{path} does not exist; give a folder that `beir-hybrid evaluate --out` has filled"
        ) from error
    except (OSError, ValueError) as error:
        raise ResultsError(
            f"{path}:{getattr(error, 'lineno', 1)}: not valid JSON ({error}); delete it and evaluate again"
        ) from error
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema != SCHEMA:
        raise ResultsError(f"{path} has schema {schema!r}; this version reads schema {SCHEMA}: upgrade beir-hybrid")
    try:
        return Results(
            name=record["name"],
            dataset=record["dataset"],
            split=record["split"],
            retriever=record["retriever"],
            scores=[Score(**score) for score in record["scores"]],
            matrix=record.get("matrix", {}).get("values", {}),
            observed=record.get("observed", {}),
            inputs=record.get("inputs", {}),
            versions=record.get("versions", {}),
            seconds=record.get("seconds", 0.0),
            folder=folder,
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} lacks or misnames a field ({error}); delete it and evaluate again") from error
