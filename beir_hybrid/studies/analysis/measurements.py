"""The results of a study's finished cells, side by side; and what is missing among them, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from beir_hybrid.comparison.scores import TaskKey
from beir_hybrid.errors import ResultsError
from beir_hybrid.evaluation.results import Results, read_results
from beir_hybrid.records import SETTINGS
from beir_hybrid.studies.analysis.factors import (
    Combination,
    Factor,
    combination_label,
    combination_of,
    factors_of,
)
from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome


@dataclass(frozen=True, eq=False)
class Run:
    """A finished cell: one model, and what was measured of it on each data set."""

    combination: Combination
    cell: CellOutcome
    results: Mapping[str, Results]

    @property
    def seed(self) -> int:
        return self.cell.seed

    @cached_property
    def values(self) -> dict[str, dict[tuple[TaskKey, str], float | None]]:
        """``{data set: {(task, metric): value}}``."""
        return {
            dataset: {
                ((score.setting, score.query_language, score.corpus_language), score.metric): score.value
                for score in results.scores
            }
            for dataset, results in self.results.items()
        }


@dataclass(frozen=True, eq=False)
class Measurements:
    """All finished cells of a study.

    Attributes:
        combinations: those of the grid, finished or not, in the order of the factors' values.
        problems: a line for each cell or result that is missing, failed or cannot be read.
    """

    outcome: StudyOutcome
    factors: tuple[Factor, ...]
    combinations: tuple[Combination, ...]
    runs: tuple[Run, ...]
    problems: tuple[str, ...]

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(dataset for run in self.runs for dataset in run.results))

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted({cell.seed for cell in self.outcome.cells}))

    def label(self, combination: Combination) -> str:
        """How tables name a combination."""
        return combination_label(self.factors, combination)

    def runs_of(self, combination: Combination, dataset: str) -> list[Run]:
        """The runs of a combination, one a seed, that were measured on the data set."""
        return [run for run in self.runs if run.combination == combination and dataset in run.results]

    def tasks(self, dataset: str, setting: str) -> tuple[TaskKey, ...]:
        """The tasks of a setting that every model measured in it has: means over others could not be compared."""
        return self._tasks[dataset].get(setting, ())

    def languages(self, dataset: str) -> tuple[str, ...]:
        """The query languages of a data set."""
        keys = [key for setting in SETTINGS for key in self.tasks(dataset, setting)]
        return tuple(sorted({key[1] for key in keys}))

    def metrics(self, dataset: str, setting: str) -> tuple[str, ...]:
        """What every model measured in a setting has, in the order of the results."""
        found: dict[str, int] = {}
        runs = 0
        wanted = set(self.tasks(dataset, setting))
        for run in self.runs:
            own = dict.fromkeys(metric for key, metric in run.values.get(dataset, {}) if key in wanted)
            runs += bool(own)
            for metric in own:
                found[metric] = found.get(metric, 0) + 1
        return tuple(metric for metric, count in found.items() if count == runs)

    @cached_property
    def _tasks(self) -> dict[str, dict[str, tuple[TaskKey, ...]]]:
        found: dict[str, dict[str, tuple[TaskKey, ...]]] = {}
        for dataset in self.datasets:
            own = found.setdefault(dataset, {})
            for run in self.runs:
                keys = list(dict.fromkeys(key for key, _ in run.values.get(dataset, {})))
                for setting in SETTINGS:
                    there = tuple(key for key in keys if key[0] == setting)
                    if there:
                        before = own.get(setting, there)
                        own[setting] = tuple(key for key in before if key in set(there))
        return found


def read_measurements(outcome: StudyOutcome) -> Measurements:
    """Read the results of every finished cell; what cannot be read is a problem, not an end."""
    factors = factors_of(outcome)
    combinations: dict[Combination, None] = {}
    runs: dict[tuple[Combination, int], Run] = {}
    problems: list[str] = []
    for cell in outcome.cells:
        combination = combination_of(factors, cell.factors)
        combinations.setdefault(combination)
        name = f"{combination_label(factors, combination)}, seed {cell.seed}"
        if cell.status != "done":
            why = cell.message or ("not run yet" if cell.status == "missing" else "no reason was recorded")
            problems.append(f"{name}: {cell.status} ({why})")
            continue
        results = {}
        for dataset, folder in cell.results.items():
            try:
                results[dataset] = read_results(folder)
            except ResultsError as error:
                problems.append(f"{name}: {dataset} left out ({error})")
        if not cell.results:
            problems.append(f"{name}: done, but nothing was measured")
        if results:
            runs.setdefault((combination, cell.seed), Run(combination, cell, results))
    found = Measurements(outcome, factors, tuple(sorted(combinations)), tuple(runs.values()), ())
    problems += _lacking(found) + _other_contents(found)
    return Measurements(outcome, factors, found.combinations, found.runs, tuple(problems))


def _lacking(found: Measurements) -> list[str]:
    """Data sets and tasks that only some of the models were measured on."""
    lines = []
    for run in found.runs:
        name = f"{found.label(run.combination)}, seed {run.seed}"
        lines += [
            f"{name}: not measured on {dataset}"
            for dataset in found.datasets
            if dataset not in run.results and dataset not in run.cell.results
        ]
        for dataset in run.results:
            keys = {key for key, _ in run.values[dataset]}
            common = {key for setting in SETTINGS for key in found.tasks(dataset, setting)}
            other = sorted(":".join(key) for key in keys - common)
            if other:
                shown = ", ".join(other[:3]) + (f" and {len(other) - 3} more" if len(other) > 3 else "")
                lines.append(f"{name}: {dataset} {shown} left out, which other cells lack")
    return lines


def _other_contents(found: Measurements) -> list[str]:
    lines = []
    for dataset in found.datasets:
        prints = {
            str(run.results[dataset].inputs.get("dataset_fingerprint")) for run in found.runs if dataset in run.results
        }
        if len(prints) > 1:
            lines.append(
                f"{dataset} was measured on different contents (fingerprints {', '.join(sorted(prints))}); "
                "its values cannot be compared before all cells are evaluated on the same files"
            )
    return lines
