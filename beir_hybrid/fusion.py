"""Several evaluated retrievers made one: their runs fused task by task, and measured like any other retriever."""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.comparison.align import align
from beir_hybrid.comparison.scores import Scores, load_per_query
from beir_hybrid.datasets import load_measured
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import sha256_of
from beir_hybrid.errors import ComparisonError, ResultsError, did_you_mean
from beir_hybrid.evaluation.evaluate import KEPT_HITS, evaluate
from beir_hybrid.evaluation.kept_runs import RUNS_FILE, read_hits
from beir_hybrid.evaluation.results import Results
from beir_hybrid.metrics.measures import Metric, parse_metric
from beir_hybrid.metrics.ranx_backend import (
    METHODS,
    NORMS,
    RANK_METHODS,
    TUNABLE,
    WEIGHTED,
    fuse_hits,
    ranx_library,
    tune_fusion,
)
from beir_hybrid.progress import progress
from beir_hybrid.records import SETTINGS, Hits, IntArray, Judged
from beir_hybrid.retrieval.contract import Bound, Ranking
from beir_hybrid.retrieval.standardise import standardised
from beir_hybrid.settings import Task, TaskKey, parse_settings, task_name

TUNING_QUERIES = 5_000
"""At most about so many queries of a setting are tuned on: whole question groups, drawn with the seed."""
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
    scores = [load_per_query(folder) for folder in folders]
    if len(scores) < 2 and not standardise:
        raise ComparisonError("fusion needs two result folders or more; one can be standardised")
    if standardise and tune_on is not None:
        raise ComparisonError("parameters are tuned on runs as they are: leave out one of standardise and tune_on")
    aligned = align(scores, None if settings is None else parse_settings(settings))
    data = _dataset_of(scores[0], dataset, data_dir)
    tasks = [data.task(task_name(task.key)) for task in aligned.tasks]
    plan = _Plan.of(dict.fromkeys(SETTINGS, given), {"params": given, "tuned_on": None})
    if tune_on is not None:
        if params:
            raise ComparisonError("parameters are either given or tuned: leave out one of params and tune_on")
        if method not in TUNABLE:
            raise ComparisonError(f"method {method!r} has nothing to tune; {did_you_mean(method, TUNABLE)}")
        recipe = _Recipe(method, norm, parse_metric(tune_metric), seed)
        if isinstance(tune_on, str) and tune_on.startswith("folds:"):
            plan = _folds(tune_on, recipe, tasks, [each.folder for each in scores])
        else:
            others = [tune_on] if isinstance(tune_on, str | Path) else list(tune_on)
            plan = _elsewhere(others, recipe, scores, data, tune_dataset, data_dir)
    retriever = FusedRetriever(scores, tuple(tasks), method, norm, plan, name, standardise)
    measured = metrics if metrics is not None else scores[0].results.inputs.get("metrics")
    return evaluate(data, retriever, metrics=measured, out=out, trec=trec)


@dataclass(frozen=True, eq=False)
class _OfRuns(Bound):
    own: tuple[Task, ...] = ()

    def tasks(self, settings: str | Iterable[str] | None = None) -> list[Task]:
        return [task for task in self.own if settings is None or task.setting in parse_settings(settings)]


@dataclass(frozen=True, eq=False)
class FusedRetriever:
    """The fusion of kept runs as a retriever of the tasks those runs are of."""

    scores: Sequence[Scores]
    own: tuple[Task, ...]
    method: str
    norm: str
    plan: _Plan
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
                    "runs_sha256": sha256_of(each.folder / RUNS_FILE),
                }
                for each in self.scores
            ],
        }

    def bind(self, dataset: Dataset) -> Bound:
        """The tasks that the runs are of, as deep as they are."""
        return _OfRuns(dataset, self.retrieve, depth=_ALL, own=self.own)

    def retrieve(self, tasks: Sequence[Task], top_k: int | None = None) -> Iterator[Ranking]:
        depths = [_depths(each) for each in self.scores]
        for task in tasks:
            runs = [read_hits(each.folder, task) for each in self.scores]
            # what shares no word with a query is in no run of BM25, however deep it was sought
            least = min(max(known[task.key], _longest(hits)) for known, hits in zip(depths, runs, strict=True))
            if self.standardise:
                runs = [standardised(hits, task) for hits in runs]
            if len(runs) == 1:
                yield _as_deep(task, runs[0], least, top_k)
                continue
            parts = [
                (rows, fuse_hits([hits.take(rows) for hits in runs], self.method, self.norm, params))
                for rows, params in self.plan.parts(task)
            ]
            query = np.concatenate([rows[hits.query] for rows, hits in parts])
            passages = np.concatenate([hits.passages for _, hits in parts])
            scores = np.concatenate([hits.scores for _, hits in parts])
            in_order = np.argsort(query, kind="stable")
            fused = Hits.sorted(len(task.rows), query[in_order], passages[in_order], scores[in_order])
            yield _as_deep(task, fused, least, top_k)


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


