"""What can vary in a study: every setting of `beir-hybrid train`, tables of them, and what studies compute."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from beir_hybrid.errors import TrainingError, did_you_mean
from beir_hybrid.training.config import SAME, option_fields, replacing, typed

NOTHING = "none"
"""The value of `dapt` without pretraining."""
RETRIEVER_FACTORS = ("model", "query_prompt", "passage_prompt", "truncate_dim")
"""Factors of a study that trains nothing."""
RETRIEVER_MEANS = ("batch_size", "device", "memory")
"""What a table that describes a model may say without changing a number."""
Order = Literal["largest-first", "smallest-first", "random"]
_MODEL = ("name", "model", "bm25", *RETRIEVER_FACTORS[1:], "similarity", "precision", "k1", "b", *RETRIEVER_MEANS)
_ELSEWHERE = {
    "seed": "the seeds of a study stand above its tables: seeds = [1, 2, 3]",
    **{name: f"{name} is chosen by the study itself; leave it out" for name in ("out", "tokenizer")},
}


class TableError(ValueError):
    """What is wrong with a table of a study file, and the key where it is."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Value:
    """A value of a factor: what results call it, and the settings it makes."""

    label: str | float | int | bool
    settings: Mapping[str, Any]


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
def _trained() -> tuple[str, ...]:
    """Names of every key of the table ``[train]``: settings of a training, and what studies compute."""
    options = (name for name, *_ in option_fields() if name not in _ELSEWHERE)
    return tuple(dict.fromkeys((*_Computed.model_fields, *options)))


def read_train(given: Mapping[str, Any], texts: Collection[str]) -> dict[str, Any]:
    """The settings of the table ``[train]``; ``texts`` are the names of the table ``[texts]``.

    Raises:
        TableError: a key or value that is none.
    """
    return {
        name: setting
        for key, value in given.items()
        for name, setting in _value(_known(key, _trained(), "key", key), value, key, texts).settings.items()
    }


def read_factors(
    given: Mapping[str, Any], train: Mapping[str, Any] | None, texts: Collection[str]
) -> dict[str, tuple[Value, ...]]:
    """The values of every factor of the table ``[factors]``: of one setting, or tables of settings under any name.

    Args:
        given: as the file has them.
        train: the table ``[train]``; None: the study trains nothing.
        texts: names of the table ``[texts]``.

    Raises:
        TableError: a factor or value that is none, or two that set the same.
    """
    found: dict[str, tuple[Value, ...]] = {}
    for key, values in given.items():
        name = key.replace("-", "_")
        if not isinstance(values, list) or not values:
            raise TableError(f"{key} is {values!r}; expected a list of its values", key)
        if train is not None:
            if name in _ELSEWHERE or not all(isinstance(value, Mapping) for value in values):
                hint = '; others have tables of settings, like {name = "a", alpha = 0.5}'
                _known(key, _trained(), "factor", key, hint)
            found[name] = tuple(_value(name, value, key, texts) for value in values)
        elif name in _trained() and name not in RETRIEVER_FACTORS:
            raise TableError(f"the factor {key!r} is one of training; expected a table [train]", key)
        else:
            _known(key, RETRIEVER_FACTORS, "factor", key)
            found[name] = tuple(_model(v, key) if name == "model" else Value(v, {name: v}) for v in values)
        labels = [str(value.label) for value in found[name]]
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            raise TableError(f"{key} has the value {twice} twice; give tables a name of their own", key)
    _check_together(found)
    if train is None and "model" not in found:
        raise TableError("nothing is trained and no model is named; expected [train], or the factor model")
    if train is not None and "groups" not in train and "groups" not in found:
        raise TableError('[train] names no groups; expected groups = "FILE.jsonl.gz" or "sample"')
    return found


def _known(given: str, known: Collection[str], kind: str, key: str, tail: str = "") -> str:
    """The name of a setting that is known, and not chosen by the study itself."""
    name = given.replace("-", "_")
    if name not in known:
        raise TableError(_ELSEWHERE.get(name) or f"unknown {kind} {name!r}; {did_you_mean(name, known)}{tail}", key)
    return name


def _value(name: str, given: Any, key: str, texts: Collection[str]) -> Value:
    """One value of a factor, or of a key of ``[train]``."""
    if isinstance(given, Mapping):
        settings: dict[str, Any] = {}
        for setting, value in given.items():
            if setting != "name":
                settings |= _value(_known(setting, _trained(), "key", key), value, key, texts).settings
        if not settings:
            raise TableError(f"{name} has a table without a setting; expected one like {{alpha = 0.5}}", key)
        return Value(str(given.get("name", ", ".join(f"{each}={value}" for each, value in settings.items()))), settings)
    if name in _Computed.model_fields:
        found = _computed(name, given, key, texts)
    else:
        try:
            found = typed({name: given}, "")[name]
        except TrainingError as error:
            raise TableError(str(error).removeprefix(": "), key) from error
    label = "all" if found is None else "+".join(map(str, found)) if isinstance(found, tuple) else found
    return Value(label, {name: found})


def _computed(name: str, given: Any, key: str, texts: Collection[str]) -> Any:
    try:
        value = getattr(_Computed(**{name: given}), name)
    except ValidationError as error:
        said = " or ".join(dict.fromkeys(each["msg"].removeprefix("Input should ") for each in error.errors()))
        raise TableError(f"{name} is {given!r}; it should {said}", key) from None
    if name == "dapt" and value not in (NOTHING, "train", *texts) and not value.startswith("evaluation:"):
        hint = did_you_mean(value, [NOTHING, "train", *texts])
        raise TableError(f"{name} is {value!r}, no name of [texts]; {hint}", key)
    if name == "source":
        return (value,) if isinstance(value, str) else tuple(value)
    return None if value == "all" else value


def _model(given: Any, key: str) -> Value:
    """A model that is only evaluated: a name or path, ``bm25``, or a table ``{name, model, ...}``."""
    if isinstance(given, str):
        return Value(given, {"bm25": "language"} if given == "bm25" else {"model": given})
    if not isinstance(given, Mapping):
        raise TableError(f"{key} is {given!r}; expected a model's name or path, bm25, or a table {{model = ...}}", key)
    for own in given:
        _known(own, _MODEL, "key", key)
    if ("model" in given) == ("bm25" in given):
        raise TableError(f"{key}: expected one of the keys model and bm25 in the table {dict(given)}", key)
    label = given.get("name", given.get("model") or f"bm25-{given.get('bm25')}")
    return Value(str(label), {own: value for own, value in given.items() if own != "name"})


def _check_together(factors: Mapping[str, Sequence[Value]]) -> None:
    """That factors are independent of each other."""
    setters: dict[str, str] = {}
    for factor, values in factors.items():
        own = {key for value in values for key in value.settings}
        for setting in {next((pair[1] for pair in SAME if key in pair), key) for key in own}:
            if setting in setters:
                raise TableError(
                    f"the factors {setters[setting]} and {factor} set the same thing ({setting}); keep one"
                )
            setters[setting] = factor
    if "order" in setters and "language_count" not in setters:
        raise TableError("the factor order needs the factor language_count; without it there is no subset")


def chosen(common: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Any]:
    """The settings of a cell: those all have in common, and over them those of its values."""
    own = {key: setting for value in values.values() for key, setting in value.settings.items()}
    return replacing(common, own)
