"""The parameters that runs are fused with: given, or learnt from queries that are not reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.comparison.align import align
from beir_hybrid.comparison.scores import Scores, load_per_query
from beir_hybrid.datasets import load_measured
from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.disk.files import sha256_of
from beir_hybrid.errors import ComparisonError, ResultsError
from beir_hybrid.evaluation.kept_runs import RUNS_FILE, read_hits
from beir_hybrid.evaluation.results import Results
from beir_hybrid.metrics.measures import Metric
from beir_hybrid.metrics.ranx_backend import tune_fusion
from beir_hybrid.progress import progress
from beir_hybrid.records import Hits, IntArray, Judged
from beir_hybrid.settings import Task, task_name

TUNING_QUERIES = 5_000
"""At most about so many queries of a setting are tuned on: whole question groups, drawn with the seed."""


@dataclass(frozen=True)
class Plan:
    """Which parameters each query of a task is fused with.

    Args:
        described: what goes into the results.
        parts: rows of a task, and what they are fused with.
    """

    described: dict[str, Any]
    parts: Callable[[Task], list[tuple[IntArray, dict[str, Any]]]]

    @classmethod
    def of(cls, params: Mapping[str, dict[str, Any]], described: Mapping[str, Any]) -> Plan:
        """One set of parameters a setting."""
        return cls(dict(described), lambda task: [(np.arange(len(task.rows)), params[task.setting])])


@dataclass(frozen=True)
class Recipe:
    """What is tuned: a method of ranx after a normalisation, for a metric; ``seed`` draws folds and queries."""

    method: str
    norm: str
    metric: Metric
    seed: int

    def tune(self, tasks: Sequence[Task], folders: Sequence[Path], choices: Sequence[set[str]]) -> list[dict[str, Any]]:
        """The best parameters for each choice of question groups; the tasks are of one setting, and read once."""
        kept = [self._some(tasks, groups) for groups in choices]
        judged: list[list[Judged]] = [[] for _ in choices]
        runs: list[list[list[Hits]]] = [[] for _ in choices]
        with progress(f"tuning {tasks[0].setting}" if tasks else "tuning", len(tasks), "setting") as bar:
            for task in tasks:
                hits = [read_hits(folder, task) for folder in folders]
                for at, groups in enumerate(kept):
                    rows = np.flatnonzero([task.queries.groups[row] in groups for row in task.rows])
                    if len(rows):
                        new: IntArray = np.full(len(task.rows), -1, dtype=np.int64)
                        new[rows] = np.arange(len(rows))
                        own = task.judged.take(new[task.judged.query] >= 0)
                        judged[at].append(Judged(new[own.query], own.passage, own.grade))
                        runs[at].append([each.take(rows) for each in hits])
                bar.advance()
            if not all(runs):
                raise ComparisonError(f"there is no query to tune {self.method} on")
            return [
                tune_fusion(*chosen, self.method, self.norm, self.metric) for chosen in zip(judged, runs, strict=True)
            ]

    def _some(self, tasks: Sequence[Task], groups: set[str]) -> set[str]:
        """All groups, or as many as make `TUNING_QUERIES` queries."""
        queries = sum(task.queries.groups[row] in groups for task in tasks for row in task.rows)
        in_order = sorted(groups)
        if queries <= TUNING_QUERIES:
            return groups
        n = max(1, round(len(in_order) * TUNING_QUERIES / queries))
        return {in_order[at] for at in np.random.default_rng(self.seed).permutation(len(in_order))[:n]}


def by_folds(text: str, recipe: Recipe, tasks: Sequence[Task], folders: Sequence[Path]) -> Plan:
    """Parameters by ``folds:N``: the question groups of each fold are fused with what was tuned on the others.

    Args:
        folders: of the runs, in the order of the parameters.

    Raises:
        ComparisonError: N is no number, or there are fewer groups.
    """
    count = text.removeprefix("folds:")
    groups = sorted({task.queries.groups[row] for task in tasks for row in task.rows})
    if not count.isdigit() or not 2 <= int(count) <= len(groups):
        raise ComparisonError(
            f"{text!r}: expected folds:N with N from 2 to the {len(groups)} question groups there are"
        )
    n = int(count)
    order = np.random.default_rng(recipe.seed).permutation(len(groups))
    fold_of = {groups[at]: place % n for place, at in enumerate(order.tolist())}
    others = [{group for group in groups if fold_of[group] != fold} for fold in range(n)]
    params = {setting: recipe.tune(own, folders, others) for setting, own in _by_setting(tasks).items()}

    def parts(task: Task) -> list[tuple[IntArray, dict[str, Any]]]:
        folds = np.array([fold_of[task.queries.groups[row]] for row in task.rows], dtype=np.int64)
        chosen = [(np.flatnonzero(folds == fold), found) for fold, found in enumerate(params[task.setting])]
        return [(rows, found) for rows, found in chosen if len(rows)]

    tuned_on = {"folds": n, "seed": recipe.seed, "metric": str(recipe.metric)}
    return Plan({"params": params, "tuned_on": tuned_on}, parts)


def on_other_data(
    given: Sequence[Path | str],
    recipe: Recipe,
    reported: Sequence[Scores],
    data: Dataset,
    tune_dataset: Dataset | None,
    data_dir: Path | str | None,
) -> Plan:
    """Parameters tuned on runs of the same retrievers on another data set or split.

    Args:
        given: the folders to tune on, one for each that is reported.
        data: what is reported; queries whose text occurs in it are not tuned on, nor are their groups.
        tune_dataset: what those folders were measured on; None: loaded as it was then.

    Raises:
        ComparisonError: a folder is none, is not of the same retriever, or has no query left to tune on.
        ResultsError: the folders do not fit together.
    """
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
    align(scores, intersect=None)
    other = measured_data(scores[0], tune_dataset, data_dir)
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
        (params[setting],) = recipe.tune(own, [each.folder for each in scores], [groups])
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
    return Plan.of(params, {"params": params, "tuned_on": tuned_on})


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


def measured_data(scores: Scores, dataset: Dataset | None, data_dir: Path | str | None) -> Dataset:
    """The data set that a result folder was measured on: the one given, or loaded as it was then.

    Raises:
        ResultsError: its contents are others by now.
    """
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
