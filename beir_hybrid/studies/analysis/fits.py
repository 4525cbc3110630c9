"""What a study's formulas say: fitted for each data set and setting, with intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from beir_hybrid.records import POOL, IntArray, ScoreArray
from beir_hybrid.studies.analysis.design import (
    Column,
    Design,
    Encoded,
    Observation,
    Part,
    build_design,
    value_of,
)
from beir_hybrid.studies.analysis.factors import Factor
from beir_hybrid.studies.analysis.formula import Formula
from beir_hybrid.studies.analysis.means import settings_of
from beir_hybrid.studies.analysis.measurements import Measurements
from beir_hybrid.studies.analysis.mixed import Fitted, fit_mixed
from beir_hybrid.studies.analysis.options import AnalysisOptions
from beir_hybrid.studies.analysis.paired import LEVEL

_MANY = 6000
"""With more values than this, the pairs of a query language are averaged first, or have no effect of their own."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """One effect.

    Attributes:
        column: what it is the effect of; a number's is that of one unit.
        low, high: 95 % interval; None, as p, where too few models or languages bear on it.
        freedom: degrees of freedom of its t distribution.
    """

    column: Column
    value: float
    low: float | None
    high: float | None
    p: float | None
    freedom: int

    @property
    def term(self) -> str:
        return self.column.name


@dataclass(frozen=True, eq=False)
class Fit:
    """A formula fitted to one data set, in one setting or all.

    Attributes:
        fitted: whether it could be fitted; ``notes`` say why not.
        random: standard deviation of each random effect, and the residual's.
        notes: what was left out, and how it was fitted where that is not as usual.
        bent: the variables whose effect is no straight line, with the p value of that.
        values, models, languages: how many values of the metric, trained models and query languages there were.
    """

    formula: Formula
    dataset: str
    setting: str
    fitted: bool
    estimates: tuple[Estimate, ...]
    random: Mapping[str, float]
    notes: tuple[str, ...]
    values: int
    models: int
    languages: int
    bent: Mapping[str, float] = field(default_factory=dict)


def fits(measured: Measurements, options: AnalysisOptions) -> list[Fit]:
    """Every formula, in every data set and setting it can be fitted in.

    Raises:
        MissingExtraError: there is something to fit, and statsmodels is not installed.
    """
    found = []
    for formula in options.fits:
        for dataset in measured.datasets:
            there = settings_of(measured, options, dataset)
            settings = [s for s in there if formula.setting in (None, s)]
            settings = [s for s in settings if formula.metric in measured.metrics(dataset, s)]
            groups = [tuple(settings)] if formula.over_settings and settings else [(setting,) for setting in settings]
            found += [_fit(measured, options, formula, dataset, group) for group in groups]
            if not groups:
                why = f"{formula.metric} was not measured" + (f" in {formula.setting}" if formula.setting else "")
                found.append(Fit(formula, dataset, formula.setting or "", False, (), {}, (why,), 0, 0, 0))
    return found


def _fit(
    measured: Measurements, options: AnalysisOptions, formula: Formula, dataset: str, settings: Sequence[str]
) -> Fit:
    factors = {factor.name: factor for factor in measured.factors}
    observations, notes = _observations(measured, formula, dataset, settings, factors)
    name = "+".join(settings)
    models = len({each.model for each in observations})
    languages = len({each.key[1] for each in observations})

    def without(*why: str) -> Fit:
        return Fit(formula, dataset, name, False, (), {}, (*notes, *why), len(observations), models, languages)

    if not observations:
        return without()
    y = np.array([each.value for each in observations])
    design = build_design(formula, observations, factors, options.baseline)
    notes += design.notes
    if all(column.added or not column.parts for column in design.columns):
        return without("no term of it varies in what was measured")
    if np.ptp(y) == 0 or len(y) <= len(design.columns):
        return without(f"{len(y)} values that {'do not differ' if np.ptp(y) == 0 else 'are too few for its terms'}")
    effects = _random_effects(observations, design)
    fitted = fit_mixed(y, design.matrix, effects)
    if fitted is None and "trained model" in effects:
        fitted = fit_mixed(y, design.matrix, {k: v for k, v in effects.items() if k != "trained model"})
        if fitted is not None:
            notes.append("with a random effect of the trained model it did not converge: fitted without")
    if fitted is None:
        return without("no mixed model of it converged")
    bends = _bends(observations, y, design, fitted)
    estimates = _estimates(design, fitted, len(y), models, languages)
    return Fit(
        formula, dataset, name, True, estimates, fitted.deviations, tuple(notes), len(y), models, languages,
        bends,
    )  # fmt: skip


def _observations(
    measured: Measurements, formula: Formula, dataset: str, settings: Sequence[str], factors: Mapping[str, Factor]
) -> tuple[list[Observation], list[str]]:
    found: list[Observation] = []
    undefined = 0
    unknown: dict[str, int] = {}
    for model, run in enumerate(run for run in measured.runs if dataset in run.results):
        for setting in settings:
            for key in measured.tasks(dataset, setting):
                if (key, formula.metric) not in run.values[dataset]:
                    continue
                value = run.values[dataset][key, formula.metric]
                if value is None:
                    undefined += 1
                    continue
                each = Observation(model, run, key, value)
                missing = [str(v) for v in formula.variables if value_of(v, each, factors) is None]
                for variable in missing:
                    unknown[variable] = unknown.get(variable, 0) + 1
                if not missing:
                    found.append(each)
    notes = [f"{count} values left out, for which {variable} is not known" for variable, count in unknown.items()]
    if undefined:
        notes.append(f"{undefined} values left out: {formula.metric} is not defined for them")
    of_passages = any(variable.name.startswith("passage_") for variable in formula.variables)
    if "cross" in settings and len(found) > _MANY and not of_passages:
        found = _over_passages(found)
        notes.append("the pairs of a query language were averaged first")
    return found, notes


def _over_passages(observations: Sequence[Observation]) -> list[Observation]:
    together: dict[tuple[int, str, str], list[Observation]] = {}
    for each in observations:
        together.setdefault((each.model, each.key[0], each.key[1]), []).append(each)
    return [
        Observation(model, own[0].run, (setting, query, POOL), sum(each.value for each in own) / len(own))
        for (model, setting, query), own in together.items()
    ]


def _random_effects(observations: Sequence[Observation], design: Design) -> dict[str, ScoreArray]:
    """What is drawn: a shift for each language, pair and trained model, and slopes by language of what varies by model.

    The languages at hand stand for others, and no effect is the same in all of them: without slopes that differ from
    language to language by chance, every value would count as a language of its own (Barr et al. 2013, random slopes).
    """
    queries = [each.key[1] for each in observations]
    passages = [each.key[2] if each.key[0] == "cross" else POOL for each in observations]
    settings = [each.key[0] for each in observations]
    found: dict[str, ScoreArray] = {}

    def add(name: str, labels: Sequence[object], weights: ScoreArray | None = None) -> None:
        indicators = _indicators(_codes(labels))
        # as many levels as values, or one: not told apart from the residual, or from the intercept
        if 1 < indicators.shape[1] < len(observations):
            found[name] = indicators if weights is None else indicators * weights[:, None]

    add("query language", queries)
    crossed = len(set(passages)) > 1
    if crossed:
        add("passage language", passages)
        if len(observations) <= _MANY:
            add("language pair", list(zip(queries, passages, strict=True)))
    if len(set(settings)) > 1:
        add("query language in a setting", list(zip(queries, settings, strict=True)))
    add("trained model", [each.model for each in observations])
    for encoded in _sloped(design):
        slopes = [("query language", queries), *([("passage language", passages)] if crossed else [])]
        for language, labels in slopes:
            indicators = _indicators(_codes(labels))
            parts = [indicators * encoded.columns[:, [at]] for at in range(encoded.columns.shape[1])]
            if indicators.shape[1] > 1:
                found[f"{encoded.variable} by {language}"] = np.hstack(parts)
    return found


def _sloped(design: Design) -> list[Encoded]:
    """The variables of the formula that belong to the models, and not to the languages."""
    found: dict[str, Encoded] = {}
    for column in design.columns:
        for part in column.parts:
            if part.encoded.per_model and not part.encoded.per_language and not column.added:
                found[str(part.encoded.variable)] = part.encoded
    return list(found.values())


def _estimates(design: Design, fitted: Fitted, values: int, models: int, languages: int) -> tuple[Estimate, ...]:
    from scipy import stats

    columns = design.columns
    of_models = sum(column.by_model and not column.by_language for column in columns[1:])
    of_languages = sum(column.by_language and not column.by_model for column in columns[1:])
    sloped = {str(encoded.variable) for encoded in _sloped(design)}
    found = []
    for column, value, error in zip(columns, fitted.estimates.tolist(), fitted.errors.tolist(), strict=True):
        # an effect is as sure as there are models, or languages, to see it in: not as there are values
        freedom = values - len(columns)
        if column.by_model or not column.parts:
            freedom = min(freedom, models - 1 - of_models)
        if not column.added and (
            column.by_language or not column.parts or any(_drawn(part, sloped) for part in column.parts)
        ):
            freedom = min(freedom, languages - 1 - of_languages)
        if freedom < 1 or not error > 0:
            found.append(Estimate(column, value, None, None, None, max(freedom, 0)))
            continue
        half = float(stats.t.ppf(0.975, freedom)) * error
        p = float(2 * stats.t.sf(abs(value / error), freedom))
        found.append(Estimate(column, value, value - half, value + half, p, freedom))
    return tuple(found)


def _drawn(part: Part, sloped: Collection[str]) -> bool:
    """Whether the effect of a part is another one in each language: settings are measured in every language."""
    variable = part.encoded.variable
    return variable.name == "setting" or str(variable) in sloped


def _bends(observations: Sequence[Observation], y: ScoreArray, design: Design, fitted: Fitted) -> dict[str, float]:
    """The numbers whose effect is no straight line, with p: what a fit leaves of the models differs by their value."""
    from scipy import stats

    models = np.array([each.model for each in observations])
    rest = y - design.matrix @ fitted.estimates
    kinds, place = np.unique(models, return_inverse=True)
    left = np.bincount(place, weights=rest) / np.bincount(place)
    fixed = sum(column.by_model and not column.by_language for column in design.columns[1:])
    found = {}
    numbers = {
        str(part.encoded.variable): part.encoded
        for column in design.columns
        for part in column.parts
        if part.encoded.numeric and part.encoded.per_model and not part.encoded.per_language
    }
    for name, encoded in numbers.items():
        own = encoded.columns[[int(np.flatnonzero(models == kind)[0]) for kind in kinds], 0]
        levels, level = np.unique(own, return_inverse=True)
        between, within = len(levels) - 2, len(kinds) - len(levels) - (fixed - 1)
        if between < 1 or within < 1:
            continue
        sums = np.bincount(level, weights=left)
        explained = float((sums**2 / np.bincount(level)).sum())
        remaining = float((left**2).sum()) - explained
        if remaining <= 0:
            continue
        p = float(stats.f.sf(explained / between / (remaining / within), between, within))
        if p < LEVEL:
            found[name] = p
    return found


def _codes(labels: Sequence[object]) -> IntArray:
    known = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    return np.array([known[label] for label in labels], dtype=np.int64)


def _indicators(codes: IntArray) -> ScoreArray:
    found: ScoreArray = np.eye(int(codes.max()) + 1)[codes]
    return found
