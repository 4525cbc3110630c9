"""The table ``[analysis]`` of a study file: checked before anything is trained, so that a typo costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beir_hybrid.errors import StudyError, did_you_mean
from beir_hybrid.records import SETTINGS
from beir_hybrid.studies.analysis.factors import Factor, make_factor, value_label
from beir_hybrid.studies.analysis.formula import Formula, metric_name, parse_formula
from beir_hybrid.studies.analysis.language_groups import KINDS

_KEYS = ("baseline", "metrics", "settings", "fit", "group_by", "x", "draws")
_GROUPS = ("joshi", "seen")


@dataclass(frozen=True)
class AnalysisOptions:
    """How a study is analysed.

    Attributes:
        baseline: factor -> the value others are compared with, within equal values of all other factors.
        given_baseline: whether the study file names it; else it is the first value of the first factor that varies.
        metrics: those that have tables; empty: the usual ones that were measured.
        settings: those that are analysed.
        fits: what is fitted.
        group_by: how languages are grouped in text; the page and the CSV have every grouping.
        x: the factor on the horizontal axis of curves; None where nothing varies.
        draws: permutations and resamples of the tests.
    """

    baseline: Mapping[str, Any]
    given_baseline: bool
    metrics: tuple[str, ...]
    settings: tuple[str, ...]
    fits: tuple[Formula, ...]
    group_by: tuple[str, ...]
    x: str | None
    draws: int


def parse_options(analysis: Mapping[str, Any], factors: Mapping[str, Iterable[Any]]) -> AnalysisOptions:
    """Read ``[analysis]`` for a study of these factors (factor -> its values).

    Raises:
        StudyError: an unknown key, factor, value, metric, setting or term.
    """
    for key in analysis:
        if key not in _KEYS:
            raise StudyError(f"[analysis] has the unknown key {key!r}; {did_you_mean(key, _KEYS)}")
    known = [make_factor(name, values) for name, values in factors.items()]
    names = [factor.name for factor in known]
    varying = [factor for factor in known if factor.varies]
    given = analysis.get("baseline")
    baseline = _baseline(given, known) if given is not None else {f.name: f.values[0] for f in varying[:1]}
    fits = tuple(parse_formula(text, names) for text in _words(analysis.get("fit", ()), "fit", apart=False))
    for formula in fits:
        _refuse_logarithms(formula, known)
    x = analysis.get("x")
    if x is not None and x not in names:
        raise StudyError(f"[analysis] x is {x!r}, no factor of the study; {did_you_mean(str(x), names)}")
    numeric = [factor for factor in varying if factor.numeric]
    return AnalysisOptions(
        baseline=baseline,
        given_baseline=given is not None,
        metrics=tuple(metric_name(name, "metrics") for name in _words(analysis.get("metrics", ()), "metrics")),
        settings=_chosen(analysis.get("settings"), "settings", SETTINGS) or SETTINGS,
        fits=fits,
        group_by=_chosen(analysis.get("group_by"), "group_by", tuple(KINDS), {"resource": "joshi"}) or _GROUPS,
        x=x if x is not None else next((factor.name for factor in (*numeric, *varying)), None),
        draws=_draws(analysis.get("draws", 10_000)),
    )


def _baseline(given: Any, factors: Sequence[Factor]) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not given:
        raise StudyError(f"[analysis] baseline is {given!r}; expected a table, like {{alpha = 1.0}}")
    by_name = {factor.name: factor for factor in factors}
    for name, value in given.items():
        if name not in by_name:
            raise StudyError(f"[analysis] baseline: unknown factor {name!r}; {did_you_mean(name, by_name)}")
        factor = by_name[name]
        if factor.place(value) is None:
            raise StudyError(
                f"[analysis] baseline: {name} = {value_label(value)} is not among the values of the factor; "
                f"{did_you_mean(value_label(value), factor.labels)}"
            )
    return {name: by_name[name].values[by_name[name].place(value) or 0] for name, value in given.items()}


def _refuse_logarithms(formula: Formula, factors: Sequence[Factor]) -> None:
    for variable in formula.variables:
        factor = next((each for each in factors if each.name == variable.name), None)
        if variable.transform != "log" or factor is None:
            continue
        if not factor.numeric or any(value <= 0 for value in factor.values):
            raise StudyError(
                f"[analysis] fit {formula.text!r}: {variable} needs numbers above 0; {factor.name} has "
                f"{', '.join(factor.labels)}"
            )


def _words(given: Any, key: str, *, apart: bool = True) -> tuple[str, ...]:
    """A text or a list of texts; ``apart``: a text may hold several, separated by commas."""
    words = given.split(",") if isinstance(given, str) and apart else [given] if isinstance(given, str) else given
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise StudyError(f"[analysis] {key} is {given!r}; expected text or a list of texts")
    return tuple(dict.fromkeys(word.strip() for word in words))


def _chosen(given: Any, key: str, known: tuple[str, ...], aliases: Mapping[str, str] | None = None) -> tuple[str, ...]:
    words = [(aliases or {}).get(word, word) for word in _words(given or (), key)]
    for word in words:
        if word not in known:
            raise StudyError(f"[analysis] {key}: unknown {word!r}; {did_you_mean(word, known)}")
    return tuple(name for name in known if name in words)


def _draws(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise StudyError(f"[analysis] draws is {given!r}; expected a whole number from 1, like 10000")
    return given
