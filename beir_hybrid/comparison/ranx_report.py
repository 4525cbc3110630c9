"""A comparison as ranx's ``Report``: every pair of systems, the bias metrics beside the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from beir_hybrid.comparison.paired import Asked, paired_rows
from beir_hybrid.comparison.rows import MEAN
from beir_hybrid.errors import ComparisonError
from beir_hybrid.metrics.bias import direction
from beir_hybrid.metrics.ranx_backend import build_report

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

    A pair of systems is marked where `compare` marks it, with the first of the two as the baseline (the comparison's
    own baseline where it is one of them): the same tests and the same families. Means are macro means, wins are
    counted by query, and marks of lower-is-better metrics point the right way. Metrics that are not defined for every
    query of every system, have no value by query (PEER) or are mere bounds are left out; those without better and
    worse (the same-language share) have no marks and no counts.

    Args:
        setting: default: the first one.
        query_language: default: the mean over all.
        corpus_language: likewise.

    Raises:
        ComparisonError: nothing of that name was compared, no metric is defined for all systems, or the comparison
            is over several data sets.
        MissingExtraError: ranx is not installed.
    """
    setting = setting or comparison.settings[0]
    if len(comparison.scores) != 1:
        raise ComparisonError(f"a ranx report is of one data set, not of {comparison.dataset}; compare each alone")
    whole = comparison.scores[0]
    of_setting = [task for task in whole.tasks if task.key[0] == setting]
    tasks = [t for t in of_setting if query_language in (None, t.key[1]) and corpus_language in (None, t.key[2])]
    if not tasks:
        raise ComparisonError(f"{setting}:{query_language or '*'} was not compared; there is: {comparison.settings}")
    # one language or pair keeps its family; a mean over some is a mean of its own
    single = len(tasks) == 1 < len(of_setting)
    aligned = replace(whole, tasks=tuple(of_setting if single else tasks))
    languages = tasks[0].key[1:] if single else (MEAN, MEAN)
    metrics = [
        metric
        for metric in comparison.metrics
        if not metric.startswith(_LEFT_OUT)
        and all(metric in task.values and not np.isnan(task.values[metric]).any() for task in tasks)
    ]
    if not metrics:
        raise ComparisonError(f"no metric of {setting} is defined for every query of every system")
    names = whole.names
    asked = Asked(comparison.test, comparison.correction, comparison.seed, comparison.draws)
    base = names.index(comparison.baseline)
    order = [base, *(system for system in range(len(names)) if system != base)]
    means: dict[str, dict[str, float]] = {name: {} for name in names}
    tested: dict[tuple[str, str], dict[str, tuple[float | None, bool]]] = {}
    counts: dict[tuple[str, str], dict[str, tuple[int, int, int]]] = {}
    for place, system in enumerate(order[:-1] or order):
        for row in paired_rows([aligned], system, metrics, asked):
            if (row.query_language, row.corpus_language) != languages or row.value is None:
                continue
            means[row.name][row.metric] = row.value
            if names.index(row.name) in order[place + 1 :]:
                pair = names[system], row.name
                beyond = comparison.verdict(row) in ("better", "worse")
                tested.setdefault(pair, {})[row.metric] = row.p, beyond
                won, tied, lost = row.wins or 0, row.ties or 0, row.losses or 0
                counts.setdefault(pair[::-1], {})[row.metric] = won, tied, lost
                counts.setdefault(pair, {})[row.metric] = lost, tied, won
    return build_report(
        {name: {metric: own[metric] for metric in metrics} for name, own in means.items()},
        tested,
        counts,
        directions={metric: direction(metric) for metric in metrics},
        alpha=comparison.alpha,
        test=comparison.test,
    )
