"""The results of a study's finished cells as one table of scores, and what is missing among them, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from beir_hybrid.errors import ResultsError, some_of
from beir_hybrid.evaluation.results import Results, read_results
from beir_hybrid.records import SETTINGS
from beir_hybrid.studies.analysis.language_groups import SIDES, with_facts
from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome

if TYPE_CHECKING:
    import pandas as pd

TASK = list(SIDES)


@dataclass(frozen=True)
class Factor:
    """A factor and its values, in the order of the study file."""

    name: str
    values: tuple[Any, ...]

    @property
    def varies(self) -> bool:
        return len(self.values) > 1

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers (true and false are not)."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(map(value_label, self.values))

    def place(self, value: Any) -> int | None:
        """Where a value stands among those of the factor; None if it is none of them. 1 is 1.0, and not true."""
        places = (at for at, own in enumerate(self.values) if own == value)
        return next((at for at in places if isinstance(self.values[at], bool) == isinstance(value, bool)), None)


def value_label(value: Any) -> str:
    """A value in few words."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value) or "(empty)"


@dataclass(frozen=True, eq=False)
class Run:
    """A finished cell: one model, and what was measured of it on each data set."""

    combination: int
    cell: CellOutcome
    results: Mapping[str, Results]


@dataclass(frozen=True, eq=False)
class Measured:
    """All finished cells of a study.

    Attributes:
        combinations: those of the grid, finished or not: places among the values of each factor, in their order.
        scores: a row a score: ``run`` (its place in ``runs``), ``combination`` (its place in ``combinations``),
            ``seed``, ``dataset``, ``setting``, ``query_language``, ``corpus_language``, ``metric``, ``value`` (NaN
            where it is not defined), ``queries``, ``bound``: the value is a lower bound; ``common``: every model
            measured in the setting has the task (means over others could not be compared); ``shared``: and every one
            has the metric; ``pairs`` and ``training_languages`` of the model; and what `with_facts` adds.
        problems: a line for each cell or result that is missing, failed or cannot be read.
    """

    outcome: StudyOutcome
    factors: tuple[Factor, ...]
    combinations: tuple[tuple[int, ...], ...]
    runs: tuple[Run, ...]
    scores: pd.DataFrame
    problems: tuple[str, ...]

    @cached_property
    def compared(self) -> pd.DataFrame:
        """The scores of the tasks and metrics that all models have."""
        return self.scores[self.scores.common & self.scores.shared]

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(self.scores.dataset.cat.categories)

    def label(self, combination: int) -> str:
        """How messages name a combination."""
        return combination_label(self.factors, self.combinations[combination])

    def labels(self, combination: int) -> list[str]:
        """The values of the factors that vary; ``all`` where none does."""
        pairs = zip(self.factors, self.combinations[combination], strict=True)
        return [factor.labels[place] for factor, place in pairs if factor.varies] or ["all"]

    def column(self, name: str, rows: pd.DataFrame) -> list[Any]:
        """A factor, or a column of the table of scores, for some of its rows; None where it is not known."""
        for at, factor in enumerate(self.factors):
            if factor.name == name:
                return [factor.values[self.combinations[code][at]] for code in rows.combination]
        return list(rows[name])

    def settings(self, dataset: str) -> tuple[str, ...]:
        """The settings that were measured on a data set, in their usual order."""
        there = set(self.compared.setting[self.compared.dataset == dataset])
        return tuple(setting for setting in SETTINGS if setting in there)

    def metrics(self, dataset: str, setting: str) -> tuple[str, ...]:
        """What every model measured in a setting has, in the order of the results."""
        own = self.compared[(self.compared.dataset == dataset) & (self.compared.setting == setting)]
        return tuple(own.metric.unique())


def combination_label(factors: Sequence[Factor], places: Sequence[int], but: str = "") -> str:
    """``alpha=0.5, encoder=static``; only what varies (but for one factor), and ``all`` where nothing does."""
    pairs = zip(factors, places, strict=True)
    return ", ".join(f"{f.name}={f.labels[at]}" for f, at in pairs if f.varies and f.name != but) or "all"


