"""One call measures a retriever in every language setting of a data set."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.datasets import load_dataset
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import DatasetError, RetrieverError
from beir_hybrid.evaluation.folder import ResultFolder, TaskScores
from beir_hybrid.evaluation.results import Results, Score
from beir_hybrid.metrics.bias import SHARE_CUTOFF, language_bias, peer, reciprocal_ranks_by_language
from beir_hybrid.metrics.measures import Metric, measure, parse_metrics
from beir_hybrid.metrics.shares import LANGUAGE_SHARE, language_shares
from beir_hybrid.retrieval import as_retriever
from beir_hybrid.retrieval.contract import Ranking, Retriever
from beir_hybrid.settings import Task

_PACKAGES = (
    "beir-hybrid",
    "numpy",
    "beir",
    "sentence-transformers",
    "transformers",
    "torch",
    "pyserini",
    "pythainlp",
    "ranx",
)
# means over the queries that have a value; every other metric is undefined as soon as one query's is
_OVER_DEFINED = ("same_language_",)


def evaluate(
    dataset: str | Dataset,
    retriever: Any,
    *,
    settings: str | Iterable[str] | None = None,
    languages: Iterable[str] | str | None = None,
    metrics: str | Iterable[str] | None = None,
    top_k: int | None = None,
    name: str | None = None,
    data_dir: Path | str | None = None,
    split: str | None = None,
    out: Path | str | None = None,
    trec: bool = False,
) -> Results:
    """Measure a retriever in the monolingual, cross-lingual and multilingual settings of a data set.

    Args:
        dataset: a data set or its registered name.
        retriever: anything `as_retriever` takes: a model, its name or path, an encode function, a BEIR search
            object, a run file, or a retriever.
        settings: ``mono``, ``cross``, ``multi`` (iterable or comma-separated); default: all the data set has.
        languages: restricts queries and pool to these; with a loaded data set, restrict it when loading.
        metrics: see `beir_hybrid.metrics.measures.parse_metric`; the bias metrics are always measured in ``multi``.
        top_k: how many passages of each query a retriever returns and the run keeps. Dense retrievers are
            measured at full depth whatever it is (default 100 kept); others are measured at this depth
            (BM25, BEIR search objects: 1000; a run file: all it holds).
        name: how results call the retriever.
        data_dir: see `load_dataset`.
        split: see `load_dataset`.
        out: a folder for ``results.json``, ``per_query.parquet`` and ``runs.parquet``. Called again with the same
            inputs it goes on where it stopped.
        trec: also write the runs as TREC files.

    Returns:
        The results; `Results.summary` has the macro means.

    Raises:
        ResultsError: ``out`` holds results of other inputs (the message says which differ).
        DatasetError, SettingError, MetricError, RetrieverError: an input is unknown or unusable.
    """
    started = time.perf_counter()
    if isinstance(dataset, str):
        dataset = load_dataset(dataset, data_dir, languages, split)
    elif languages is not None or split is not None or data_dir is not None:
        raise DatasetError("languages, split and data_dir belong to load_dataset(...) when a loaded data set is given")
    if top_k is not None and top_k < 1:
        raise RetrieverError(f"top_k is {top_k}; expected 1 or more, or None for the retriever's own default")
    chosen = parse_metrics(metrics)
    found: Retriever = as_retriever(retriever)
    if hasattr(found, "prepare"):
        found.prepare(dataset)
    own_tasks = getattr(found, "tasks", None)
    tasks = own_tasks(dataset) if own_tasks and settings is None else dataset.tasks(settings)
    inputs = {
        "dataset": dataset.name,
        "split": dataset.split,
        "dataset_fingerprint": dataset.fingerprint,
        "dataset_options": dict(dataset.options),
        "languages": list(dataset.languages),
        "tasks": [task.name for task in tasks],
        "metrics": [str(metric) for metric in chosen],
        "top_k": top_k,
        "name": name or found.name,
        "retriever": _identity(found.describe()),
    }
    with ResultFolder.opened(None if out is None else Path(out), inputs) as folder:
        if folder.complete:
            if trec:
                folder.write_trec_files(tasks)
            return folder.results()
        remaining = [task for task in tasks if not folder.has(task)]
        # without a folder no run is kept, and a retriever that ranks to full depth need only say what is measured
        unkept = SHARE_CUTOFF if out is None and getattr(found, "full_depth", False) else None
        if remaining:
            for ranking in found.retrieve(remaining, top_k or unkept):
                measured = ranking.without_own()
                folder.add(measured, score_task(measured, chosen))
        unanswered = [task.name for task in tasks if not folder.has(task)]
        if unanswered:
            raise RetrieverError(f"{found.name} returned no ranking of {', '.join(unanswered)}")
        parts = [folder.scores_of(task) for task in tasks]
        results = Results(
            name=name or found.name,
            dataset=dataset.name,
            split=dataset.split,
            # described once more: what a retriever learns while it works (the analyzers used, say) belongs to it
            retriever=found.describe(),
            scores=[score for task, part in zip(tasks, parts, strict=True) for score in _scores(task, part)],
            matrix={t.query_language: p.matrix_row for t, p in zip(tasks, parts, strict=True) if p.matrix_row},
            inputs={
                **inputs,
                "dataset_folder": dataset.folder,
                "passed_over": dataset.passed_over,
                "files": [vars(file) for file in dataset.files],
            },
            versions=_versions(),
            seconds=time.perf_counter() - started,
            folder=folder.path,
        )
        folder.finish(results, tasks, trec=trec)
    return results


def score_task(ranking: Ranking, metrics: Sequence[Metric]) -> TaskScores:
    """Every metric of every query of one task, and what is measured over all of them."""
    task = ranking.task
    judged, ranks = task.with_unreachable(ranking.ranks)
    per_query = {str(m): measure(m, judged, ranks, len(task.rows)) for m in metrics}
    retrieved = ranking.hits.counts if not ranking.complete else np.full(len(task.rows), task.n_passages)
    overall: dict[str, float | None] = {}
    matrix_row: dict[str, float] = {}
    if task.setting == "multi":
        per_query.update(language_bias(ranking))
        fairness = peer(ranking)
        overall = {
            "peer": fairness.peer if fairness else None,
            "epsilon_squared": fairness.epsilon_squared if fairness else None,
        }
        overall |= {f"{LANGUAGE_SHARE}{language}": share for language, share in language_shares(ranking).items()}
        matrix_row = reciprocal_ranks_by_language(ranking)
    return TaskScores(per_query, retrieved, overall, matrix_row)


def _scores(task: Task, part: TaskScores) -> Iterable[Score]:
    n = len(task.rows)
    missing = int(np.count_nonzero(part.retrieved == 0))
    for metric, values in part.per_query.items():
        defined = values[~np.isnan(values)]
        # a distance means nothing for a query with a single relevant passage, whatever a retriever does
        alone = int(np.count_nonzero(np.isnan(part.per_query["rank_distance_floor"]))) if "distance" in metric else 0
        whole = len(defined) == n - alone or metric.startswith(_OVER_DEFINED)
        value = float(defined.mean()) if whole and len(defined) else None
        yield Score(*task.key, metric=metric, value=value, queries=n, missing_queries=missing)
    for metric, single in part.overall.items():
        yield Score(*task.key, metric=metric, value=single, queries=n, missing_queries=missing)


def _identity(record: dict[str, Any]) -> dict[str, Any]:
    """What tells retrievers apart: a model with a fingerprint is the same wherever its folder stands.

    What a retriever measured when it was used before is no part of what it is.
    """
    record = {key: value for key, value in record.items() if not key.startswith("agreement_")}
    return {key: value for key, value in record.items() if key != "model" or not record.get("fingerprint")}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
