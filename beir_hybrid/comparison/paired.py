"""The rows of a comparison: what is over the same question groups is computed in one go."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from beir_hybrid.comparison.align import Aligned, AlignedTask
from beir_hybrid.comparison.correction import correct
from beir_hybrid.comparison.resample import bootstrap_quantiles, range_p, sign_flip_p
from beir_hybrid.comparison.rows import MEAN, Row
from beir_hybrid.comparison.sample import DIGITS, Sample, mean_sample, task_sample
from beir_hybrid.comparison.significance import paired_p
from beir_hybrid.metrics.bias import direction
from beir_hybrid.records import SETTINGS, IntArray, ScoreArray

CONFIDENCE = (0.025, 0.975)
LEAST_GROUPS = 3
"""With fewer question groups there is no interval."""
# means over the queries that have a value; every other metric is undefined as soon as one query's is
_OVER_DEFINED = ("same_language_", "consistency_")
_BOUNDS = ("rank_distance_bound",)
"""Lower bounds: the difference of two bounds says nothing of the difference of what they bound."""
Family: TypeAlias = tuple[str, str, str, bool]
"""Data set, setting, metric, whether of macro means: what is tested together."""


class Target(NamedTuple):
    """What a row is about; both languages are `MEAN` in a mean, and so is the data set in one over several."""

    dataset: str
    setting: str
    query_language: str
    corpus_language: str
    metric: str

    @property
    def family(self) -> Family:
        return self.dataset, self.setting, self.metric, self.query_language == MEAN


@dataclass(frozen=True)
class Asked:
    """How is tested."""

    test: str
    correction: str
    seed: int
    draws: int


def paired_rows(aligned: Sequence[Aligned], base: int, metrics: Sequence[str], asked: Asked) -> list[Row]:
    """The rows of systems against a baseline, data set by data set, then the mean over several.

    Args:
        aligned: one for each data set, the systems of each in the same order.
        base: the place of the baseline.
    """
    return _Rows(aligned, base, metrics, asked).made()


class _Rows:
    """What is known of every target, by what it is."""

    def __init__(self, aligned: Sequence[Aligned], base: int, metrics: Sequence[str], asked: Asked) -> None:
        self.aligned, self.base, self.metrics, self.asked = aligned, base, metrics, asked
        self.names = aligned[0].names
        self.others = [system for system in range(len(self.names)) if system != base]
        self.values: dict[Target, Sample] = {}
        self.deltas: dict[Target, Sample] = {}
        self.records: dict[Target, dict[str, Any]] = {}
        self.bounds: set[Target] = set()

    def made(self) -> list[Row]:
        groups = sorted(
            {(each.dataset, group) for each in self.aligned for task in each.tasks for group in task.groups}
        )
        codes = {group: code for code, group in enumerate(groups)}
        for each in self.aligned:
            for task in each.tasks:
                own = np.array([codes[each.dataset, group] for group in task.groups], dtype=np.int64)
                for metric in self.metrics:
                    self._add_task(Target(each.dataset, *task.key, metric), task, own)
        over_languages: dict[Target, list[Target]] = {}
        for target in self.records:
            mean = target._replace(query_language=MEAN, corpus_language=MEAN)
            over_languages.setdefault(mean, []).append(target)
        for mean, targets in over_languages.items():
            self._add_mean(mean, targets)
        if len(self.aligned) > 1:
            for setting, metric in itertools.product(SETTINGS, self.metrics):
                mean = Target(MEAN, setting, MEAN, MEAN, metric)
                keys = [mean._replace(dataset=each.dataset) for each in self.aligned]
                if all(key in self.records for key in keys):
                    self._add_mean(mean, keys)
        self._add_intervals(self.values, [self.base])
        if self.others:
            self._add_intervals(self.deltas, self.others)
            self._add_p_values()
        return [row for target in sorted(self.records, key=self._place) for row in self._rows_of(target)]

    def _place(self, target: Target) -> tuple[Any, ...]:
        datasets = [*(each.dataset for each in self.aligned), MEAN]
        languages = target.query_language != MEAN, target.query_language, target.corpus_language
        return (
            datasets.index(target.dataset), SETTINGS.index(target.setting), languages, self.metrics.index(target.metric)
        )  # fmt: skip

    def _add_task(self, target: Target, task: AlignedTask, groups: IntArray) -> None:
        metric = target.metric
        if metric in task.bounds:
            self.bounds.add(target)
        if metric in task.overall:
            value = np.array([np.nan if each is None else each for each in task.overall[metric]])
            queries = np.full(len(value), len(task.query_ids))
            self.records[target] = {"value": value, "delta": value - value[self.base], "queries": queries}
        if metric not in task.values:
            return
        values = task.values[metric]
        sample = task_sample(values, groups)
        needed = _needed(task, metric)
        if not metric.startswith(_OVER_DEFINED):
            sample = replace(sample, mean=np.where(sample.queries == needed, sample.mean, np.nan))
        if metric in _BOUNDS:
            self.records[target] = {"value": sample.mean, "queries": sample.queries}
            return
        difference = np.round(values - values[self.base], DIGITS)
        delta = task_sample(difference, groups)
        delta = replace(delta, mean=np.where(np.isnan(sample.mean + sample.mean[self.base]), np.nan, delta.mean))
        self.values[target], self.deltas[target] = sample, delta
        sign = direction(metric)
        self.records[target] = {
            "value": sample.mean,
            "delta": delta.mean,
            "wins": (difference * sign > 0).sum(axis=1),
            "ties": (difference == 0).sum(axis=1),
            "losses": (difference * sign < 0).sum(axis=1),
            "queries": sample.queries if metric.startswith(_OVER_DEFINED) else np.full(len(values), needed),
        }

    def _add_mean(self, mean: Target, targets: Sequence[Target]) -> None:
        records = [self.records[target] for target in targets]
        sums = {name: np.sum([record[name] for record in records], axis=0) for name in records[0]}
        self.bounds |= {mean} if self.bounds.intersection(targets) else set()
        means = {str(name): sums[name] / len(records) for name in ("value", "delta") if name in sums}
        self.records[mean] = {**sums, **means}
        if all(target in self.values for target in targets):
            self.values[mean] = mean_sample([self.values[target] for target in targets])
            self.deltas[mean] = mean_sample([self.deltas[target] for target in targets])

    def _add_intervals(self, samples: Mapping[Target, Sample], systems: Sequence[int]) -> None:
        for targets in _by_units(samples):
            spread = np.concatenate([samples[target].spread[:, systems] for target in targets], axis=1)
            low, high = bootstrap_quantiles(spread, CONFIDENCE, self.asked.draws, self.asked.seed)
            for place, target in enumerate(targets):
                own = slice(place * len(systems), (place + 1) * len(systems))
                enough = samples[target].present[:, systems].sum(axis=0) >= LEAST_GROUPS
                record = self.records[target]
                for name, bound in (("ci_low", low), ("ci_high", high)):
                    column = record.setdefault(name, np.full(len(self.names), np.nan))
                    column[systems] = np.where(enough, samples[target].mean[systems] + bound[own], np.nan)

    def _add_p_values(self) -> None:
        families: dict[Family, list[Target]] = {}
        for target in self.deltas:
            families.setdefault(target.family, []).append(target)
        if self.asked.test == "permutation":
            for place in dict.fromkeys(family[:2] for family in families):
                self._permute([own for family, own in families.items() if family[:2] == place])
        elif self.asked.test == "tukey":
            for targets in _by_units(self.deltas):
                parts = np.stack([self.deltas[target].parts for target in targets], axis=2)
                # permuting differences to the baseline is permuting scores: a constant moves all systems alike
                found = range_p(parts, self.asked.draws, self.asked.seed)[:, self.base]
                for target, p in zip(targets, found[:, self.others], strict=True):
                    self._keep(target, p, p)
        else:
            for target, delta in self.deltas.items():
                p = paired_p(delta.parts[:, self.others], delta.present[:, self.others], self.asked.test)
                # signed ranks are of single differences: they say nothing of a mean over languages
                nothing = self.asked.test == "wilcoxon" and target.query_language == MEAN
                self._keep(target, np.full(len(p), np.nan) if nothing else p)
        for targets in families.values():
            if "p_corrected" not in self.records[targets[0]]:
                p = np.concatenate([self.records[target]["p"][self.others] for target in targets])
                known = ~np.isnan(p)
                corrected = np.full(len(p), np.nan)
                corrected[known] = correct(p[known], self.asked.correction)
                for target, own in zip(targets, np.split(corrected, len(targets)), strict=True):
                    self._keep(target, self.records[target]["p"][self.others], own)

    def _permute(self, families: Sequence[Sequence[Target]]) -> None:
        """The families of one setting: their columns share the coins of the groups."""
        chosen = {target: self.deltas[target] for family in families for target in family}
        units = np.unique(np.concatenate([sample.units for sample in chosen.values()]))
        pieces: list[tuple[IntArray, ScoreArray]] = []
        columns: dict[Target, IntArray] = {}
        for targets in _by_units(chosen):
            for target in targets:
                columns[target] = np.arange(len(self.others)) + len(columns) * len(self.others)
            parts = np.concatenate([chosen[target].parts[:, self.others] for target in targets], axis=1)
            pieces.append((np.searchsorted(units, chosen[targets[0]].units), parts))
        # what is not defined is not tested, nor a part of a family
        known = {target: ~np.isnan(chosen[target].mean[self.others]) for target in chosen}
        numbers = [[int(at) for target in family for at in columns[target][known[target]]] for family in families]
        p, corrected = sign_flip_p(pieces, [own for own in numbers if own], self.asked.draws, self.asked.seed)
        for target, own in columns.items():
            self._keep(target, p[own], corrected[own] if self.asked.correction == "max-t" else None)

    def _keep(self, target: Target, p: ScoreArray, corrected: ScoreArray | None = None) -> None:
        undefined = np.isnan(self.deltas[target].mean[self.others])
        for name, found in (("p", p), ("p_corrected", corrected)):
            if found is not None:
                column = np.full(len(self.names), np.nan)
                column[self.others] = np.where(undefined, np.nan, found)
                self.records[target][name] = column

    def _rows_of(self, target: Target) -> Iterable[Row]:
        record = self.records[target]
        effects = self.deltas[target].effect if target in self.deltas else None
        counted = "wins" in record and direction(target.metric) != 0
        for system, name in enumerate(self.names):
            delta = None if system == self.base or "delta" not in record else _number(record["delta"][system])
            against = counted and delta is not None
            yield Row(
                name=name,
                **target._asdict(),
                value=_number(record["value"][system]),
                delta=delta,
                ci_low=_settled(record["ci_low"][system]) if "ci_low" in record else None,
                ci_high=_settled(record["ci_high"][system]) if "ci_high" in record else None,
                p=_number(record["p"][system]) if "p" in record else None,
                p_corrected=_number(record["p_corrected"][system]) if "p_corrected" in record else None,
                wins=int(record["wins"][system]) if against else None,
                ties=int(record["ties"][system]) if against else None,
                losses=int(record["losses"][system]) if against else None,
                queries=int(record["queries"][system]),
                effect=None if effects is None or delta is None else _number(effects[system]),
                at_least=target in self.bounds,
            )


def _needed(task: AlignedTask, metric: str) -> int:
    """Queries that a metric must be defined for: a distance means nothing for one with a single relevant passage."""
    floor = task.values.get("rank_distance_floor") if "distance" in metric else None
    return len(task.query_ids) if floor is None else int(np.count_nonzero(~np.isnan(floor[0])))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _settled(value: float) -> float | None:
    """A sum with the digits that do not depend on how many columns a matrix product had: twelve."""
    return float(f"{value:.12g}") if np.isfinite(value) else None


def _by_units(samples: Mapping[Target, Sample]) -> Iterable[list[Target]]:
    """The targets that are over the same groups, together."""
    found: dict[bytes, list[Target]] = {}
    for target, sample in samples.items():
        found.setdefault(sample.units.tobytes(), []).append(target)
    return found.values()
