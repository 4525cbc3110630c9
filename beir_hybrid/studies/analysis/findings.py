"""Everything the analysis of a study makes, once: what tables, files and the page are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from beir_hybrid.studies.analysis.budget import budget_words
from beir_hybrid.studies.analysis.cautions import cautions
from beir_hybrid.studies.analysis.curves import Panel, panels
from beir_hybrid.studies.analysis.factors import Combination, Factor
from beir_hybrid.studies.analysis.fits import Fit, fits
from beir_hybrid.studies.analysis.groups import GroupMean, group_means
from beir_hybrid.studies.analysis.means import Mean, means
from beir_hybrid.studies.analysis.measurements import Measurements, read_measurements
from beir_hybrid.studies.analysis.options import AnalysisOptions, parse_options
from beir_hybrid.studies.analysis.paired import PairedTests, baselines, paired_tests
from beir_hybrid.studies.analysis.wording import sentences
from beir_hybrid.studies.outcome import StudyOutcome


@dataclass(frozen=True, eq=False)
class Findings:
    """The analysis of a study."""

    measured: Measurements
    options: AnalysisOptions
    means: tuple[Mean, ...]
    tests: PairedTests
    groups: tuple[GroupMean, ...]
    fits: tuple[Fit, ...]
    panels: tuple[Panel, ...]

    @property
    def outcome(self) -> StudyOutcome:
        return self.measured.outcome

    @property
    def title(self) -> str:
        return self.outcome.title or self.outcome.name

    @property
    def varying(self) -> tuple[Factor, ...]:
        """The factors that tables have a column of."""
        return tuple(factor for factor in self.measured.factors if factor.varies)

    def labels(self, combination: Combination) -> list[str]:
        """The values of the factors that vary; ``all`` where none does."""
        pairs = zip(self.measured.factors, combination, strict=True)
        return [factor.labels[place] for factor, place in pairs if factor.varies] or ["all"]

    @property
    def heads(self) -> list[str]:
        return [factor.name for factor in self.varying] or ["cells"]

    @cached_property
    def sentences(self) -> dict[str, tuple[str, ...]]:
        """What the fits say, by formula."""
        found: dict[str, tuple[str, ...]] = {}
        for fit in self.fits:
            found[fit.formula.text] = (*found.get(fit.formula.text, ()), *sentences(fit))
        return found

    @cached_property
    def cautions(self) -> tuple[str, ...]:
        return tuple(cautions(self.measured, self.means, self.groups, self.fits))

    @property
    def budget(self) -> str:
        return budget_words(self.outcome)

    @property
    def counts(self) -> str:
        """``14 of 15 cells done``, and what the others are."""
        cells = self.outcome.cells
        parts = [f"{sum(cell.status == 'done' for cell in cells)} of {len(cells)} cells done"]
        for status in ("failed", "missing"):
            count = sum(cell.status == status for cell in cells)
            if count:
                parts.append(f"{count} {status}")
        return ", ".join(parts)

    @property
    def compared(self) -> str:
        """What the tests compare, in one sentence; empty where there is nothing to compare."""
        baseline = self.options.baseline
        if not baseline or not self.tests.tests:
            return ""
        by_name = {factor.name: factor for factor in self.measured.factors}
        named = ", ".join(f"{name}={by_name[name].labels[by_name[name].place(v) or 0]}" for name, v in baseline.items())
        others = [factor.name for factor in self.varying if factor.name not in baseline]
        within = f", within equal {' and '.join(others)}" if others else ""
        chosen = "" if self.options.given_baseline else " (the study file names none: this is its first value)"
        return (
            f"Baseline: {named}{chosen}{within}. Paired permutation test by question group, "
            f"{self.options.draws:,} draws, over queries averaged over the seeds; Holm correction within a table."
        )


def analyse(outcome: StudyOutcome) -> Findings:
    """Read, average, test, group and fit the results of a study.

    Raises:
        StudyError: the table ``[analysis]`` of the study names what is unknown.
        MissingExtraError: there is something to fit, and statsmodels is not installed.
    """
    measured = read_measurements(outcome)
    options = parse_options(outcome.analysis, {factor.name: factor.values for factor in measured.factors})
    bases = {rival: base for base, rivals in baselines(measured, options).items() for rival in rivals}
    found = means(measured, options)
    groups = group_means(measured, options, bases)
    return Findings(
        measured=measured,
        options=options,
        means=tuple(found),
        tests=paired_tests(measured, options),
        groups=tuple(groups),
        fits=tuple(fits(measured, options)),
        panels=tuple(panels(measured, options, found, groups)),
    )
