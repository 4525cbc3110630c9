"""Several evaluated retrievers made one: their runs fused task by task, and measured like any other retriever."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.comparison.align import align
from beir_hybrid.comparison.scores import Scores, load_per_query
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import sha256_of
from beir_hybrid.errors import ComparisonError, did_you_mean
from beir_hybrid.evaluation.evaluate import KEPT_HITS, evaluate
from beir_hybrid.evaluation.folder import refuse_other_content
from beir_hybrid.evaluation.kept_runs import read_hits, runs_of
from beir_hybrid.evaluation.results import Results
from beir_hybrid.fusion.tuning import Plan, Recipe, by_folds, measured_data, on_other_data
from beir_hybrid.metrics.measures import parse_metric
from beir_hybrid.metrics.ranx_backend import (
    METHODS,
    NORMS,
    RANK_METHODS,
    TUNABLE,
    WEIGHTED,
    fuse_hits,
    ranx_library,
)
from beir_hybrid.metrics.registered import asked_metrics
from beir_hybrid.progress import progress
from beir_hybrid.records import SETTINGS, Hits
from beir_hybrid.retrieval.contract import Bound, Ranking
from beir_hybrid.retrieval.standardise import standardised
from beir_hybrid.settings import Task, TaskKey, parse_settings, task_name

_ALL = 1 << 31
"""Hits of a fused run: all that its runs have."""
_NEED_TRAINING = frozenset({"bayesfuse", "mapfuse", "posfuse", "probfuse", "segfuse", "slidefuse"})


def fuse(
    folders: Sequence[Path | str],
    out: Path | str,
    *,
    method: str = "rrf",
    norm: str | None = None,
    params: Mapping[str, Any] | None = None,
    tune_on: str | Sequence[Path | str] | None = None,
    tune_metric: str = "map",
    standardise: bool = False,
    settings: str | Iterable[str] | None = None,
    metrics: str | Iterable[str] | None = None,
    name: str | None = None,
    dataset: Dataset | None = None,
    tune_dataset: Dataset | None = None,
    data_dir: Path | str | None = None,
    seed: int = 0,
    trec: bool = False,
) -> Results:
    """Fuse the kept runs of result folders with ranx; a new result folder, evaluated exactly like the others.

    What is reported is never what was tuned on. Parameters are either given, or tuned on result folders of another
    data set or split (queries whose text occurs in the reported ones are left out), or cross-fitted: with
    ``"folds:5"`` the question groups are dealt into five folds, and each is fused with what was tuned on the others.

    Args:
        folders: two result folders or more, of the same data set and tasks; one is enough with ``standardise``.
        out: the new folder.
        method: one of `METHODS`, ranx's names.
        norm: one of `NORMS`, applied to each query's scores; default ``min-max``. Methods that look at ranks alone
            take none.
        params: the method's parameters; default: those of `METHODS`, weights all equal.
        tune_on: one folder for each of ``folders``, in the same order and of the same retrievers, or ``"folds:N"``.
        tune_metric: what tuning maximises, the mean over the queries; tuned for each setting on its own.
        standardise: put each run's scores in the pool on one scale for every passage language first (see
            `standardised`).
        settings: default: those all folders have.
        metrics: default: those of the first folder.
        dataset: the loaded data set; default: loaded by the name the folders record.
        tune_dataset: likewise, of the folders in ``tune_on``.
        seed: of the folds, and of the queries tuned on where there are very many.

    Raises:
        ComparisonError: an unknown method, norm or parameter, or tuning on what is reported.
        ResultsError: the folders do not fit together (see `align`).
    """
    method, norm, given = _checked(method, norm, params, len(folders))
    refuse_other_content(Path(out).expanduser())  # tuning may take minutes
    asked_metrics(metrics)
    scores = [load_per_query(folder) for folder in folders]
    for each in scores:
        runs_of(each.folder)
    if len(scores) < 2 and not standardise:
        raise ComparisonError("fusion needs two result folders or more; one can be standardised")
    if standardise and tune_on is not None:
        raise ComparisonError("parameters are tuned on runs as they are: leave out one of standardise and tune_on")
    aligned = align(scores, None if settings is None else parse_settings(settings), intersect=None)
    data = measured_data(scores[0], dataset, data_dir)
    tasks = [data.task(task_name(task.key)) for task in aligned.tasks]
    plan = Plan.of(dict.fromkeys(SETTINGS, given), {"params": given, "tuned_on": None})
    if tune_on is not None:
        if params:
            raise ComparisonError("parameters are either given or tuned: leave out one of params and tune_on")
        if method not in TUNABLE:
            raise ComparisonError(f"method {method!r} has nothing to tune; {did_you_mean(method, TUNABLE)}")
        recipe = Recipe(method, norm, parse_metric(tune_metric), seed)
        if isinstance(tune_on, str) and tune_on.startswith("folds:"):
            plan = by_folds(tune_on, recipe, tasks, [each.folder for each in scores])
        else:
            others = [tune_on] if isinstance(tune_on, str | Path) else list(tune_on)
            plan = on_other_data(others, recipe, scores, data, tune_dataset, data_dir)
    retriever = FusedRetriever(scores, tuple(tasks), method, norm, plan, name, standardise)
    measured = metrics if metrics is not None else scores[0].results.inputs.get("metrics")
    return evaluate(data, retriever, metrics=measured, out=out, trec=trec)


@dataclass(frozen=True, eq=False)
class FusedRetriever:
    """The fusion of kept runs as a retriever of the tasks those runs are of."""

    scores: Sequence[Scores]
    own: tuple[Task, ...]
    method: str
    norm: str
    plan: Plan
    called: str | None = None
    standardise: bool = False

    @property
    def name(self) -> str:
        what = "standardised" if len(self.scores) == 1 else self.method
        return self.called or f"{what}({', '.join(each.results.name for each in self.scores)})"

    def describe(self) -> dict[str, Any]:
        with ranx_library():  # says what to install where it is not there
            library = f"ranx {importlib.metadata.version('ranx')}"
        return {
            "type": "fusion",
            "library": library,
            "method": self.method,
            "norm": self.norm,
            **self.plan.described,
            **({"standardised": "within each passage language"} if self.standardise else {}),
            "inputs": [
                {
                    "name": each.results.name,
                    "folder": str(each.folder),
                    "retriever": dict(each.results.retriever),
                    "runs_sha256": sha256_of(runs_of(each.folder)),
                }
                for each in self.scores
            ],
        }

    def bind(self, dataset: Dataset) -> Bound:
        """The tasks that the runs are of, as deep as they are."""
        return Bound(dataset, self.retrieve, depth=_ALL, own=self.own)

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        depths = [_depths(each) for each in self.scores]
        with progress("fusing", len(tasks), "setting") as bar:
            for task in tasks:
                yield self._fused(task, depths, top_k)
                bar.advance()

    def _fused(self, task: Task, depths: Sequence[Mapping[TaskKey, int]], top_k: int | None) -> Ranking:
        runs = [read_hits(each.folder, task) for each in self.scores]
        # what shares no word with a query is in no run of BM25, however deep it was sought
        least = min(max(known[task.key], _longest(hits)) for known, hits in zip(depths, runs, strict=True))
        if self.standardise:
            runs = [standardised(hits, task) for hits in runs]
        if len(runs) == 1:
            return _as_deep(task, runs[0], least, top_k)
        parts = [
            (rows, fuse_hits([hits.take(rows) for hits in runs], self.method, self.norm, params))
            for rows, params in self.plan.parts(task)
        ]
        query = np.concatenate([rows[hits.query] for rows, hits in parts])
        passages = np.concatenate([hits.passages for _, hits in parts])
        scores = np.concatenate([hits.scores for _, hits in parts])
        in_order = np.argsort(query, kind="stable")
        fused = Hits.sorted(len(task.rows), query[in_order], passages[in_order], scores[in_order])
        return _as_deep(task, fused, least, top_k)


def _depths(scores: Scores) -> dict[TaskKey, int]:
    """Down to which rank, at least, a folder's runs of each task were sought and kept."""
    top_k = scores.results.inputs.get("top_k")
    return {
        (score.setting, score.query_language, score.corpus_language): (
            top_k or KEPT_HITS if score.depth is None else min(score.depth, top_k or score.depth)
        )
        for score in scores.results.scores
    }


