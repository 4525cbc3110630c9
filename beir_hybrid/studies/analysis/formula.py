"""``map ~ alpha * joshi``: what is fitted, read from a line of the study file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations

from beir_hybrid.errors import StudyError, did_you_mean
from beir_hybrid.metrics.bias import BIAS_METRICS
from beir_hybrid.metrics.measures import DEFAULT_METRICS, parse_metric
from beir_hybrid.records import SETTINGS

COVARIATES = ("joshi", "cc100", "seen", "script", "family", "setting", "training_languages", "pairs")
"""What can stand in a formula beside the factors of the study; the language ones are the query language's."""
OF_PASSAGES = tuple(f"passage_{name}" for name in ("joshi", "cc100", "seen", "script", "family"))
"""The same of the language of the passages, which is another one in the cross-lingual setting."""
_ALIASES = {"resource": "joshi", "passage_resource": "passage_joshi", "joshi_class": "joshi"}
_OVERALL = ("peer", "epsilon_squared")
_TERM = re.compile(r"(?:(C|log)\(\s*([\w.-]+)\s*\)|([\w.-]+))")
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
    """Read ``[setting:]metric ~ term + term``; ``a * b`` is ``a + b + a:b``, ``C(a)`` takes numbers as categories.

    Raises:
        StudyError: it has another form, or names what is no factor of the study and no covariate.
    """
    left, tilde, right = text.partition("~")
    if not tilde or not left.strip() or not right.strip():
        raise StudyError(f'[analysis] fit is {text!r}; expected the form "map ~ alpha * joshi"')
    setting, metric = _response(left.strip(), text)
    terms: dict[tuple[Variable, ...], None] = {}
    for part in right.split("+"):
        if part.strip() == "1":  # the intercept is always there
            continue
        for term in _expanded(part, text, factors):
            terms.setdefault(term)
    if not terms:
        raise StudyError(f"[analysis] fit {text!r} names nothing to explain {metric} by")
    ordered = sorted(terms, key=len)
    return Formula(" ".join(text.split()), metric, setting, tuple(ordered))


def _response(left: str, text: str) -> tuple[str | None, str]:
    before, colon, after = left.partition(":")
    setting = before.strip() if colon else None
    if setting is not None and setting not in SETTINGS:
        raise StudyError(f"[analysis] fit {text!r}: unknown setting {setting!r}; {did_you_mean(setting, SETTINGS)}")
    return setting, metric_name((after if colon else left).strip(), f"fit {text!r}")


def metric_name(name: str, where: str) -> str:
    """Our name of a metric; ``where`` is the place of the study file.

    Raises:
        StudyError: there is no such metric.
    """
    from beir_hybrid.errors import MetricError

    known = (*BIAS_METRICS, *_OVERALL)
    if name in known:
        return name
    try:
        return str(parse_metric(name))
    except MetricError as error:
        hint = did_you_mean(name, (*DEFAULT_METRICS, *known))
        raise StudyError(f"[analysis] {where}: unknown metric {name!r}; {hint}") from error


def _expanded(part: str, text: str, factors: Collection[str]) -> Iterator[tuple[Variable, ...]]:
    starred = [[_variable(name, text, factors) for name in group.split(":")] for group in part.split("*")]
    for size in range(1, len(starred) + 1):
        for chosen in combinations(starred, size):
            term = tuple(dict.fromkeys(variable for group in chosen for variable in group))
            if len(term) > _MOST:
                raise StudyError(f"[analysis] fit {text!r}: an interaction of {len(term)}; at most {_MOST} can be read")
            yield term


def _variable(word: str, text: str, factors: Collection[str]) -> Variable:
    match = _TERM.fullmatch(word.strip())
    if match is None:
        raise StudyError(
            f"[analysis] fit {text!r}: cannot read {word.strip()!r}; terms are names, C(name) or log(name), "
            "joined by + * and :"
        )
    name = match[2] or match[3]
    if name not in factors:
        name = _ALIASES.get(name, name)
    known = (*factors, *COVARIATES, *OF_PASSAGES)
    if name not in known:
        raise StudyError(f"[analysis] fit {text!r}: unknown term {name!r}; {did_you_mean(name, known)}")
    return Variable(name, match[1] or "")