@dataclass(frozen=True)
class _Plan:
    """Which parameters each query of a task is fused with.

    Args:
        described: what goes into the results.
        parts: rows of a task, and what they are fused with.
    """

    described: dict[str, Any]
    parts: Callable[[Task], list[tuple[IntArray, dict[str, Any]]]]

    @classmethod
    def of(cls, params: Mapping[str, dict[str, Any]], described: Mapping[str, Any]) -> _Plan:
        """One set of parameters a setting."""
        return cls(dict(described), lambda task: [(np.arange(len(task.rows)), params[task.setting])])


@dataclass(frozen=True)
class _Recipe:
    method: str
    norm: str
    metric: Metric
    seed: int

    def tune(self, tasks: Sequence[Task], folders: Sequence[Path], groups: set[str]) -> dict[str, Any]:
        """The best parameters for the queries of these groups, which belong to tasks of one setting."""
        judged, runs = [], []
        kept = self._some(tasks, groups)
        for task in tasks:
            rows = np.flatnonzero([task.queries.groups[row] in kept for row in task.rows])
            if len(rows):
                new: IntArray = np.full(len(task.rows), -1, dtype=np.int64)
                new[rows] = np.arange(len(rows))
                own = task.judged.take(new[task.judged.query] >= 0)
                judged.append(Judged(new[own.query], own.passage, own.grade))
                runs.append([read_hits(folder, task).take(rows) for folder in folders])
        if not runs:
            raise ComparisonError(f"there is no query to tune {self.method} on")
        return tune_fusion(judged, runs, self.method, self.norm, self.metric)

    def _some(self, tasks: Sequence[Task], groups: set[str]) -> set[str]:
        """All groups, or as many as make `TUNING_QUERIES` queries."""
        queries = sum(task.queries.groups[row] in groups for task in tasks for row in task.rows)
        in_order = sorted(groups)
        if queries <= TUNING_QUERIES:
            return groups
        n = max(1, round(len(in_order) * TUNING_QUERIES / queries))
        return {in_order[at] for at in np.random.default_rng(self.seed).permutation(len(in_order))[:n]}


def _folds(text: str, recipe: _Recipe, tasks: Sequence[Task], folders: Sequence[Path]) -> _Plan:
    count = text.removeprefix("folds:")
    groups = sorted({task.queries.groups[row] for task in tasks for row in task.rows})
    if not count.isdigit() or not 2 <= int(count) <= len(groups):
        raise ComparisonError(
            f"{text!r}: expected folds:N with N from 2 to the {len(groups)} question groups there are"
        )
    n = int(count)
    order = np.random.default_rng(recipe.seed).permutation(len(groups))
    fold_of = {groups[at]: place % n for place, at in enumerate(order.tolist())}
    params: dict[str, list[dict[str, Any]]] = {}
    by_setting = _by_setting(tasks)
    with progress("tuning", len(by_setting) * n, "fold") as bar:
        for setting, own in by_setting.items():
            params[setting] = []
            for fold in range(n):
                others = {group for group in groups if fold_of[group] != fold}
                params[setting].append(recipe.tune(own, folders, others))
                bar.advance(1)

    def parts(task: Task) -> list[tuple[IntArray, dict[str, Any]]]:
        folds = np.array([fold_of[task.queries.groups[row]] for row in task.rows], dtype=np.int64)
        chosen = [(np.flatnonzero(folds == fold), found) for fold, found in enumerate(params[task.setting])]
        return [(rows, found) for rows, found in chosen if len(rows)]

    tuned_on = {"folds": n, "seed": recipe.seed, "metric": str(recipe.metric)}
    return _Plan({"params": params, "tuned_on": tuned_on}, parts)