def _longest(hits: Hits) -> int:
    return int(hits.counts.max(initial=0))


def _as_deep(task: Task, hits: Hits, least: int, top_k: int | None) -> Ranking:
    """A ranking of hits, ``top_k`` of them, that were sought down to rank ``least`` or further."""
    kept = hits if top_k is None else hits.cut(top_k)
    return Ranking.of_hits(task, kept, max(_longest(kept), min(least, top_k or _ALL)))


def _checked(
    method: str, norm: str | None, params: Mapping[str, Any] | None, n: int
) -> tuple[str, str, dict[str, Any]]:
    """Method, norm and parameters, complete.

    Raises:
        ComparisonError: one is unknown, or there are not as many weights as systems.
    """
    if method in _NEED_TRAINING:
        raise ComparisonError(
            f"method {method!r} learns probabilities from training queries and is not supported; "
            f"{did_you_mean('', METHODS)}"
        )
    if method not in METHODS:
        raise ComparisonError(f"unknown fusion method {method!r}; {did_you_mean(method, METHODS)}")
    if norm is not None and norm not in NORMS:
        raise ComparisonError(f"unknown normalisation {norm!r}; {did_you_mean(norm, NORMS)}")
    if method in RANK_METHODS and norm not in (None, "none"):
        raise ComparisonError(f"method {method!r} looks at ranks alone: leave out the normalisation {norm!r}")
    known = dict(METHODS[method])
    if method in WEIGHTED:
        known["weights"] = [1 / n] * n
    for key, value in (params or {}).items():
        if key not in known:
            raise ComparisonError(f"method {method!r} has no parameter {key!r}; {did_you_mean(key, known)}")
        known[key] = value
    for key, value in known.items():
        numbers = value if isinstance(value, list | tuple) else [value]
        least = -math.inf if key == "weights" else 0
        if not all(isinstance(each, int | float) and math.isfinite(each) and each >= least for each in numbers):
            wanted = "finite numbers" if key == "weights" else "a finite number from 0"
            raise ComparisonError(f"{key} of method {method!r} is {value!r}; expected {wanted}")
    weights = known.get("weights", [0.0] * n)
    if len(weights) != n:
        raise ComparisonError(f"{len(weights)} weights for {n} systems; give one for each folder, in their order")
    return method, "none" if method in RANK_METHODS else norm or "min-max", known
