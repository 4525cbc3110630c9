"""One call measures a retriever in every language setting of a data set: what the command and users call."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from beir_hybrid import __version__
from beir_hybrid.datasets import check_request, load_dataset
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import DatasetError, RetrieverError
from beir_hybrid.evaluation.folder import ResultFolder, refuse_other_content
from beir_hybrid.evaluation.kept_runs import field_gap
from beir_hybrid.evaluation.results import Results
from beir_hybrid.evaluation.scoring import score_task, scores_of, with_consistency
from beir_hybrid.metrics.bias import SHARE_CUTOFF
from beir_hybrid.metrics.consistency import DEPTH
from beir_hybrid.metrics.registered import asked_metrics
from beir_hybrid.retrieval.contract import combined, rankings_only, whole_number
from beir_hybrid.retrieval.recognise import as_retriever
from beir_hybrid.settings import parse_settings

KEPT_HITS = 100
"""Passages of each query that a run keeps of a retriever that ranks to full depth, unless told otherwise."""
_PACKAGES = (
    "beir-hybrid", "numpy", "beir", "sentence-transformers", "transformers", "torch", "pyserini", "pythainlp", "ranx",
)  # fmt: skip


def evaluate(
    dataset: str | Path | Dataset,
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
        dataset: a data set, its registered name, or the path of a BEIR folder.
        retriever: anything `as_retriever` takes: a model, its name or path, an encode function, a BEIR search
            object, a run file, or a retriever.
        settings: ``mono``, ``cross``, ``multi`` (iterable or comma-separated); default: all the data set has.
        languages: restricts queries and pool to these; with a loaded data set, restrict it when loading.
        metrics: see `beir_hybrid.metrics.measures.parse_metric`, and those that other packages register; the bias
            metrics are always measured in ``multi``.
        top_k: how many passages of each query the run keeps. Dense retrievers are measured at full depth whatever it
            is (default 100 kept); others are measured at this depth (BM25, BEIR search objects: 1000; a run file: all
            it holds) or at that of the deepest cutoff among the metrics, if that is more. `Score.depth` tells.
        name: how results call the retriever.
        data_dir: see `load_dataset`.
        split: see `load_dataset`.
        out: a folder for ``results.json``, ``per_query.parquet`` and ``runs.parquet``. Called again with the same
            inputs it goes on where it stopped.
        trec: also write the runs as TREC files.

    Returns:
        The results; `Results.summary` has the macro means.

    Raises:
        ResultsError: ``out`` holds results of other inputs (the message says which differ), or an id that TREC files
            cannot hold.
        DatasetError, SettingError, MetricError, RetrieverError: an input is unknown or unusable.
    """
    started = time.perf_counter()
    # what is quickly found wrong is said first, and a corpus, which may take hours, loaded last
    if isinstance(dataset, str | Path):
        check_request(dataset, languages, split)
    elif not isinstance(dataset, Dataset):
        raise DatasetError(f"a {type(dataset).__name__} is no data set; give one, its name, or the path of a folder")
    elif languages is not None or split is not None or data_dir is not None:
        raise DatasetError("languages, split and data_dir belong to load_dataset(...) when a loaded data set is given")
    top_k = None if top_k is None else whole_number("top_k", top_k)
    chosen = asked_metrics(metrics)
    asked = None if settings is None else parse_settings(settings)
    path = None if out is None else Path(out).expanduser()
    if path is not None:
        refuse_other_content(path)
    found = as_retriever(retriever)
    if not isinstance(dataset, Dataset):
        dataset = load_dataset(dataset, data_dir, languages, split)
    described = found.describe()
    bound = found.bind(dataset)
    tasks = bound.tasks(asked)
    for task in tasks if trec and path is not None else ():
        field_gap(task.query_ids)
    inputs = {
        "version": __version__,
        "dataset": dataset.name,
        "split": dataset.split,
        "dataset_fingerprint": dataset.fingerprint,
        "dataset_options": dict(dataset.options),
        "languages": list(dataset.languages),
        "tasks": [task.name for task in tasks],
        "metrics": [str(metric) for metric in chosen],
        "top_k": top_k,
        "name": name or found.name,
        "retriever": _identity(described),
        "bound": dict(bound.observed),
    }
    cutoffs = [metric.cutoff or 0 for metric in chosen]
    if any(task.setting == "multi" for task in tasks):
        cutoffs += [SHARE_CUTOFF, DEPTH]
    # where the ranks are of full depth whatever the hits, and no run is kept, few will do
    usual = bound.depth if bound.depth is not None else KEPT_HITS if path is not None else SHARE_CUTOFF
    depth = max([top_k or usual, *cutoffs])
    spare = any(task.own is not None for task in tasks)  # a hit that is the query itself is taken out
    with ResultFolder.opened(path, inputs, top_k or depth) as folder:
        if folder.complete:
            if trec:
                folder.write_trec_files(tasks)
            return folder.results()
        wanted = [task for task in tasks if not folder.has(task)]
        for ranking in rankings_only(bound.retrieve(wanted, depth + spare) if wanted else (), found.name):
            measured = ranking.without_own(depth)
            scores = score_task(measured, chosen)
            now = time.perf_counter()
            folder.add(measured, replace(scores, seconds=now - started))
            started = now
        unanswered = [task.name for task in tasks if not folder.has(task)]
        if unanswered:
            raise RetrieverError(f"{found.name} returned no ranking of {', '.join(unanswered)}")
        by_task = {task.name: folder.scores_of(task) for task in tasks}
        pool = [task for task in tasks if task.setting == "multi"]
        if pool:
            by_task |= with_consistency([(task, by_task[task.name], folder.hits_of(task, DEPTH)) for task in pool])
        parts = [by_task[task.name] for task in tasks]
        results = Results(
            name=name or found.name,
            dataset=dataset.name,
            split=dataset.split,
            retriever=described,
            scores=[score for task, part in zip(tasks, parts, strict=True) for score in scores_of(task, part)],
            matrix={t.query_language: p.matrix_row for t, p in zip(tasks, parts, strict=True) if p.matrix_row},
            observed={**bound.observed, **combined(part.observed for part in parts)},
            inputs={
                **inputs,
                "dataset_folder": dataset.folder,
                "passed_over": dataset.passed_over,
                "files": [vars(file) for file in dataset.files],
            },
            versions=_versions(),
            seconds=sum(part.seconds for part in parts) + time.perf_counter() - started,
            folder=folder.path,
        )
        folder.finish(results, tasks, parts, trec=trec)
    return results


def _identity(record: dict[str, Any]) -> dict[str, Any]:
    """What tells retrievers apart: what has a digest is the same wherever its file or folder stands."""
    places = {"path", "neutralize_folder", *(["model"] if record.get("fingerprint") else [])}
    return {
        key: _identity(value) if isinstance(value, dict) else value
        for key, value in record.items()
        if key not in places
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