def _elsewhere(
    given: Sequence[Path | str],
    recipe: _Recipe,
    reported: Sequence[Scores],
    data: Dataset,
    tune_dataset: Dataset | None,
    data_dir: Path | str | None,
) -> _Plan:
    absent = [str(folder) for folder in given if not Path(folder).is_dir()]
    if absent:
        raise ComparisonError(
            f"{absent[0]!r} is no folder: tuning takes the result folders of the same retrievers on another data set "
            f"or split (evaluate them with --split), or folds:5"
        )
    if len(given) != len(reported):
        raise ComparisonError(f"{len(reported)} folders are fused but {len(given)} tuned on; give one for each")
    scores = [load_per_query(folder) for folder in given]
    for ours, theirs in zip(reported, scores, strict=True):
        _refuse_reported(ours.results, theirs)
    align(scores)
    other = _dataset_of(scores[0], tune_dataset, data_dir)
    seen = {_normal(text) for language in data.languages for text in data.queries[language].texts}
    params, counts, dropped = {}, {}, set()
    tasks = _by_setting([other.task(task_name(key)) for key in scores[0].tasks])
    for setting in dict.fromkeys(key[0] for key in reported[0].tasks):
        own = tasks.get(setting, [])
        texts = [(t.queries.groups[row], _normal(t.queries.texts[row])) for t in own for row in t.rows]
        again = {group for group, text in texts if text in seen}
        groups = {group for group, _ in texts} - again
        if not groups:
            raise ComparisonError(
                f"{scores[0].folder} has no queries of {setting} to tune on"
                + (f": all {len(again)} question groups are among the reported ones" if again else "")
            )
        dropped |= again
        counts[setting] = len(groups)
        params[setting] = recipe.tune(own, [each.folder for each in scores], groups)
    tuned_on = {
        "folders": [str(folder) for folder in given],
        "dataset": other.name,
        "split": other.split,
        "dataset_fingerprint": other.fingerprint,
        "runs_sha256": [sha256_of(each.folder / RUNS_FILE) for each in scores],
        "groups": counts,
        "groups_left_out": len(dropped),
        "metric": str(recipe.metric),
        "seed": recipe.seed,
    }
    return _Plan.of(params, {"params": params, "tuned_on": tuned_on})


def _refuse_reported(ours: Results, theirs: Scores) -> None:
    other = theirs.results
    if (ours.dataset, ours.split) == (other.dataset, other.split):
        raise ComparisonError(
            f"{theirs.folder} is of {other.dataset} ({other.split}), which is what is reported; tune on another data "
            f"set or split, or cross-fit with folds:5"
        )
    kinds = [results.retriever.get("type") for results in (ours, other)]
    if kinds[0] != kinds[1]:
        raise ComparisonError(
            f"{theirs.folder} is of {other.name} ({kinds[1]}) but stands where {ours.name} ({kinds[0]}) does; "
            f"give the folders to tune on in the order of those that are fused"
        )


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())


def _by_setting(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    found: dict[str, list[Task]] = {}
    for task in tasks:
        found.setdefault(task.setting, []).append(task)
    return found


def _dataset_of(scores: Scores, dataset: Dataset | None, data_dir: Path | str | None) -> Dataset:
    results = scores.results
    inputs = results.inputs
    if dataset is None:
        dataset = load_measured(results.dataset, results.split, inputs, data_dir)
    if dataset.fingerprint != inputs.get("dataset_fingerprint"):
        raise ResultsError(
            f"{scores.folder} was measured on other contents of {results.dataset} than are loaded now "
            f"(fingerprints {inputs.get('dataset_fingerprint')} and {dataset.fingerprint}); evaluate again"
        )
    return dataset


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
