"""Systems against a baseline: differences, intervals, tests, wins, ties and losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from beir_hybrid.comparison.align import Aligned, AlignedTask, align
from beir_hybrid.comparison.correction import CORRECTIONS, correct
from beir_hybrid.comparison.resample import bootstrap_quantiles, range_p
from beir_hybrid.comparison.rows import MEAN, Comparison, Row
from beir_hybrid.comparison.sample import Sample, mean_sample, task_sample
from beir_hybrid.comparison.scores import Scores, TaskKey, load_per_query
from beir_hybrid.comparison.significance import TESTS, paired_p
from beir_hybrid.errors import ComparisonError, MetricError, did_you_mean
from beir_hybrid.metrics.bias import direction
from beir_hybrid.metrics.measures import parse_metric
from beir_hybrid.records import IntArray, ScoreArray
from beir_hybrid.settings import parse_settings

CONFIDENCE = (0.025, 0.975)
_TIE = 1e-12
"""Differences below this are rounding: the query is a tie."""
# means over the queries that have a value; every other metric is undefined as soon as one query's is
_OVER_DEFINED = ("same_language_",)
_BOUNDS = ("rank_distance_bound",)
"""Lower bounds: the difference of two bounds says nothing of the difference of what they bound."""


def compare(
    folders: Sequence[Path | str],
    *,
    baseline: str | None = None,
    settings: str | Iterable[str] | None = None,
    metrics: str | Iterable[str] | None = None,
    test: str = "permutation",
    correction: str = "holm",
    alpha: float = 0.05,
    intersect: bool = False,
    seed: int = 0,
    draws: int = 10_000,
) -> Comparison:
    """Compare retrievers that were measured on the same data set, query by query.

    Queries are paired by id. What is permuted and resampled are question groups, not queries: the parallel queries of
    a group are not independent of each other. A macro mean (over languages, or ordered pairs) is one mean whose
    groups each contribute in all their languages at once.

    Args:
        folders: result folders of `evaluate` or `fuse`, one a system. One alone gives values and intervals.
        baseline: the system, its folder or folder name; default: the first folder.
        settings: default: all that all folders have.
        metrics: names of ours or ir_measures' (``nDCG@10``, ``AP``); default: all that all folders have.
        test: ``permutation`` (paired sign flips), ``student``, ``wilcoxon`` (paired, two-sided) or ``tukey``
            (randomised Tukey HSD over all systems, which needs no correction: none is applied).
        correction: ``holm``, ``bh`` or ``none``, over a family: the tests of one metric in one setting, where the
            macro means (one test a system) are a family, and the languages or pairs (one a system and task) another.
        alpha: what corrected p value counts as significant.
        intersect: compare the tasks and queries all folders have, where they differ.
        seed: of the permutations and resamples; the same seed gives the same numbers, whatever else is compared.
        draws: permutations and bootstrap resamples.

    Raises:
        ComparisonError: an option is unknown or out of range.
        ResultsError: the folders cannot be compared (see `align`), or one is damaged.
        MetricError, SettingError: an unknown name.
    """
    if isinstance(folders, str | Path):
        folders = [folders]
    _check_options(test, correction, alpha, seed, draws)
    return compare_scores(
        [load_per_query(folder) for folder in folders], baseline=baseline, settings=settings, metrics=metrics,
        test=test, correction=correction, alpha=alpha, intersect=intersect, seed=seed, draws=draws,
    )  # fmt: skip


def compare_scores(
    scores: Sequence[Scores],
    *,
    baseline: str | None = None,
    settings: str | Iterable[str] | None = None,
    metrics: str | Iterable[str] | None = None,
    test: str = "permutation",
    correction: str = "holm",
    alpha: float = 0.05,
    intersect: bool = False,
    seed: int = 0,
    draws: int = 10_000,
) -> Comparison:
    """`compare` for per-query scores that are loaded already, or made of several results (a mean over seeds)."""
    _check_options(test, correction, alpha, seed, draws)
    chosen = None if settings is None else parse_settings(settings)
    aligned = align(scores, chosen, intersect=intersect)
    names = _chosen_metrics(aligned, metrics)
    base = _find_baseline(aligned, baseline)
    rows = _Rows(aligned, base, names, test, seed, draws).made()
    rows = rows if test == "tukey" else _corrected(rows, correction)
    if test == "tukey":
        correction = "none"
        rows = [replace(row, p_corrected=row.p) for row in rows]
    return Comparison(
        baseline=aligned.names[base],
        test=test,
        correction=correction,
        alpha=alpha,
        rows=tuple(rows),
        dataset=aligned.dataset,
        split=aligned.split,
        names=aligned.names,
        metrics=names,
        settings=aligned.settings,
        seed=seed,
        draws=draws,
        scores=aligned,
    )


def _check_options(test: str, correction: str, alpha: float, seed: int, draws: int) -> None:
    if test not in TESTS:
        raise ComparisonError(f"unknown test {test!r}; {did_you_mean(test, TESTS)}")
    if correction not in CORRECTIONS:
        raise ComparisonError(f"unknown correction {correction!r}; {did_you_mean(correction, CORRECTIONS)}")
    if not 0 < alpha < 1:
        raise ComparisonError(f"alpha is {alpha}; expected a number between 0 and 1, like 0.05")
    if draws < 1 or seed < 0:
        raise ComparisonError(f"draws is {draws} and seed {seed}; draws begin at 1, seeds at 0")


def _chosen_metrics(aligned: Aligned, metrics: str | Iterable[str] | None) -> tuple[str, ...]:
    if metrics is None:
        return aligned.metrics
    given = [name.strip() for name in (metrics.split(",") if isinstance(metrics, str) else metrics)]
    found = []
    for name in given:
        ours = name
        if name not in aligned.metrics:
            try:
                ours = str(parse_metric(name))
            except MetricError:
                ours = ""
        if ours not in aligned.metrics:
            raise MetricError(f"the folders do not all have the metric {name!r}; {did_you_mean(name, aligned.metrics)}")
        found.append(ours)
    if not found:
        raise MetricError(f"no metric was given; the folders have {', '.join(aligned.metrics)}")
    return tuple(dict.fromkeys(found))


def _find_baseline(aligned: Aligned, baseline: str | None) -> int:
    if baseline is None:
        return 0
    if baseline in aligned.names:
        return aligned.names.index(baseline)
    for index, folder in enumerate(aligned.folders):
        if baseline == folder.resolve().name or Path(baseline).resolve() == folder.resolve():
            return index
    raise ComparisonError(f"unknown baseline {baseline!r}; {did_you_mean(baseline, aligned.names)}")


Target: TypeAlias = tuple[TaskKey, str]
"""A task (or the mean of a setting) and a metric."""


class _Rows:
    """Makes the rows of a comparison; what is over the same groups is computed in one go."""

    def __init__(self, aligned: Aligned, base: int, metrics: Sequence[str], test: str, seed: int, draws: int) -> None:
        self.aligned, self.base, self.metrics = aligned, base, metrics
        self.test, self.seed, self.draws = test, seed, draws
        codes = {group: code for code, group in enumerate(sorted({g for task in aligned.tasks for g in task.groups}))}
        self.groups = [np.array([codes[group] for group in task.groups], dtype=np.int64) for task in aligned.tasks]
        self.values: dict[Target, Sample] = {}
        self.deltas: dict[Target, Sample] = {}
        self.records: dict[Target, dict[str, Any]] = {}

    def made(self) -> list[Row]:
        for task, groups in zip(self.aligned.tasks, self.groups, strict=True):
            for metric in self.metrics:
                if metric in task.values:
                    self._add_task(task, groups, metric)
                elif metric in task.overall:
                    self._add_overall(task, metric)
        for setting in self.aligned.settings:
            for metric in self.metrics:
                self._add_mean(setting, metric)
        self._add_intervals(self.values, [self.base])
        others = [system for system in range(len(self.aligned.names)) if system != self.base]
        if others:
            self._add_intervals(self.deltas, others)
            self._add_p_values(others)
        order = {metric: place for place, metric in enumerate(self.metrics)}
        keys = [key for s in self.aligned.settings for key in [(s, MEAN, MEAN), *self._task_keys(s)]]
        places = {key: place for place, key in enumerate(keys)}
        targets = sorted(self.records, key=lambda target: (places[target[0]], order[target[1]]))
        return [row for target in targets for row in self._rows_of(target)]

    def _task_keys(self, setting: str) -> list[TaskKey]:
        return [task.key for task in self.aligned.tasks if task.key[0] == setting]

    def _add_task(self, task: AlignedTask, groups: IntArray, metric: str) -> None:
        values = task.values[metric]
        sample = task_sample(values, groups)
        if not metric.startswith(_OVER_DEFINED):
            sample = replace(sample, mean=np.where(sample.queries == values.shape[1], sample.mean, np.nan))
        difference = values - values[self.base]
        delta = task_sample(difference, groups)
        delta = replace(delta, mean=np.where(np.isnan(sample.mean + sample.mean[self.base]), np.nan, delta.mean))
        target = (task.key, metric)
        if metric in _BOUNDS:
            self.records[target] = {"value": sample.mean, "queries": sample.queries}
            return
        self.values[target], self.deltas[target] = sample, delta
        sign = direction(metric)
        self.records[target] = {
            "value": sample.mean,
            "delta": delta.mean,
            "wins": (difference * sign > _TIE).sum(axis=1),
            "ties": (np.abs(difference) <= _TIE).sum(axis=1),
            "losses": (difference * sign < -_TIE).sum(axis=1),
            "queries": sample.queries if metric.startswith(_OVER_DEFINED) else np.full(len(values), values.shape[1]),
        }

    def _add_overall(self, task: AlignedTask, metric: str) -> None:
        value = np.array([np.nan if each is None else each for each in task.overall[metric]])
        self.records[task.key, metric] = {
            "value": value, "delta": value - value[self.base], "queries": np.full(len(value), len(task.query_ids))
        }  # fmt: skip

    def _add_mean(self, setting: str, metric: str) -> None:
        targets = [(key, metric) for key in self._task_keys(setting) if (key, metric) in self.records]
        if not targets:
            return
        mean: Target = ((setting, MEAN, MEAN), metric)
        records = [self.records[target] for target in targets]
        sums = {name: np.sum([record[name] for record in records], axis=0) for name in records[0]}
        means = {str(name): sums[name] / len(records) for name in ("value", "delta") if name in sums}
        self.records[mean] = {**sums, **means}
        if targets[0] in self.values:
            self.values[mean] = mean_sample([self.values[target] for target in targets])
            self.deltas[mean] = mean_sample([self.deltas[target] for target in targets])

    def _add_intervals(self, samples: Mapping[Target, Sample], systems: Sequence[int]) -> None:
        for targets in _by_units(samples):
            spread = np.concatenate([samples[target].spread[:, systems] for target in targets], axis=1)
            low, high = bootstrap_quantiles(spread, CONFIDENCE, self.draws, self.seed)
            for place, target in enumerate(targets):
                own = slice(place * len(systems), (place + 1) * len(systems))
                record = self.records[target]
                for name, bound in (("ci_low", low), ("ci_high", high)):
                    column = record.setdefault(name, np.full(len(self.aligned.names), np.nan))
                    column[systems] = samples[target].mean[systems] + bound[own]

    def _add_p_values(self, others: Sequence[int]) -> None:
        for targets in _by_units(self.deltas):
            if self.test == "tukey":
                found = self._tukey(targets)[:, others]
            else:
                parts = np.concatenate([self.deltas[target].parts[:, others] for target in targets], axis=1)
                present = np.concatenate([self.deltas[target].present[:, others] for target in targets], axis=1)
                found = paired_p(parts, present, self.test, self.draws, self.seed).reshape(len(targets), -1)
            for target, p in zip(targets, found, strict=True):
                column = np.full(len(self.aligned.names), np.nan)
                column[others] = np.where(np.isnan(self.deltas[target].mean[others]), np.nan, p)
                self.records[target]["p"] = column

    def _tukey(self, targets: Sequence[Target]) -> ScoreArray:
        """p of every system against the baseline, float64 [targets, systems].

        Permuting differences to the baseline is permuting scores: a group's constant moves all systems alike.
        """
        parts = np.stack([self.deltas[target].parts for target in targets], axis=2)
        return range_p(parts, self.draws, self.seed)[:, self.base]

    def _rows_of(self, target: Target) -> Iterable[Row]:
        (setting, query_language, corpus_language), metric = target
        record = self.records[target]
        effects = self.deltas[target].effect if target in self.deltas else None
        counted = "wins" in record and direction(metric) != 0
        for system, name in enumerate(self.aligned.names):
            delta = None if system == self.base or "delta" not in record else _number(record["delta"][system])
            against = counted and delta is not None
            yield Row(
                name=name,
                dataset=self.aligned.dataset,
                setting=setting,
                query_language=query_language,
                corpus_language=corpus_language,
                metric=metric,
                value=_number(record["value"][system]),
                delta=delta,
                ci_low=_settled(record["ci_low"][system]) if "ci_low" in record else None,
                ci_high=_settled(record["ci_high"][system]) if "ci_high" in record else None,
                p=_number(record["p"][system]) if "p" in record else None,
                wins=int(record["wins"][system]) if against else None,
                ties=int(record["ties"][system]) if against else None,
                losses=int(record["losses"][system]) if against else None,
                queries=int(record["queries"][system]),
                effect=None if effects is None or delta is None else _number(effects[system]),
            )


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


def _corrected(rows: Sequence[Row], correction: str) -> list[Row]:
    families: dict[tuple[str, str, bool], list[int]] = {}
    for place, row in enumerate(rows):
        if row.p is not None:
            families.setdefault((row.setting, row.metric, row.is_mean), []).append(place)
    made = list(rows)
    for places in families.values():
        corrected = correct([float(rows[place].p or 0.0) for place in places], correction)
        for place, p in zip(places, corrected.tolist(), strict=True):
            made[place] = replace(rows[place], p_corrected=p)
    return made
