"""What can vary in a study: every setting of `beir-hybrid train`, tables of them, and what studies compute.

Used by `study_file`, which reads the table ``[factors]``, and by `plan`, which turns values into trainings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from beir_hybrid.errors import StudyError, TrainingError, did_you_mean
from beir_hybrid.studies.languages import ORDERS
from beir_hybrid.studies.study import Value
from beir_hybrid.training.config import option_fields, typed

SPECIALISATIONS = ("agnostic", "specific")
NOTHING = "none"
"""The value of `dapt` without pretraining."""
RETRIEVER_FACTORS = ("model", "query_prompt", "passage_prompt", "truncate_dim")
"""Factors of a study that trains nothing."""
RETRIEVER_CONTENT = ("query_prompt", "passage_prompt", "similarity", "truncate_dim", "precision", "k1", "b")
"""What a table that describes a model may say beside its name, and what of it changes a number ..."""
RETRIEVER_MEANS = ("batch_size", "device", "memory")
"""... and what does not."""

_OF_THE_STUDY = ("out", "seed", "tokenizer")
_SAME = (("sampling", "alpha"), ("model", "from_scratch"), ("steps", "epochs"), ("dapt", "pretrain_text"))
"""Settings of which a value for one takes the place of the other."""


def training_factors() -> tuple[str, ...]:
    """Names of every key of the table ``[train]``: settings of a training, and what studies compute."""
    return tuple(dict.fromkeys((*_COMPUTED, *(name for name, *_ in option_fields() if name not in _OF_THE_STUDY))))


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
    if name in _COMPUTED:
        return _COMPUTED[name](name, given, f"{place}: {name}", texts)
    try:
        found = typed({name: given}, place)[name]
    except TrainingError as error:
        raise StudyError(str(error)) from error
    return Value("+".join(map(str, found)) if isinstance(found, tuple) else given, {name: found})


def check_model(given: Any, place: str) -> Value:
    """A model that is only evaluated: a name or path, ``bm25``, or a table ``{name, model, ...}``.

    Raises:
        StudyError: neither.
    """
    if isinstance(given, str):
        return Value(given, {"bm25": "language"} if given == "bm25" else {"model": given})
    if not isinstance(given, Mapping):
        raise StudyError(f"{place} is {given!r}; expected a model's name or path, bm25, or a table {{model = ...}}")
    known = ("name", "model", "bm25", *RETRIEVER_CONTENT, *RETRIEVER_MEANS)
    for key in given:
        if key not in known:
            raise StudyError(f"{place}: unknown key {key!r}; {did_you_mean(key, known)}")
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
        for setting in {_canonical(key) for value in values for key in value.settings}:
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


def _canonical(setting: str) -> str:
    return next((pair[1] for pair in _SAME if setting in pair), setting)


def _one_of(known: tuple[str, ...]) -> Callable[..., Value]:
    def check(name: str, given: Any, where: str, texts: Collection[str]) -> Value:
        if given not in known:
            raise StudyError(f"{where} is {given!r}; {did_you_mean(str(given), known)}")
        return Value(given, {name: given})

    return check


def _count(name: str, given: Any, where: str, texts: Collection[str]) -> Value:
    if given == "all":
        return Value("all", {name: None})
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise StudyError(f'{where} is {given!r}; expected a whole number of at least 1, or "all"')
    return Value(int(given), {name: int(given)})


def _text(name: str, given: Any, where: str, texts: Collection[str]) -> Value:
    if given in (NOTHING, "train", *texts) or str(given).startswith("evaluation:"):
        return Value(given, {name: given})
    raise StudyError(
        f"{where} is {given!r}, no name of [texts]; {did_you_mean(str(given), [NOTHING, 'train', *texts])}"
    )


def _source(name: str, given: Any, where: str, texts: Collection[str]) -> Value:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(each, str) for each in names):
        raise StudyError(f"{where} is {given!r}; expected the name of a source of groups, or a list of them")
    return Value("+".join(names), {name: tuple(names)})


_COMPUTED: dict[str, Callable[..., Value]] = {
    "language_count": _count,
    "order": _one_of(ORDERS),
    "pair_count": _count,
    "source": _source,
    "dapt": _text,
    "specialisation": _one_of(SPECIALISATIONS),
}
