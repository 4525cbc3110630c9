"""What a comparison says: one row for each system, task and metric, and the macro means."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from beir_hybrid.comparison.align import Aligned
from beir_hybrid.evaluation.scores import mean_or_none
from beir_hybrid.metrics.bias import direction

MEAN = "mean"
"""The query and corpus language of macro rows: the mean over languages, or over ordered pairs (cross). The data set
of the rows that are the mean over several data sets."""


Verdict: TypeAlias = Literal["better", "worse", "differs"]
"""``differs``: of a metric that has no better and worse."""


@dataclass(frozen=True)
class Row:
    """One system on one task and metric, against the baseline.

    Attributes:
        query_language, corpus_language: of the task; both ``"mean"`` in macro rows.
        value: the mean over the queries; None where the metric is not defined for this ranking.
        delta: mean difference to the baseline over the queries both are defined for; None in the baseline's rows.
        ci_low, ci_high: 95 % bootstrap interval of ``delta``; in the baseline's own rows of ``value``. None with
            fewer than three question groups.
        p, p_corrected: of the test, two-sided, and corrected for the tests of its family. None where the test says
            nothing: of one group (Student), of a macro mean (Wilcoxon, which ranks single differences).
        wins, ties, losses: queries on which the system is better, equal, worse than the baseline. None where a
            metric has no better and worse (the same-language share), or no value by query.
        queries: over how many queries the row speaks; in macro rows their sum over the tasks.
        at_least: whether ``value`` is a lower bound, of a metric whose cutoff is deeper than the rankings; ``delta``
            is then the difference of what stands within them.
        effect: standardised mean difference (Cohen's d_z): mean over standard deviation of the differences by
            group; None where all are alike.
    """

    name: str
    dataset: str
    setting: str
    query_language: str
    corpus_language: str
    metric: str
    value: float | None
    delta: float | None
    ci_low: float | None
    ci_high: float | None
    p: float | None
    p_corrected: float | None
    wins: int | None
    ties: int | None
    losses: int | None
    queries: int
    effect: float | None
    at_least: bool

    @property
    def is_mean(self) -> bool:
        return self.query_language == MEAN

    def to_json(self) -> dict[str, Any]:
        """Every column by its name, unrounded."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(each.name for each in fields(Row))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Systems against a baseline; ``rows`` are ordered by setting (macro means first), metric and system.

    Attributes:
        names: the systems, in the order they were given.
        dataset, split: joined by `` + `` where there are several.
        metrics, settings: what is compared.
        correction: the one that was applied: ``none`` for Tukey's test, which needs none.
        intersect: whether tasks and queries that not all systems have were left out.
        scores: the aligned per-query scores everything here derives from, by data set.
    """

    baseline: str
    test: str
    correction: str
    alpha: float
    rows: tuple[Row, ...]
    dataset: str
    split: str
    names: tuple[str, ...]
    metrics: tuple[str, ...]
    settings: tuple[str, ...]
    seed: int
    draws: int
    intersect: bool
    scores: tuple[Aligned, ...]

    @property
    def datasets(self) -> tuple[str, ...]:
        """The data sets, and `MEAN` after several."""
        return tuple(dict.fromkeys(row.dataset for row in self.rows))

    def parts(self) -> tuple[Comparison, ...]:
        """A comparison of each data set; rows that are the mean over several are in none."""
        return tuple(
            replace(
                self, dataset=each.dataset, split=each.split, scores=(each,), settings=each.settings,
                metrics=tuple(metric for metric in self.metrics if metric in each.metrics),
                rows=tuple(row for row in self.rows if row.dataset == each.dataset),
            )
            for each in self.scores
        )  # fmt: skip

    def __repr__(self) -> str:
        """The table that the command prints."""
        from beir_hybrid.comparison.render import render

        return render(self, "table").rstrip("\n")

    def to_json(self) -> dict[str, Any]:
        """What was asked for and every row; None where a value does not exist, never NaN."""
        asked = (
            "dataset", "split", "baseline", "test", "correction", "alpha", "seed", "draws", "intersect", "settings",
            "metrics",
        )  # fmt: skip
        return {
            "version": importlib.metadata.version("beir-hybrid"),
            **{name: getattr(self, name) for name in asked},
            "rows": [row.to_json() for row in self.rows],
        }

    def select(
        self,
        setting: str | None = None,
        metric: str | None = None,
        name: str | None = None,
        query_language: str | None = None,
        corpus_language: str | None = None,
        dataset: str | None = None,
    ) -> Sequence[Row]:
        """The rows that match what is named."""
        wanted = {
            "setting": setting, "metric": metric, "name": name,
            "query_language": query_language, "corpus_language": corpus_language, "dataset": dataset,
        }  # fmt: skip
        named = {key: value for key, value in wanted.items() if value is not None}
        return [row for row in self.rows if all(getattr(row, key) == value for key, value in named.items())]

    def is_significant(self, row: Row) -> bool:
        """Whether the corrected p value is at most alpha."""
        return row.p_corrected is not None and row.p_corrected <= self.alpha

    def verdict(self, row: Row) -> Verdict | None:
        """What can be said of a row beyond chance: the one source of every mark, in every output."""
        return self.leaning(row) if row.delta and self.is_significant(row) else None

    def least_distance(self, row: Row) -> float | None:
        """What a rank distance that is not known is at least: the mean of its bounds; None of every other row."""
        if row.metric != "rank_distance" or row.value is not None:
            return None
        of_datasets = []
        for each in self.scores:
            bounds = [
                task.values["rank_distance_bound"][self.names.index(row.name)]
                for task in each.tasks
                if "rank_distance_bound" in task.values
                if row.is_mean or task.key[1:] == (row.query_language, row.corpus_language)
            ]
            if row.dataset in (MEAN, each.dataset):
                known = [own[~np.isnan(own)] for own in bounds]
                of_datasets.append(mean_or_none(float(own.mean()) if len(own) else None for own in known))
        return mean_or_none(of_datasets)

    @staticmethod
    def leaning(row: Row) -> Verdict:
        """The way a difference points, be it chance or not."""
        better = (row.delta or 0.0) * direction(row.metric)
        return "better" if better > 0 else "worse" if better < 0 else "differs"

    def to_ranx_report(
        self, setting: str | None = None, query_language: str | None = None, corpus_language: str | None = None
    ) -> Any:
        """The ``ranx.Report`` of a setting; see `beir_hybrid.comparison.ranx_report.to_ranx_report`."""
        from beir_hybrid.comparison.ranx_report import to_ranx_report

        return to_ranx_report(self, setting, query_language, corpus_language)

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from beir_hybrid.evaluation.results import data_frame

        return data_frame([vars(row) for row in self.rows], COLUMNS)
