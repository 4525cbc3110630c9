"""The table ``[analysis]`` of a study file: checked before anything is trained, so that a typo costs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beir_hybrid.errors import StudyError, did_you_mean
from beir_hybrid.studies.analysis.formula import AMOUNTS, Formula, metric_name, parse_formula
from beir_hybrid.studies.analysis.language_groups import KINDS
from beir_hybrid.studies.analysis.measured import Factor, value_label

_KEYS = ("baseline", "metrics", "fit", "group_by", "x", "draws")
_GROUPS = ("joshi", "seen")


@dataclass(frozen=True)
class AnalysisOptions:
    """How a study is analysed.

    Attributes:
        baseline: factor -> the value others are compared with, within equal values of all other factors.
        given_baseline: whether the study file names it; else it is the first value of the first factor that varies.
        metrics: those that have tables; empty: the usual ones that were measured.
        fits: what is fitted.
        group_by: how languages are grouped in text; the page and the CSV have every grouping.
        x: the factor on the horizontal axis of curves; None where nothing varies.
        draws: permutations and resamples of the tests.
    """

    baseline: Mapping[str, Any]
    given_baseline: bool
    metrics: tuple[str, ...]
    fits: tuple[Formula, ...]
    group_by: tuple[str, ...]
    x: str | None
    draws: int


def parse_options(analysis: Mapping[str, Any], factors: Mapping[str, Iterable[Any]]) -> AnalysisOptions:
    """Read ``[analysis]`` for a study of these factors (factor -> its values).

    Raises:
        StudyError: an unknown key, factor, value, metric or term.
        MissingExtraError: there are formulas, and what reads them is not installed.
    """
    for key in analysis:
        if key not in _KEYS:
            raise StudyError(f"[analysis] has the unknown key {key!r}; {did_you_mean(key, _KEYS)}")
    known = {name: Factor(name, tuple(values)) for name, values in factors.items()}
    varying = [factor for factor in known.values() if factor.varies]
    given, x, draws = (
        analysis.get(key, default) for key, default in (("baseline", None), ("x", None), ("draws", 10_000))
    )
    if x is not None and x not in list(known):
        raise StudyError(f"[analysis] x is {x!r}, no factor of the study; {did_you_mean(str(x), known)}")
    if not isinstance(draws, int) or isinstance(draws, bool) or draws < 1:
        raise StudyError(f"[analysis] draws is {draws!r}; expected a whole number from 1, like 10000")
    groups = _words(analysis.get("group_by", _GROUPS), "group_by")
    for word in groups:
        if word not in KINDS:
            raise StudyError(f"[analysis] group_by: unknown {word!r}; {did_you_mean(word, KINDS)}")
    fits = analysis.get("fit", ())
    numeric = [factor for factor in varying if factor.numeric]
    return AnalysisOptions(
        baseline=_baseline(given, known) if given is not None else {f.name: f.values[0] for f in varying[:1]},
        given_baseline=given is not None,
        metrics=tuple(metric_name(name, "metrics") for name in _words(analysis.get("metrics", ()), "metrics")),
        fits=tuple(_formula(text, known) for text in _words([fits] if isinstance(fits, str) else fits, "fit")),
        group_by=tuple(name for name in KINDS if name in groups),
        x=x if x is not None else next((factor.name for factor in (*numeric, *varying)), None),
        draws=draws,
    )


def _baseline(given: Any, factors: Mapping[str, Factor]) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not given:
        raise StudyError(f"[analysis] baseline is {given!r}; expected a table, like {{alpha = 1.0}}")
    found = {}
    for name, value in given.items():
        if name not in factors:
            raise StudyError(f"[analysis] baseline: unknown factor {name!r}; {did_you_mean(name, factors)}")
        place = factors[name].place(value)
        if place is None:
            hint = did_you_mean(value_label(value), factors[name].labels)
            raise StudyError(
                f"[analysis] baseline: {name} = {value_label(value)} is not among the values of the factor; {hint}"
            )
        found[name] = factors[name].values[place]
    return found


def _formula(text: str, factors: Mapping[str, Factor]) -> Formula:
    found = parse_formula(text, factors)
    for variable in found.variables:
        factor = factors.get(variable.name)
        if variable.transform != "log":
            continue
        if factor is None and variable.name not in AMOUNTS:
            raise StudyError(f"[analysis] fit {text!r}: {variable} is of no amount; log takes {', '.join(AMOUNTS)}")
        if factor is not None and (not factor.numeric or any(value <= 0 for value in factor.values)):
            raise StudyError(
                f"[analysis] fit {text!r}: {variable} needs numbers above 0; {factor.name} has "
                f"{', '.join(factor.labels)}"
            )
    return found


def _words(given: Any, key: str) -> Sequence[str]:
    """A text with commas, or a list of texts, each once."""
    words = given.split(",") if isinstance(given, str) else given
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise StudyError(f"[analysis] {key} is {given!r}; expected text or a list of texts")
    return tuple(dict.fromkeys(word.strip() for word in words))
