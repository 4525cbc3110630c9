"""What a study's formulas say: fitted for each data set and setting, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from beir_hybrid.comparison.sample import same
from beir_hybrid.records import POOL, ScoreArray
from beir_hybrid.studies.analysis.design import Column, Part, build_design
from beir_hybrid.studies.analysis.formula import Formula
from beir_hybrid.studies.analysis.measured import Measured
from beir_hybrid.studies.analysis.mixed import Fitted, fit_mixed
from beir_hybrid.studies.analysis.options import AnalysisOptions
from beir_hybrid.studies.analysis.paired import LEVEL

if TYPE_CHECKING:
    import pandas as pd

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


@dataclass(frozen=True, eq=False)
class Fit:
    """A formula fitted to one data set, in one setting or all.

    Attributes:
        fitted: whether it could be fitted; ``notes`` say why not.
        notes: what was left out, and how it was fitted where that is not as usual.
        values, models, languages: how many values of the metric, trained models and query languages there were.
        estimates: of every effect.
        random: standard deviation of each random effect, and the residual's.
        bent: the variables whose effect is no straight line, with the p value of that.
    """

    formula: Formula
    dataset: str
    setting: str
    fitted: bool
    notes: tuple[str, ...]
    values: int = 0
    models: int = 0
    languages: int = 0
    estimates: tuple[Estimate, ...] = ()
    random: Mapping[str, float] = field(default_factory=dict)
    bent: Mapping[str, float] = field(default_factory=dict)


def fits(measured: Measured, options: AnalysisOptions) -> list[Fit]:
    """Every formula, in every data set and setting it can be fitted in."""
    found = []
    for formula in options.fits:
        for dataset in measured.datasets:
            settings = [s for s in measured.settings(dataset) if formula.setting in (None, s)]
            settings = [s for s in settings if formula.metric in measured.metrics(dataset, s)]
            groups = [settings] if formula.over_settings and settings else [[setting] for setting in settings]
            found += [_fit(measured, options, formula, dataset, group) for group in groups]
            if not groups:
                why = f"{formula.metric} was not measured" + (f" in {formula.setting}" if formula.setting else "")
                found.append(Fit(formula, dataset, formula.setting or "", False, (why,)))
    return found


def _fit(measured: Measured, options: AnalysisOptions, formula: Formula, dataset: str, settings: Sequence[str]) -> Fit:
    rows, notes = _observations(measured, formula, dataset, settings)
    counts = (len(rows), rows.run.nunique(), rows.query_language.nunique())

    def without(*why: str) -> Fit:
        return Fit(formula, dataset, "+".join(settings), False, (*notes, *why), *counts)

    if rows.empty:
        return without()
    y = rows.value.to_numpy()
    design, dropped = build_design(formula, measured, rows, options.baseline)
    notes += dropped
    if all(column.added or not column.parts for column in design):
        return without("no term of it varies in what was measured")
    if same(y) or len(y) <= len(design):
        return without(f"{len(y)} values that {'do not differ' if same(y) else 'are too few for its terms'}")
    matrix = np.stack([column.values for column in design], axis=1)
    effects = _random_effects(rows, design)
    fitted = fit_mixed(y, matrix, effects)
    if fitted is None and "trained model" in effects:
        fitted = fit_mixed(y, matrix, {name: each for name, each in effects.items() if name != "trained model"})
        if fitted is not None:
            notes.append("with a random effect of the trained model it did not converge: fitted without")
    if fitted is None:
        return without("no mixed model of it converged")
    estimates = tuple(_estimates(design, fitted, *counts))
    bent = _bends(rows.run.to_numpy(), y - matrix @ fitted.estimates, design)
    return Fit(
        formula, dataset, "+".join(settings), True, tuple(notes), *counts, estimates, fitted.deviations, bent
    )  # fmt: skip


def _observations(
    measured: Measured, formula: Formula, dataset: str, settings: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """The scores of which every variable is known, and what was left out."""
    found = measured.scores[measured.scores.common & (measured.scores.metric == formula.metric)]
    found = found[(found.dataset == dataset) & found.setting.isin(settings)].sort_values(
        ["run", "setting"], kind="stable"
    )
    undefined = int(found.value.isna().sum())
    found, notes = found[found.value.notna()], []
    known = np.ones(len(found), dtype=bool)
    for variable in formula.variables:
        own = np.array([value is not None for value in measured.column(variable.name, found)], dtype=bool)
        if not own.all():
            notes.append(f"{(~own).sum()} values left out, for which {variable} is not known")
        known &= own
    found = found[known]
    if undefined:
        notes.append(f"{undefined} values left out: {formula.metric} is not defined for them")
    of_passages = any(variable.name.startswith("passage_") for variable in formula.variables)
    if "cross" in settings and len(found) > _MANY and not of_passages:
        keys = ["run", "setting", "query_language"]
        mean = found.groupby(keys).value.transform("mean")
        found = found.assign(value=mean, corpus_language=POOL).drop_duplicates(keys)
        notes.append("the pairs of a query language were averaged first")
    return found, notes


def _random_effects(rows: pd.DataFrame, design: Sequence[Column]) -> dict[str, ScoreArray]:
    """What is drawn: a shift for each language, pair and trained model, and slopes by language of what varies by model.

    The languages at hand stand for others, and no effect is the same in all of them: without slopes that differ from
    language to language by chance, every value would count as a language of its own (Barr et al. 2013, random slopes).
    """
    queries = rows.query_language
    passages = rows.corpus_language.where(rows.setting == "cross", POOL)
    crossed = passages.nunique() > 1
    groups = {"query language": queries}
    if crossed:
        groups["passage language"] = passages
        if len(rows) <= _MANY:
            groups["language pair"] = queries + "-" + passages
    if rows.setting.nunique() > 1:
        groups["query language in a setting"] = queries + ":" + rows.setting.astype(str)
    levels = {name: _indicators(labels) for name, labels in {**groups, "trained model": rows.run}.items()}
    # as many levels as values, or one: not told apart from the residual, or from the intercept
    found = {name: each for name, each in levels.items() if 1 < each.shape[1] < len(rows)}
    for variable, parts in _sloped(design).items():
        for language in ("query language", "passage language")[: 1 + crossed]:
            indicators = levels[language]
            if indicators.shape[1] > 1:
                found[f"{variable} by {language}"] = np.hstack([indicators * part.values[:, None] for part in parts])
    return found


def _indicators(labels: pd.Series) -> ScoreArray:
    found: ScoreArray = np.eye(labels.nunique())[labels.factorize()[0]]
    return found


def _sloped(design: Sequence[Column]) -> dict[str, list[Part]]:
    """The variables of the formula that belong to the models, and not to the languages, with their parts."""
    found: dict[str, dict[str, Part]] = {}
    for part in (part for column in design if not column.added for part in column.parts):
        if part.per_model and not part.per_language:
            found.setdefault(str(part.variable), {}).setdefault(part.name, part)
    return {variable: list(parts.values()) for variable, parts in found.items()}


def _estimates(design: Sequence[Column], fitted: Fitted, values: int, models: int, languages: int) -> list[Estimate]:
    from scipy import stats

    of_models = sum(column.by_model and not column.by_language for column in design[1:])
    of_languages = sum(column.by_language and not column.by_model for column in design[1:])
    found = []
    for column, value, error in zip(design, fitted.estimates.tolist(), fitted.errors.tolist(), strict=True):
        # an effect is as sure as there are models, or languages, to see it in: not as there are values
        freedom = values - len(design)
        if column.by_model or not column.parts:
            freedom = min(freedom, models - 1 - of_models)
        # whatever the formula names is measured in every language, or is another effect in each
        if not column.added:
            freedom = min(freedom, languages - 1 - of_languages)
        if freedom < 1:
            found.append(Estimate(column, value, None, None, None, max(freedom, 0)))
            continue
        half = float(stats.t.ppf(0.975, freedom)) * error
        p = float(2 * stats.t.sf(abs(value / error), freedom))
        found.append(Estimate(column, value, value - half, value + half, p, freedom))
    return found


def _bends(models: ScoreArray, rest: ScoreArray, design: Sequence[Column]) -> dict[str, float]:
    """The numbers whose effect is no straight line, with p: what a fit leaves of the models differs by their value."""
    import pandas as pd
    from scipy import stats

    _, begins = np.unique(models, return_index=True)
    left = pd.Series(rest).groupby(models).mean()
    fixed = sum(column.by_model and not column.by_language for column in design[1:])
    found = {}
    for part in {part.name: part for column in design for part in column.parts if part.per_model}.values():
        levels = left.groupby(part.values[begins])
        between, within = len(levels) - 2, len(left) - len(levels) - (fixed - 1)
        explained = float((levels.transform("mean") ** 2).sum())
        remaining = float((left**2).sum()) - explained
        if between < 1 or within < 1 or remaining <= 0:
            continue
        p = float(stats.f.sf(explained / between / (remaining / within), between, within))
        if p < LEVEL:
            found[str(part.variable)] = p
    return found
