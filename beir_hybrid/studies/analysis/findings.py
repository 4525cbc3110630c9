"""Everything the analysis of a study makes, once: what tables, files and the page are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from beir_hybrid.studies.analysis.cautions import budget_words, cautions
from beir_hybrid.studies.analysis.curves import curves
from beir_hybrid.studies.analysis.fits import Fit, fits
from beir_hybrid.studies.analysis.means import group_means, means
from beir_hybrid.studies.analysis.measured import Measured, read_measured, value_label
from beir_hybrid.studies.analysis.options import AnalysisOptions, parse_options
from beir_hybrid.studies.analysis.paired import baselines, by_rival, paired_tests
from beir_hybrid.studies.analysis.wording import sentences
from beir_hybrid.studies.outcome import StudyOutcome

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Findings:
    """The analysis of a study; `means`, `tests`, `groups` and `curves` are tables of the functions that make them."""

    measured: Measured
    options: AnalysisOptions
    means: pd.DataFrame
    tests: pd.DataFrame
    untested: tuple[str, ...]
    groups: pd.DataFrame
    fits: tuple[Fit, ...]
    curves: pd.DataFrame

    @property
    def outcome(self) -> StudyOutcome:
        return self.measured.outcome

    @property
    def title(self) -> str:
        return self.outcome.title or self.outcome.name

    @property
    def heads(self) -> list[str]:
        """The factors that tables have a column of."""
        return [factor.name for factor in self.measured.factors if factor.varies] or ["cells"]

    @cached_property
    def sentences(self) -> dict[str, list[str]]:
        """What the fits say, by formula."""
        found: dict[str, list[str]] = {}
        for fit in self.fits:
            found.setdefault(fit.formula.text, []).extend(sentences(fit))
        return found

    @cached_property
    def cautions(self) -> list[str]:
        return cautions(self.measured, self.means, self.groups, self.fits)

    @property
    def budget(self) -> str:
        return budget_words(self.outcome)

    @property
    def counts(self) -> str:
        """``14 of 15 cells done``, and what the others are."""
        statuses = [cell.status for cell in self.outcome.cells]
        others = [f"{statuses.count(each)} {each}" for each in ("failed", "missing") if each in statuses]
        return ", ".join([f"{statuses.count('done')} of {len(statuses)} cells done", *others])

    @property
    def compared(self) -> str:
        """What the tests compare, in one sentence; empty where there is nothing to compare."""
        baseline, factors = self.options.baseline, {factor.name: factor for factor in self.measured.factors}
        if self.tests.empty:
            return ""
        named = ", ".join(f"{name}={value_label(value)}" for name, value in baseline.items())
        others = [name for name, factor in factors.items() if factor.varies and name not in baseline]
        within = f", within equal {' and '.join(others)}" if others else ""
        chosen = "" if self.options.given_baseline else " (the study file names none: this is its first value)"
        return (
            f"Baseline: {named}{chosen}{within}. Paired permutation test by question group, "
            f"{self.options.draws:,} draws, over queries averaged over the seeds; Holm correction over the settings "
            "and combinations of a metric."
        )


def analyse(outcome: StudyOutcome) -> Findings:
    """Read, average, test, group and fit the results of a study.

    Raises:
        StudyError: the table ``[analysis]`` of the study names what is unknown.
        MissingExtraError: there is something to fit, and formulaic is not installed.
    """
    measured = read_measured(outcome)
    options = parse_options(outcome.analysis, {factor.name: factor.values for factor in measured.factors})
    found, groups = means(measured), group_means(measured, options, by_rival(baselines(measured, options)))
    tests, untested = paired_tests(measured, options)
    return Findings(
        measured=measured,
        options=options,
        means=found,
        tests=tests,
        untested=tuple(untested),
        groups=groups,
        fits=tuple(fits(measured, options)),
        curves=curves(measured, options, found, groups),
    )