def read_measured(outcome: StudyOutcome) -> Measured:
    """Read the results of every finished cell; what cannot be read is a problem, not an end."""
    values: dict[str, list[Any]] = {name: list(own) for name, own in outcome.factors.items()}
    for cell in outcome.cells:
        for name, value in cell.factors.items():
            if Factor(name, tuple(values.setdefault(name, []))).place(value) is None:
                values[name].append(value)
    factors = tuple(Factor(name, tuple(own)) for name, own in values.items())
    # a factor that a cell does not name has its first value
    places = [tuple(f.place(cell.factors.get(f.name, f.values[0])) or 0 for f in factors) for cell in outcome.cells]
    combinations = tuple(sorted(set(places)))
    runs: dict[tuple[int, int], Run] = {}
    problems = []
    for cell, own in zip(outcome.cells, places, strict=True):
        at, name = combinations.index(own), f"{combination_label(factors, own)}, seed {cell.seed}"
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
            runs.setdefault((at, cell.seed), Run(at, cell, results))
    there = tuple(runs.values())
    found = Measured(outcome, factors, combinations, there, _scores(there), ())
    return replace(found, problems=(*problems, *_lacking(found), *_other_contents(found)))


def _scores(runs: Sequence[Run]) -> pd.DataFrame:
    import pandas as pd

    found = pd.DataFrame(
        [
            (at, run.combination, run.cell.seed, dataset, score.setting, score.query_language, score.corpus_language,
             score.metric, score.value, score.queries, score.is_bound)
            for at, run in enumerate(runs)
            for dataset, results in run.results.items()
            for score in results.scores
        ],
        columns=["run", "combination", "seed", "dataset", "setting", *TASK, "metric", "value", "queries", "bound"],
    )  # fmt: skip
    numbers = dict.fromkeys(("run", "combination", "seed", "queries"), "int64")
    found = found.astype({**numbers, "value": float, "bound": bool})
    for name in ("dataset", "metric"):  # kept in the order of the results
        found[name] = pd.Categorical(found[name], list(found[name].unique()))
    found["setting"] = pd.Categorical(found.setting, list(SETTINGS))

    def runs_with(rows: pd.DataFrame, *names: str) -> pd.Series:
        own = rows.groupby(["dataset", "setting", *names]).run.transform("nunique")
        return own.reindex(found.index)

    measured = runs_with(found)
    found["common"] = runs_with(found, *TASK) == measured
    found["shared"] = runs_with(found[found.common], "metric") == measured
    cells = [runs[run].cell for run in found.run]
    found["pairs"] = pd.Series([cell.training.get("pairs") for cell in cells], dtype=object)
    found["training_languages"] = pd.Series([len(cell.trained_languages) or None for cell in cells], dtype=object)
    return with_facts(found, [cell.trained_languages for cell in cells])


def _lacking(found: Measured) -> list[str]:
    """Data sets and tasks that only some of the models were measured on."""
    lines = []
    for at, run in enumerate(found.runs):
        name = f"{found.label(run.combination)}, seed {run.cell.seed}"
        lines += [f"{name}: not measured on {each}" for each in found.datasets if each not in run.cell.results]
        own = found.scores[(found.scores.run == at) & ~found.scores.common]
        for dataset, there in own.groupby("dataset"):
            other = sorted(set(there.setting.astype(str) + ":" + there[TASK[0]] + ":" + there[TASK[1]]))
            lines.append(f"{name}: {dataset} {some_of(other, 3)} left out, which other cells lack")
    return lines


def _other_contents(found: Measured) -> list[str]:
    lines = []
    for dataset in found.datasets:
        own = (run.results[dataset] for run in found.runs if dataset in run.results)
        prints = {str(results.inputs.get("dataset_fingerprint")) for results in own}
        if len(prints) > 1:
            lines.append(
                f"{dataset} was measured on different contents (fingerprints {', '.join(sorted(prints))}); "
                "its values cannot be compared before all cells are evaluated on the same files"
            )
    return lines
