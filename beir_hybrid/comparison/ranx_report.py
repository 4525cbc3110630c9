"""A comparison as ranx's ``Report``: every pair of systems tested, the bias metrics beside the others."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from beir_hybrid.comparison.correction import correct
from beir_hybrid.comparison.resample import range_p
from beir_hybrid.comparison.sample import Sample, mean_sample, task_sample
from beir_hybrid.comparison.significance import paired_p
from beir_hybrid.errors import ComparisonError
from beir_hybrid.metrics.bias import direction
from beir_hybrid.metrics.ranx_backend import build_report
from beir_hybrid.records import ScoreArray

if TYPE_CHECKING:
    from beir_hybrid.comparison.rows import Comparison

_LEFT_OUT = ("rank_distance_bound", "rank_distance_floor")


def to_ranx_report(
    comparison: Comparison,
    setting: str | None = None,
    query_language: str | None = None,
    corpus_language: str | None = None,
) -> Any:
    """The ``ranx.Report`` of one setting: its macro means, or those of one language or pair.

    Tests are ours (seeded, by question group, corrected over all pairs of a metric as the comparison says), means are
    macro means, wins are counted by query, and marks of lower-is-better metrics point the right way. Metrics that
    are not defined for every query of every system, have no value by query (PEER) or are mere bounds are left out;
    those without better and worse (the same-language share) have no marks.

    Args:
        setting: default: the first one.
        query_language: default: the mean over all.
        corpus_language: likewise.

    Raises:
        ComparisonError: nothing of that name was compared, or no metric is defined for all systems.
        MissingExtraError: ranx is not installed.
    """
    aligned = comparison.scores
    setting = setting or comparison.settings[0]
    tasks = [
        task
        for task in (aligned.tasks if aligned else ())
        if task.key[0] == setting and query_language in (None, task.key[1]) and corpus_language in (None, task.key[2])
    ]
    if aligned is None or not tasks:
        raise ComparisonError(f"{setting}:{query_language or '*'} was not compared; there is: {comparison.settings}")
    codes = {group: code for code, group in enumerate(sorted({g for task in tasks for g in task.groups}))}
    groups = [np.array([codes[group] for group in task.groups], dtype=np.int64) for task in tasks]
    names = aligned.names
    pairs = list(itertools.combinations(range(len(names)), 2))
    means: dict[str, dict[str, float]] = {name: {} for name in names}
    p_values: dict[tuple[str, str], dict[str, tuple[float | None, bool]]] = {}
    counts: dict[tuple[str, str], dict[str, tuple[int, int, int]]] = {}
    for metric in comparison.metrics:
        if metric.startswith(_LEFT_OUT) or not all(
            metric in task.values and not np.isnan(task.values[metric]).any() for task in tasks
        ):
            continue
        values = [task.values[metric] for task in tasks]
        sample = mean_sample([task_sample(value, own) for value, own in zip(values, groups, strict=True)])
        for name, mean in zip(names, sample.mean.tolist(), strict=True):
            means[name][metric] = mean
        p = _pairwise(sample, pairs, comparison)
        known = ~np.isnan(p)
        corrected = np.full(len(p), np.nan)
        corrected[known] = correct(p[known], comparison.correction)
        sign = direction(metric) or 1
        for (one, two), value, after in zip(pairs, p.tolist(), corrected.tolist(), strict=True):
            p_values.setdefault((names[one], names[two]), {})[metric] = (
                None if np.isnan(value) else value,
                bool(after <= comparison.alpha and direction(metric) != 0),
            )
            difference = np.concatenate([sign * (value[one] - value[two]) for value in values])
            wins, losses = int((difference > 1e-12).sum()), int((difference < -1e-12).sum())
            ties = len(difference) - wins - losses
            counts.setdefault((names[one], names[two]), {})[metric] = (wins, ties, losses)
            counts.setdefault((names[two], names[one]), {})[metric] = (losses, ties, wins)
    if not means[names[0]]:
        raise ComparisonError(f"no metric of {setting} is defined for every query of every system")
    lower = [metric for metric in means[names[0]] if direction(metric) < 0]
    return build_report(means, p_values, counts, lower_is_better=lower, alpha=comparison.alpha, test=comparison.test)


def _pairwise(sample: Sample, pairs: list[tuple[int, int]], comparison: Comparison) -> ScoreArray:
    """p values of the pairs, float64 [pairs]."""
    if not pairs:
        return np.zeros(0)
    if comparison.test == "tukey":
        found = range_p(sample.parts[:, :, None], comparison.draws, comparison.seed)[0]
        return np.array([found[one, two] for one, two in pairs])
    one, two = (np.array(side) for side in zip(*pairs, strict=True))
    parts = sample.parts[:, one] - sample.parts[:, two]
    # a rounding error between equal scores is no difference
    parts[np.abs(parts) < 1e-15] = 0.0
    return paired_p(parts, sample.present[:, one], comparison.test, comparison.draws, comparison.seed)
