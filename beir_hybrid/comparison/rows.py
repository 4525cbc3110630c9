"""What a comparison says: one row for each system, task and metric, and the macro means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from beir_hybrid.comparison.align import Aligned

MEAN = "mean"
"""The query and corpus language of macro rows: the mean over languages, or over ordered pairs (cross)."""


@dataclass(frozen=True)
class Row:
    """One system on one task and metric, against the baseline.

    Attributes:
        query_language, corpus_language: of the task; both ``"mean"`` in macro rows.
        value: the mean over the queries; None where the metric is not defined for this ranking.
        delta: mean difference to the baseline over the queries both are defined for; None in the baseline's rows.
        ci_low, ci_high: 95 % bootstrap interval of ``delta``; in the baseline's own rows of ``value``.
        p, p_corrected: of the test, two-sided, and corrected for the tests of its family.
        wins, ties, losses: queries on which the system is better, equal, worse than the baseline. None where a
            metric has no better and worse (the same-language share), or no value by query.
        queries: over how many queries the row speaks; in macro rows their sum over the tasks.
        effect: standardised mean difference (Cohen's d_z): mean over standard deviation of the differences by
            group. Not in the JSON.
    """

    name: str
    dataset: str
    setting: str
    query_language: str
    corpus_language: str
    metric: str
    value: float | None
    delta: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    p_corrected: float | None = None
    wins: int | None = None
    ties: int | None = None
    losses: int | None = None
    queries: int = 0
    effect: float | None = None

    @property
    def is_mean(self) -> bool:
        return self.query_language == MEAN

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(each.name for each in fields(Row) if each.name != "effect")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Systems against a baseline; ``rows`` are ordered by setting (macro means first), metric and system.

    Attributes:
        names: the systems, in the order they were given.
        metrics, settings: what is compared.
        scores: the aligned per-query scores everything here derives from.
    """

    baseline: str
    test: str
    correction: str
    alpha: float
    rows: tuple[Row, ...]
    dataset: str = ""
    split: str = ""
    names: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    seed: int = 0
    draws: int = 0
    scores: Aligned | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """``{"baseline", "test", "correction", "rows"}``; None where a value does not exist, never NaN."""
        return {
            "baseline": self.baseline,
            "test": self.test,
            "correction": self.correction,
            "rows": [row.to_json() for row in self.rows],
        }

    def select(
        self,
        setting: str | None = None,
        metric: str | None = None,
        name: str | None = None,
        query_language: str | None = None,
        corpus_language: str | None = None,
    ) -> Sequence[Row]:
        """The rows that match what is named."""
        wanted = {
            "setting": setting, "metric": metric, "name": name,
            "query_language": query_language, "corpus_language": corpus_language,
        }  # fmt: skip
        named = {key: value for key, value in wanted.items() if value is not None}
        return [row for row in self.rows if all(getattr(row, key) == value for key, value in named.items())]

    def is_significant(self, row: Row) -> bool:
        """Whether the corrected p value is at most alpha."""
        return row.p_corrected is not None and row.p_corrected <= self.alpha

    def to_ranx_report(
        self, setting: str | None = None, query_language: str | None = None, corpus_language: str | None = None
    ) -> Any:
        """The ``ranx.Report`` of a setting; see `beir_hybrid.comparison.ranx_report.to_ranx_report`."""
        from beir_hybrid.comparison.ranx_report import to_ranx_report

        return to_ranx_report(self, setting, query_language, corpus_language)

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame, with the effect size as its last column.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from beir_hybrid.evaluation.interop import data_frame

        return data_frame([vars(row) for row in self.rows], [*COLUMNS, "effect"])
