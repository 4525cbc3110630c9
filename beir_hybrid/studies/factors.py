"""What can vary in a study: every setting of `beir-hybrid train`, and factors that only studies have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from beir_hybrid.errors import StudyError, TrainingError, did_you_mean
from beir_hybrid.studies.encoders import encoder_settings
from beir_hybrid.studies.languages import ORDERS
from beir_hybrid.studies.study import Value
from beir_hybrid.training.config import option_fields, typed

REGIMES = ("mono", "cross", "hybrid")
SPECIALISATIONS = ("agnostic", "specific")
LOSSES = ("masked", "plain", "cached")
NOTHING = "none"
"""The value of `dapt` without pretraining."""
RETRIEVER_FACTORS = ("model", "query_prompt", "passage_prompt", "truncate_dim")
"""Factors of a study that trains nothing."""
RETRIEVER_OPTIONS = (
    "query_prompt", "passage_prompt", "similarity", "batch_size", "device", "memory", "truncate_dim", "precision",
)  # fmt: skip
"""What a table that describes a model may say beside its name."""

_ENGINES = ("out", "seed", "tokenizer")
_CONFLICTS = (
    ("regime", "sampling", "alpha", "schedule"),
    ("schedule", "alpha_end"),
    ("schedule", "alpha_schedule"),
    ("language_count", "language_set"),
    ("languages", "language_set"),
    ("encoder", "model", "from_scratch"),
    ("dapt", "pretrain_text"),
    ("steps", "epochs"),
)
"""Of each, only one may be a factor: they set the same thing."""


def training_factors() -> tuple[str, ...]:
    """Names of every factor of a study that trains, and of every key of its table ``[train]``."""
    return tuple(dict.fromkeys((*_STUDY_ONLY, *(name for name, *_ in option_fields() if name not in _ENGINES))))


def check_value(name: str, given: Any, place: str, tables: Mapping[str, Mapping[str, Any]]) -> Value:
    """A value of a factor, or of a key of ``[train]``.

    Args:
        name: of the factor; known.
        given: as the file has it.
        place: in the file.
        tables: the named ``language_sets`` and ``texts`` of the study.

    Raises:
        StudyError: not a value of this factor.
    """
    try:
        if name in _STUDY_ONLY:
            return _STUDY_ONLY[name](given, f"{place}: {name}", tables)
        found = typed({name: given}, place)[name]
    except TrainingError as error:
        raise StudyError(str(error)) from error
    return Value("+".join(map(str, found)) if isinstance(found, tuple) else given, found)


def check_model(given: Any, where: str) -> Value:
    """A model that is only evaluated: a name or path, ``bm25``, or a table ``{name, model, ...}``.

    Raises:
        StudyError: neither.
    """
    if isinstance(given, str):
        return Value(given, {"model": given})
    if not isinstance(given, Mapping):
        raise StudyError(f"{where} is {given!r}; expected a model's name or path, bm25, or a table {{model = ...}}")
    known = ("name", "model", "bm25", "k1", "b", *RETRIEVER_OPTIONS)
    for key in given:
        if key not in known:
            raise StudyError(f"{where}: unknown key {key!r}; {did_you_mean(key, known)}")
    if ("model" in given) == ("bm25" in given):
        raise StudyError(f"{where}: expected one of the keys model and bm25 in the table {dict(given)}")
    return Value(_label(given, given.get("model") or f"bm25-{given.get('bm25')}"), _without_name(given))


def check_together(names: tuple[str, ...], where: str) -> None:
    """Whether factors are independent of each other.

    Raises:
        StudyError: two set the same thing.
    """
    for group in _CONFLICTS:
        both = [name for name in names if name in group]
        if len(both) > 1:
            raise StudyError(f"{where}: the factors {both[0]} and {both[1]} set the same thing; keep one of them")
    if "order" in names and "language_count" not in names:
        raise StudyError(f"{where}: the factor order needs the factor language_count; without it there is no subset")


def _label(given: Mapping[str, Any], otherwise: Any) -> str:
    return str(given.get("name", otherwise))


def _without_name(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != "name"}


def _one_of(known: tuple[str, ...]) -> Callable[..., Value]:
    def check(given: Any, where: str, tables: Mapping[str, Mapping[str, Any]]) -> Value:
        if given not in known:
            raise StudyError(f"{where} is {given!r}; {did_you_mean(str(given), known)}")
        return Value(given, given)

    return check


def _count(given: Any, where: str, tables: Mapping[str, Mapping[str, Any]]) -> Value:
    if given == "all":
        return Value("all", None)
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise StudyError(f'{where} is {given!r}; expected a whole number of at least 1, or "all"')
    return Value(int(given), int(given))


def _named(kind: str) -> Callable[..., Value]:
    def check(given: Any, where: str, tables: Mapping[str, Mapping[str, Any]]) -> Value:
        if not isinstance(given, str) or given not in tables[kind]:
            raise StudyError(f"{where} is {given!r}, no name of [{kind}]; {did_you_mean(str(given), tables[kind])}")
        return Value(given, given)

    return check


def _text(given: Any, where: str, tables: Mapping[str, Mapping[str, Any]]) -> Value:
    if given == NOTHING or given == "train" or str(given).startswith("evaluation:"):
        return Value(given, given)
    return _named("texts")(given, where, tables)


def _source(given: Any, where: str, tables: Mapping[str, Mapping[str, Any]]) -> Value:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise StudyError(f"{where} is {given!r}; expected the name of a source of groups, or a list of them")
    return Value("+".join(names), tuple(names))


def _encoder(given: Any, where: str, tables: Mapping[str, Mapping[str, Any]]) -> Value:
    if not isinstance(given, str | Mapping):
        raise StudyError(f"{where} is {given!r}; expected a size such as static-128, a model, or a table of settings")
    try:
        settings = typed(encoder_settings(given), where)
    except ValueError as error:
        raise StudyError(f"{where}: {error}") from error
    label = given if isinstance(given, str) else _label(given, "+".join(f"{k}={v}" for k, v in settings.items()))
    return Value(label, settings)


_SCHEDULE = ("alpha", "alpha_end", "alpha_schedule")


def _schedule(given: Any, where: str, tables: Mapping[str, Mapping[str, Any]]) -> Value:
    if given == "constant":
        return Value(given, {"alpha_schedule": "constant"})
    if given in ("linear", "cosine"):
        return Value(given, {"alpha_schedule": given})
    if not isinstance(given, Mapping):
        raise StudyError(
            f"{where} is {given!r}; expected constant, linear, cosine or a table "
            '{alpha = 1.0, alpha_end = 0.0, alpha_schedule = "linear"}'
        )
    for key in given:
        if key not in (*_SCHEDULE, "name"):
            raise StudyError(f"{where}: unknown key {key!r}; {did_you_mean(key, (*_SCHEDULE, 'name'))}")
    settings = typed(_without_name(given), where)
    if set(settings) != {"alpha"} and set(settings) != set(_SCHEDULE):
        raise StudyError(f"{where}: expected alpha alone, or all of {', '.join(_SCHEDULE)}, got {dict(given)}")
    ends = f"{settings['alpha']} to {settings['alpha_end']} ({settings['alpha_schedule']})" if len(settings) > 1 else ""
    return Value(_label(given, ends or f"constant {settings['alpha']}"), {"alpha_schedule": "constant", **settings})


def _loss(given: Any, where: str, tables: Mapping[str, Mapping[str, Any]]) -> Value:
    return _one_of(LOSSES)(given, where, tables)


_STUDY_ONLY: dict[str, Callable[..., Value]] = {
    "regime": _one_of(REGIMES),
    "schedule": _schedule,
    "language_count": _count,
    "order": _one_of(ORDERS),
    "language_set": _named("language_sets"),
    "pair_count": _count,
    "source": _source,
    "encoder": _encoder,
    "dapt": _text,
    "specialisation": _one_of(SPECIALISATIONS),
    "loss": _loss,
}
