"""The means of a study by group of languages: resources, script, family, seen in training or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from beir_hybrid.comparison.scores import TaskKey
from beir_hybrid.evaluation.scores import mean_or_none
from beir_hybrid.studies.analysis.factors import Combination
from beir_hybrid.studies.analysis.language_groups import KINDS, group_of, in_order, pair_group
from beir_hybrid.studies.analysis.means import BIAS_COLUMNS, settings_of, tabled_metrics
from beir_hybrid.studies.analysis.measurements import Measurements, Run
from beir_hybrid.studies.analysis.options import AnalysisOptions
from beir_hybrid.studies.analysis.spread import Spread, spread_of


@dataclass(frozen=True)
class GroupMean:
    """The mean over the tasks of one group of languages.

    Attributes:
        kind: how languages are grouped; see `KINDS`.
        role: whose language decides: ``query``, ``passage`` (cross-lingual), or ``pair`` (seen, cross-lingual).
        languages: the languages (or pairs) of the group, over all seeds.
        change: the difference to the baseline's mean of the same group, over the seeds both have.
    """

    dataset: str
    setting: str
    metric: str
    kind: str
    role: str
    group: str
    combination: Combination
    spread: Spread
    languages: tuple[str, ...]
    change: Spread | None = None


def group_means(
    measured: Measurements, options: AnalysisOptions, bases: dict[Combination, Combination]
) -> list[GroupMean]:
    """Every grouping of every metric that has a table, and of the language bias.

    Args:
        bases: each combination's baseline.
    """
    found: list[GroupMean] = []
    for dataset in measured.datasets:
        for setting in settings_of(measured, options, dataset):
            there = measured.metrics(dataset, setting)
            wanted = (*tabled_metrics(measured, options, dataset), *(BIAS_COLUMNS if setting == "multi" else ()))
            for metric in (name for name in wanted if name in there):
                for kind in KINDS:
                    for role in _roles(kind, setting):
                        found += _means(measured, dataset, setting, metric, kind, role, bases)
    return found


def _roles(kind: str, setting: str) -> tuple[str, ...]:
    if setting != "cross":
        return ("query",)
    return ("pair",) if kind == "seen" else ("query", "passage")


def _means(
    measured: Measurements, dataset: str, setting: str, metric: str, kind: str, role: str,
    bases: dict[Combination, Combination],
) -> Iterator[GroupMean]:  # fmt: skip
    by_group: dict[str, dict[Combination, dict[int, float | None]]] = {}
    members: dict[tuple[str, Combination], dict[str, None]] = {}
    for combination in measured.combinations:
        for run in measured.runs_of(combination, dataset):
            for group, keys in _grouped(measured, dataset, setting, kind, role, run).items():
                value = mean_or_none(run.values[dataset].get((key, metric)) for key in keys)
                by_group.setdefault(group, {}).setdefault(combination, {})[run.seed] = value
                names = ("-".join(key[1:]) if role == "pair" else key[1 if role == "query" else 2] for key in keys)
                members.setdefault((group, combination), {}).update(dict.fromkeys(names))
    for group in in_order(kind, by_group.keys()):
        for combination, by_seed in by_group[group].items():
            base = bases.get(combination, combination)
            languages = tuple(sorted(members[group, combination]))
            change = None
            # a difference between the means of other languages would be a difference of languages
            if base != combination and members.get((group, base)) == members[group, combination]:
                change = _change(by_seed, by_group[group][base])
            yield GroupMean(
                dataset, setting, metric, kind, role, group, combination, spread_of(by_seed), languages, change
            )


def _change(by_seed: dict[int, float | None], base: dict[int, float | None]) -> Spread | None:
    differences: dict[int, float | None] = {}
    for seed in by_seed.keys() & base.keys():
        one, two = by_seed[seed], base[seed]
        differences[seed] = None if one is None or two is None else one - two
    return spread_of(dict(sorted(differences.items()))) if differences else None


def _grouped(
    measured: Measurements, dataset: str, setting: str, kind: str, role: str, run: Run
) -> dict[str, list[TaskKey]]:
    trained = run.cell.trained_languages
    languages = measured.languages(dataset)
    found: dict[str, list[TaskKey]] = {}
    for key in measured.tasks(dataset, setting):
        if role == "pair":
            group = pair_group(key[1], key[2], trained)
        else:
            group = group_of(kind, key[1 if role == "query" else 2], languages, trained)
        found.setdefault(group, []).append(key)
    return found
