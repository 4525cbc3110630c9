"""``map ~ alpha * joshi``: what is fitted, read from a line of the study file."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from beir_hybrid.errors import MetricError, MissingExtraError, StudyError, did_you_mean
from beir_hybrid.metrics.bias import BIAS_METRICS
from beir_hybrid.metrics.measures import DEFAULT_METRICS
from beir_hybrid.metrics.registered import asked_metrics
from beir_hybrid.records import SETTINGS

COVARIATES = ("joshi", "cc100", "seen", "script", "family", "setting", "training_languages", "pairs")
"""What can stand in a formula beside the factors of the study; the language ones are the query language's."""
OF_PASSAGES = tuple(f"passage_{name}" for name in ("joshi", "cc100", "seen", "script", "family"))
"""The same of the language of the passages, which is another one in the cross-lingual setting."""
AMOUNTS = ("cc100", "passage_cc100", "training_languages", "pairs")
"""Covariates that have a logarithm; classes have none, be they numbers."""
_OVERALL = ("peer", "epsilon_squared")
_MOST = 3


@dataclass(frozen=True)
class Variable:
    """A factor or covariate in a formula; ``transform`` is ``C`` (its values as categories), ``log`` or nothing."""

    name: str
    transform: str = ""

    def __str__(self) -> str:
        return f"{self.transform}({self.name})" if self.transform else self.name


@dataclass(frozen=True)
class Formula:
    """A metric and what it is explained by.

    Attributes:
        setting: the one it is fitted in; None: each by itself, or all at once where ``setting`` is a term.
        terms: main effects (one variable) and interactions (several), each once.
    """

    text: str
    metric: str
    setting: str | None
    terms: tuple[tuple[Variable, ...], ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        return tuple(dict.fromkeys(variable for term in self.terms for variable in term))

    @property
    def over_settings(self) -> bool:
        return any(variable.name == "setting" for variable in self.variables)


def parse_formula(text: str, factors: Collection[str]) -> Formula:
    """Read ``[setting:]metric ~ term + term`` as R does; ``C(a)`` takes numbers as categories.

    Raises:
        StudyError: it has another form, or names what is no factor of the study and no covariate.
        MissingExtraError: formulaic is not installed.
    """
    try:
        from formulaic import Formula as Parsed
        from formulaic.errors import FormulaicError
    except ImportError as error:
        raise MissingExtraError("a formula", "formulaic", "study") from error
    left, tilde, right = (part.strip() for part in text.partition("~"))
    if not tilde or not left or not right:
        raise StudyError(f'[analysis] fit is {text!r}; expected the form "map ~ alpha * joshi"')
    before, colon, after = left.partition(":")
    setting = before.strip() if colon else None
    if setting is not None and setting not in SETTINGS:
        raise StudyError(f"[analysis] fit {text!r}: unknown setting {setting!r}; {did_you_mean(setting, SETTINGS)}")
    metric = metric_name((after if colon else left).strip(), f"fit {text!r}")
    try:
        parsed = [[factor.expr for factor in term.factors] for term in Parsed(right)]
    except (FormulaicError, AttributeError):  # which it has for formulas of several parts
        raise _unreadable(text, right) from None
    terms = [tuple(_variable(word, text, factors) for word in term) for term in parsed if term != ["1"]]
    if not terms:
        raise StudyError(f"[analysis] fit {text!r} names nothing to explain {metric} by")
    if (most := max(map(len, terms))) > _MOST:
        raise StudyError(f"[analysis] fit {text!r}: an interaction of {most}; at most {_MOST} can be read")
    return Formula(" ".join(text.split()), metric, setting, tuple(terms))


def metric_name(name: str, where: str) -> str:
    """Our name of a metric; ``where`` is the place of the study file.

    Raises:
        StudyError: there is no such metric.
    """
    known = (*BIAS_METRICS, *_OVERALL)
    if name in known:
        return name
    try:
        (metric,) = asked_metrics([name])
    except MetricError as error:
        hint = did_you_mean(name, (*DEFAULT_METRICS, *known))
        raise StudyError(f"[analysis] {where}: unknown metric {name!r}; {hint}") from error
    return str(metric)


def _variable(word: str, text: str, factors: Collection[str]) -> Variable:
    match = re.fullmatch(r"(?:(C|log)\((\w+)\)|(\w+))", word)
    if match is None:
        raise _unreadable(text, word)
    name = match[2] or match[3]
    known = (*factors, *COVARIATES, *OF_PASSAGES)
    if name not in known:
        raise StudyError(f"[analysis] fit {text!r}: unknown term {name!r}; {did_you_mean(name, known)}")
    return Variable(name, match[1] or "")


def _unreadable(text: str, part: str) -> StudyError:
    return StudyError(
        f"[analysis] fit {text!r}: cannot read {part!r}; terms are names, C(name) or log(name), joined by + * and :"
    )
