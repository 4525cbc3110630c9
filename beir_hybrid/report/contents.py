"""What a report is about: the systems of a comparison on a data set, and what was compared of them, no more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from beir_hybrid.comparison import Comparison
from beir_hybrid.comparison.align import Aligned
from beir_hybrid.comparison.rows import Row
from beir_hybrid.evaluation.results import Results, read_results
from beir_hybrid.evaluation.scores import Score
from beir_hybrid.published.leaderboard import Leaderboard, build_leaderboard
from beir_hybrid.records import POOL

_BOUND = "rank_distance_bound"


@dataclass(frozen=True, eq=False)
class Contents:
    """The systems of a comparison on one data set, in its order and under its names.

    Attributes:
        results: those of each system, cut to what was compared; ``results[i].name`` is ``comparison.names[i]``.
        data_dir: where the texts of the data set may be; None: the usual places.
    """

    comparison: Comparison
    results: tuple[Results, ...]
    data_dir: Path | str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.comparison.names

    @property
    def others(self) -> tuple[str, ...]:
        """All systems but the baseline."""
        return tuple(name for name in self.names if name != self.comparison.baseline)

    @property
    def aligned(self) -> Aligned:
        return self.comparison.scores[0]

    @property
    def whole(self) -> bool:
        """Whether nothing was left out of what was measured: then what has no row may be shown too."""
        return self.aligned.whole and set(self.comparison.metrics) == set(self.aligned.metrics)

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Those that something was asked in, or found in."""
        there = {lang for task in self.aligned.tasks for lang in task.key[1:]} - {POOL}
        pools = (
            {lang for each in self.results for lang in each.languages} if "multi" in self.aligned.settings else set()
        )
        return tuple(sorted(there | pools))

    @cached_property
    def board(self) -> Leaderboard:
        return build_leaderboard(
            self.comparison.dataset, self.results, split=self.comparison.split, settings=self.comparison.settings
        )

    @cached_property
    def by_language(self) -> dict[tuple[str, str, str, str], Row]:
        """Rows of mono and multi, and means, by (system, setting, metric, query language or ``mean``)."""
        return {
            (row.name, row.setting, row.metric, row.query_language): row
            for row in self.comparison.rows
            if row.setting != "cross" or row.is_mean
        }


def read_contents(comparison: Comparison, data_dir: Path | str | None = None) -> tuple[Contents, ...]:
    """The contents of the folders that were compared, by data set.

    Raises:
        ResultsError: a folder cannot be read.
    """
    found = []
    for part in comparison.parts():
        results = []
        for at, (folder, name) in enumerate(zip(part.scores[0].folders, part.names, strict=True)):
            own = read_results(folder)
            results.append(replace(own, name=name, scores=_scores(part, at, own)))
        found.append(Contents(part, tuple(results), data_dir))
    return tuple(found)


def _scores(comparison: Comparison, system: int, results: Results) -> list[Score]:
    """The scores of a system as they were compared: of the queries, settings and metrics that were."""
    rows = {
        (row.setting, row.query_language, row.corpus_language, row.metric): row
        for row in comparison.select(name=comparison.names[system])
    }
    found = []
    for score in results.scores:
        row = rows.get((score.setting, score.query_language, score.corpus_language, score.metric))
        if row is None:
            continue
        found.append(replace(score, value=row.value, queries=row.queries))
        if score.metric == "rank_distance" and _BOUND not in comparison.metrics:
            # where a distance is not known its bound is shown, asked for or not
            value = comparison.least_distance(row) if row.value is None else row.value
            found.append(replace(score, metric=_BOUND, value=value))
    return found
