"""Each combination against its baseline, query by query: the project's own paired test, corrected within a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from beir_hybrid.comparison import Row, compare
from beir_hybrid.comparison.correction import correct
from beir_hybrid.errors import BeirHybridError
from beir_hybrid.evaluation.scores import mean_or_none
from beir_hybrid.studies.analysis.factors import Combination, combination_of
from beir_hybrid.studies.analysis.means import BIAS_COLUMNS, settings_of, tabled_metrics
from beir_hybrid.studies.analysis.measurements import Measurements
from beir_hybrid.studies.analysis.options import AnalysisOptions
from beir_hybrid.studies.analysis.seed_means import mean_scores
from beir_hybrid.studies.analysis.spread import Spread, spread_of

LEVEL = 0.05


@dataclass(frozen=True)
class PairedTest:
    """A combination against the baseline with equal values of all other factors.

    The scores of a query are means over the seeds both have; what is permuted and resampled are question groups.

    Attributes:
        row: the comparison's row, a macro mean or one query language; ``p_corrected`` is by Holm over the family:
            the macro means of one data set and metric in all settings, or the languages of one setting.
        over_seeds: the difference of each seed both have, and its spread: what another training may change.
    """

    dataset: str
    combination: Combination
    baseline: Combination
    row: Row
    over_seeds: Spread

    @property
    def seeds(self) -> int:
        return self.over_seeds.seeds

    @property
    def agreeing(self) -> int:
        """How many seeds have a difference of the same sign."""
        delta = self.row.delta or 0.0
        return sum(value is not None and value * delta > 0 for value in self.over_seeds.by_seed.values())

    @property
    def significant(self) -> bool:
        """Whether these models differ beyond chance, and in every seed alike."""
        return self.row.p_corrected is not None and self.row.p_corrected <= LEVEL and self.agreeing == self.seeds


@dataclass(frozen=True)
class PairedTests:
    """All tests, and why some could not be made."""

    tests: tuple[PairedTest, ...]
    notes: tuple[str, ...]

    def of(self, dataset: str, setting: str, metric: str, combination: Combination) -> PairedTest | None:
        """The test of a macro mean."""
        return self._means.get((dataset, setting, metric, combination))

    @cached_property
    def _means(self) -> Mapping[tuple[str, str, str, Combination], PairedTest]:
        return {
            (test.dataset, test.row.setting, test.row.metric, test.combination): test
            for test in self.tests
            if test.row.is_mean
        }


def paired_tests(measured: Measurements, options: AnalysisOptions) -> PairedTests:
    """Test every combination that has a baseline; what cannot be tested is a note."""
    notes: list[str] = []
    found: list[PairedTest] = []
    for dataset in measured.datasets:
        for base, rivals in baselines(measured, options).items():
            made, problems = _against(measured, options, dataset, base, rivals)
            found += made
            notes += problems
    return PairedTests(tuple(_corrected(found)), tuple(dict.fromkeys(notes)))


def baselines(measured: Measurements, options: AnalysisOptions) -> dict[Combination, list[Combination]]:
    """Each baseline with what is compared with it: the same values of all factors the baseline does not name."""
    places = combination_of(measured.factors, options.baseline)
    named = [factor.name in options.baseline for factor in measured.factors]
    found: dict[Combination, list[Combination]] = {}
    for combination in measured.combinations:
        base = tuple(b if is_named else c for b, c, is_named in zip(places, combination, named, strict=True))
        if base != combination:
            found.setdefault(base, []).append(combination)
    return found


def _against(
    measured: Measurements, options: AnalysisOptions, dataset: str, base: Combination, rivals: Sequence[Combination]
) -> tuple[list[PairedTest], list[str]]:
    settings = settings_of(measured, options, dataset)
    metrics = (*tabled_metrics(measured, options, dataset), *BIAS_COLUMNS)
    own = {run.seed: run.results[dataset].folder or Path() for run in measured.runs_of(base, dataset)}
    label = measured.label(base)
    notes = []
    by_seeds: dict[tuple[int, ...], list[Combination]] = {}
    for rival in rivals:
        theirs = {run.seed for run in measured.runs_of(rival, dataset)}
        seeds = tuple(sorted(own.keys() & theirs))
        if seeds:
            by_seeds.setdefault(seeds, []).append(rival)
        elif theirs:
            why = f"no seed in common with the baseline {label}" if own else f"its baseline {label} was not measured"
            notes.append(f"{dataset}, {measured.label(rival)}: not tested, {why}")
    found: list[PairedTest] = []
    for seeds, group in by_seeds.items():
        try:
            scores = [mean_scores([own[seed] for seed in seeds], label, metrics)]
            for rival in group:
                folders = {run.seed: run.results[dataset].folder or Path() for run in measured.runs_of(rival, dataset)}
                scores.append(mean_scores([folders[seed] for seed in seeds], measured.label(rival), metrics))
            comparison = compare(
                scores, baseline=label, settings=settings, intersect=True, correction="none", draws=options.draws
            )
        except BeirHybridError as error:
            notes.append(f"{dataset}, against {label}: not tested ({error})")
            continue
        by_label = {measured.label(rival): rival for rival in group}
        for row in comparison.rows:
            if row.name in by_label and row.delta is not None and (row.is_mean or row.setting != "cross"):
                rival = by_label[row.name]
                over_seeds = _over_seeds(measured, dataset, row, base, rival, seeds)
                found.append(PairedTest(dataset, rival, base, row, over_seeds))
    return found, notes


def _over_seeds(
    measured: Measurements, dataset: str, row: Row, base: Combination, rival: Combination, seeds: Sequence[int]
) -> Spread:
    """The difference of every seed, of the macro mean or of one language."""
    languages = (row.query_language, row.corpus_language)
    keys = [key for key in measured.tasks(dataset, row.setting) if row.is_mean or key[1:] == languages]

    def values(combination: Combination) -> dict[int, float | None]:
        return {
            run.seed: mean_or_none(run.values[dataset].get((key, row.metric)) for key in keys)
            for run in measured.runs_of(combination, dataset)
        }

    ours, theirs = values(base), values(rival)
    pairs = {seed: (ours[seed], theirs[seed]) for seed in seeds}
    return spread_of({seed: None if one is None or two is None else two - one for seed, (one, two) in pairs.items()})


def _corrected(tests: Sequence[PairedTest]) -> Iterator[PairedTest]:
    families: dict[tuple[str, str, str], list[int]] = {}
    for place, test in enumerate(tests):
        if test.row.p is not None:
            setting = "" if test.row.is_mean else test.row.setting
            families.setdefault((test.dataset, test.row.metric, setting), []).append(place)
    found = {
        place: p
        for places in families.values()
        for place, p in zip(
            places, correct([float(tests[at].row.p or 0.0) for at in places], "holm").tolist(), strict=True
        )
    }
    for place, test in enumerate(tests):
        yield replace(test, row=replace(test.row, p_corrected=found.get(place)))
