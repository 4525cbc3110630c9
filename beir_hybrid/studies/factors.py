"""What can vary in a study: every setting of `beir-hybrid train`, tables of them, and what studies compute.

Used by `study_file`, which reads the table ``[factors]``, and by `plan`, which turns values into trainings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from beir_hybrid.errors import StudyError, TrainingError, did_you_mean
from beir_hybrid.studies.languages import Order
from beir_hybrid.studies.study import Value
from beir_hybrid.training.config import option_fields, typed

NOTHING = "none"
"""The value of `dapt` without pretraining."""
RETRIEVER_FACTORS = ("model", "query_prompt", "passage_prompt", "truncate_dim")
"""Factors of a study that trains nothing."""
RETRIEVER_MEANS = ("batch_size", "device", "memory")
"""What a table that describes a model may say without changing a number."""
_MODEL = ("name", "model", "bm25", *RETRIEVER_FACTORS[1:], "similarity", "precision", "k1", "b", *RETRIEVER_MEANS)
_OF_THE_STUDY = ("out", "seed", "tokenizer")
_SAME = (("sampling", "alpha"), ("model", "from_scratch"), ("steps", "epochs"), ("dapt", "pretrain_text"))
"""Settings of which a value for one takes the place of the other."""


class _Computed(BaseModel):
    """What studies compute, each with its values."""

    model_config = ConfigDict(strict=True)
    language_count: PositiveInt | Literal["all"] = "all"
    order: Order = "largest-first"
    pair_count: PositiveInt | Literal["all"] = "all"
    source: str | list[str] = []
    dapt: str = NOTHING
    specialisation: Literal["agnostic", "specific"] = "agnostic"


@cache
def training_factors() -> tuple[str, ...]:
    """Names of every key of the table ``[train]``: settings of a training, and what studies compute."""
    options = (name for name, *_ in option_fields() if name not in _OF_THE_STUDY)
    return tuple(dict.fromkeys((*_Computed.model_fields, *options)))


def check_factor(name: str, values: Sequence[Any], place: str, texts: Collection[str]) -> tuple[Value, ...]:
    """The values of a factor: of one setting, or tables ``{name = ..., settings ...}`` under any name.

    Args:
        name: of the factor.
        values: as the file has them.
        place: ``path:line``.
        texts: names of the table ``[texts]``.

    Raises:
        StudyError: a name that is no setting where values are no tables, or a value that is none.
    """
    known = training_factors()
    if name not in known and not all(isinstance(value, Mapping) for value in values):
        raise StudyError(
            f"{place}: unknown factor {name!r}; {did_you_mean(name, known)}; the values of a factor with a name of its "
            'own are tables of settings, like {name = "hybrid", alpha = 0.5}'
        )
    return tuple(check_value(name, value, place, texts) for value in values)


def check_value(name: str, given: Any, place: str, texts: Collection[str]) -> Value:
    """One value of a factor, or of a key of ``[train]``; arguments and errors as of `check_factor`."""
    if isinstance(given, Mapping):
        settings: dict[str, Any] = {}
        for key, value in given.items():
            if key != "name":
                setting = key.replace("-", "_")
                if setting not in training_factors():
                    raise StudyError(f"{place}: {name}: unknown key {key!r}; {did_you_mean(key, training_factors())}")
                settings |= check_value(setting, value, place, texts).settings
        if not settings:
            raise StudyError(f"{place}: {name} has a table without a setting; expected one like {{alpha = 0.5}}")
        return Value(str(given.get("name", ", ".join(f"{key}={value}" for key, value in settings.items()))), settings)
    if name in _Computed.model_fields:
        found = _computed(name, given, f"{place}: {name}", texts)
    else:
        try:
            found = typed({name: given}, place)[name]
        except TrainingError as error:
            raise StudyError(str(error)) from error
    return Value(
        "all" if found is None else "+".join(map(str, found)) if isinstance(found, tuple) else found, {name: found}
    )


def _computed(name: str, given: Any, where: str, texts: Collection[str]) -> Any:
    try:
        value = getattr(_Computed(**{name: given}), name)
    except ValidationError as error:
        said = " or ".join(dict.fromkeys(each["msg"].removeprefix("Input should ") for each in error.errors()))
        raise StudyError(f"{where} is {given!r}; it should {said}") from None
    if name == "dapt" and value not in (NOTHING, "train", *texts) and not value.startswith("evaluation:"):
        hint = did_you_mean(value, [NOTHING, "train", *texts])
        raise StudyError(f"{where} is {value!r}, no name of [texts]; {hint}")
    if name == "source":
        return (value,) if isinstance(value, str) else tuple(value)
    return None if value == "all" else value


def check_model(given: Any, place: str) -> Value:
    """A model that is only evaluated: a name or path, ``bm25``, or a table ``{name, model, ...}``.

    Raises:
        StudyError: neither.
    """
    if isinstance(given, str):
        return Value(given, {"bm25": "language"} if given == "bm25" else {"model": given})
    if not isinstance(given, Mapping):
        raise StudyError(f"{place} is {given!r}; expected a model's name or path, bm25, or a table {{model = ...}}")
    for key in given:
        if key not in _MODEL:
            raise StudyError(f"{place}: unknown key {key!r}; {did_you_mean(key, _MODEL)}")
    if ("model" in given) == ("bm25" in given):
        raise StudyError(f"{place}: expected one of the keys model and bm25 in the table {dict(given)}")
    label = given.get("name", given.get("model") or f"bm25-{given.get('bm25')}")
    return Value(str(label), {key: value for key, value in given.items() if key != "name"})


def check_together(factors: Mapping[str, Sequence[Value]], place: str) -> None:
    """Whether factors are independent of each other.

    Raises:
        StudyError: two set the same thing.
    """
    setters: dict[str, str] = {}
    for factor, values in factors.items():
        own = {key for value in values for key in value.settings}
        for setting in {next((pair[1] for pair in _SAME if key in pair), key) for key in own}:
            if setting in setters:
                raise StudyError(
                    f"{place}: the factors {setters[setting]} and {factor} set the same thing ({setting}); keep one"
                )
            setters[setting] = factor
    if "order" in setters and "language_count" not in setters:
        raise StudyError(f"{place}: the factor order needs the factor language_count; without it there is no subset")


def chosen(common: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Any]:
    """The settings of a cell: those all have in common, and over them those of its values."""
    own = {key: setting for value in values.values() for key, setting in value.settings.items()}
    replaced = {other for pair in _SAME for key, other in (pair, pair[::-1]) if key in own}
    return {**{key: value for key, value in common.items() if key not in replaced}, **own}
