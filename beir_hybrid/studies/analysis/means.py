"""The macro means of a study: each data set, setting, metric and combination of factors, over its seeds."""

from __future__ import annotations

from dataclasses import dataclass

from beir_hybrid.evaluation.scores import mean_or_none
from beir_hybrid.metrics.bias import SHARE_CUTOFF
from beir_hybrid.metrics.measures import DEFAULT_METRICS
from beir_hybrid.records import SETTINGS
from beir_hybrid.studies.analysis.factors import Combination
from beir_hybrid.studies.analysis.measurements import Measurements, Run
from beir_hybrid.studies.analysis.options import AnalysisOptions
from beir_hybrid.studies.analysis.spread import Spread, spread_of

BIAS_COLUMNS = ("rank_distance", f"same_language_share@{SHARE_CUTOFF}")
"""What stands beside every metric: the language bias, measured in the multilingual setting."""
_BOUND = "rank_distance_bound"


@dataclass(frozen=True)
class Mean:
    """One number of a study.

    Attributes:
        spread: over the seeds, each a mean over the tasks of the setting.
        at_least: it is a lower bound: a rank distance some of whose passages have no rank.
    """

    dataset: str
    setting: str
    metric: str
    combination: Combination
    spread: Spread
    tasks: int
    at_least: bool = False


def means(measured: Measurements, options: AnalysisOptions) -> list[Mean]:
    """Every metric that was measured in every setting."""
    return [
        mean
        for dataset in measured.datasets
        for setting in settings_of(measured, options, dataset)
        for metric in measured.metrics(dataset, setting)
        for combination in measured.combinations
        if (mean := _mean(measured, dataset, setting, metric, combination)) is not None
    ]


def settings_of(measured: Measurements, options: AnalysisOptions, dataset: str) -> tuple[str, ...]:
    """The settings asked for that were measured on the data set, in their usual order."""
    return tuple(s for s in SETTINGS if s in options.settings and measured.tasks(dataset, s))


def tabled_metrics(measured: Measurements, options: AnalysisOptions, dataset: str) -> tuple[str, ...]:
    """The metrics that have a table of their own: those asked for, else the usual ones; bias has columns of its own."""
    there = dict.fromkeys(
        metric for s in settings_of(measured, options, dataset) for metric in measured.metrics(dataset, s)
    )
    if options.metrics:
        return tuple(metric for metric in options.metrics if metric in there and metric not in BIAS_COLUMNS)
    usual = tuple(metric for metric in DEFAULT_METRICS if metric in there)
    return usual or tuple(metric for metric in there if metric not in BIAS_COLUMNS)[:1]


def columns_of(measured: Measurements, options: AnalysisOptions, dataset: str, metric: str) -> list[tuple[str, str]]:
    """(setting, metric) of a table: the metric in each setting, then the language bias."""
    found = [(s, metric) for s in settings_of(measured, options, dataset) if metric in measured.metrics(dataset, s)]
    if "multi" in settings_of(measured, options, dataset):
        found += [("multi", name) for name in BIAS_COLUMNS if name in measured.metrics(dataset, "multi")]
    return found


def _mean(measured: Measurements, dataset: str, setting: str, metric: str, combination: Combination) -> Mean | None:
    keys = measured.tasks(dataset, setting)
    runs = measured.runs_of(combination, dataset)

    def by_seed(name: str) -> dict[int, float | None]:
        return {
            run.seed: _over_tasks(run, dataset, keys, name) for run in runs if (keys[0], name) in run.values[dataset]
        }

    found = by_seed(metric)
    if not found:
        return None
    spread = spread_of(found)
    if metric == "rank_distance" and spread.value is None and (bounds := by_seed(_BOUND)):
        return Mean(dataset, setting, metric, combination, spread_of(bounds), len(keys), at_least=True)
    return Mean(dataset, setting, metric, combination, spread, len(keys))


def _over_tasks(run: Run, dataset: str, keys: tuple[tuple[str, str, str], ...], metric: str) -> float | None:
    return mean_or_none(run.values[dataset].get((key, metric)) for key in keys)
