"""A study as its file states it, each table checked by its type."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from beir_hybrid.errors import BeirHybridError, StudyError, did_you_mean
from beir_hybrid.metrics.registered import asked_metrics
from beir_hybrid.settings import parse_settings
from beir_hybrid.studies.analysis.options import parse_options
from beir_hybrid.studies.factors import TableError, Value, read_factors, read_train

Given = TypeVar("Given")
Found = TypeVar("Found")


def _split(given: Any) -> Any:
    return tuple(word.strip() for word in given.split(",")) if isinstance(given, str) else given


def _checked(function: Callable[[Given], Found]) -> Callable[[Given], Found]:
    """A function whose complaints pydantic collects with their place."""

    def checking(given: Given) -> Found:
        try:
            return function(given)
        except BeirHybridError as error:
            raise TableError(str(error)) from error

    return checking


Words = Annotated[tuple[str, ...], Field(strict=False), BeforeValidator(_split)]


class Table(BaseModel):
    """A table of a study file: keys that it does not know, and values of another type, are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class Evaluation(Table):
    """A data set that every cell is measured on. None: what `beir_hybrid.evaluate` does by default."""

    model_config = ConfigDict(extra="allow")
    dataset: str
    settings: Annotated[Words, AfterValidator(_checked(parse_settings))] | None = None
    languages: Words | None = None
    metrics: Annotated[Words, AfterValidator(_checked(lambda names: tuple(map(str, asked_metrics(names)))))] | None = (
        None
    )
    split: str | None = None
    data_dir: str | None = None
    top_k: PositiveInt | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Of the data set, such as ``with_paragraph``."""
        return dict(self.model_extra or {})


class Grid(Table):
    """Combinations left out: factor -> a label or several of which any fits."""

    exclude: list[dict[str, Any]] = []


class Budget(Table):
    """What every cell trains as long as the others by; see `budget_sentence`."""

    equal: Literal["pairs", "each", "none"] = "pairs"


class Limits(Table):
    """What a cell may use; None is no limit. ``threads`` is how many it computes with."""

    minutes_per_cell: PositiveFloat | None = None
    memory_gb: PositiveFloat | None = None
    threads: PositiveInt = 1


class Study(Table):
    """A study file, checked but for what needs its data.

    Attributes:
        texts: named unlabelled texts for domain-adaptive pretraining, each a list of parts.
        train: settings common to all cells; None: nothing is trained, the factors choose models.
        factors: name -> its values.
        seeds: (0,) where nothing is trained.
        file: where it was read from; paths in it are relative to its folder.
        content: the file as it is.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = ""
    question: str = ""
    texts: dict[str, Words] = {}
    train: dict[str, Any] | None = None
    factors: Annotated[dict[str, tuple[Value, ...]], Field(validate_default=True)] = {}
    grid: Grid = Grid()
    seeds: Annotated[tuple[int, ...], Field(strict=False, min_length=1, validate_default=True)] = (1,)
    evaluations: tuple[Evaluation, ...] = Field(alias="evaluate")
    budget: Budget = Field(Budget(), validate_default=True)
    limits: Limits = Limits()
    analysis: dict[str, Any] = {}
    keep_models: bool = False
    keep_runs: bool = False
    file: Path = Field(alias="<file>")
    content: str = Field(alias="<content>")

    @field_validator("train", mode="after")
    @classmethod
    def _train(cls, given: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        return None if given is None else read_train(given, info.data.get("texts", {}))

    @field_validator("factors", mode="before")
    @classmethod
    def _factors(cls, given: Any, info: ValidationInfo) -> Any:
        if not isinstance(given, dict):
            return given
        return read_factors(given, info.data.get("train"), info.data.get("texts", {}))

    @field_validator("grid", mode="after")
    @classmethod
    def _grid(cls, given: Grid, info: ValidationInfo) -> Grid:
        factors = info.data.get("factors", {})
        rules = [_rule(rule, factors) for rule in given.exclude]
        if factors and not any(True for _ in _combinations(factors, rules)):
            raise TableError("no combination of the factors is left")
        return Grid.model_construct(exclude=rules)

    @field_validator("seeds", mode="after")
    @classmethod
    def _seeds(cls, given: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        if len(set(given)) < len(given) or any(not 0 <= seed < 2**32 for seed in given):
            raise TableError(f"seeds is {list(given)}; expected different whole numbers like [1, 2, 3]")
        if info.data.get("train") is not None:
            return given
        if len(given) > 1:
            raise TableError("nothing is trained, so there is nothing to seed; leave seeds out")
        return (0,)

    @field_validator("evaluations", mode="before")
    @classmethod
    def _evaluations(cls, given: Any) -> Any:
        """The table ``[evaluate]`` as a list: what all data sets have in common, and over it their own."""
        if not isinstance(given, dict):
            raise TableError(f"evaluate is {given!r}; expected a table [evaluate]")
        known = [name for name in Evaluation.model_fields if name != "dataset"] + ["datasets"]
        for key in given:
            if key not in known:
                raise TableError(f"unknown key {key!r}; {did_you_mean(key, known)}", key)
        datasets = given.get("datasets")
        named = isinstance(datasets, dict | list) and all(isinstance(each, str) for each in datasets)
        if not named or not datasets:
            raise TableError(f'datasets is {datasets!r}; expected a list like ["xquad-r"]', "datasets")
        if len(set(datasets)) < len(datasets):
            raise TableError(f"datasets is {datasets!r}, with a data set twice", "datasets")
        own = datasets if isinstance(datasets, dict) else {name: {} for name in datasets}
        for name, table in own.items():
            if not isinstance(table, dict):
                raise TableError(f"{name} is {table!r}; expected a table [evaluate.datasets.{name}]", "datasets")
        common = {key: value for key, value in given.items() if key != "datasets"}
        return tuple({**common, **table, "dataset": name} for name, table in own.items())

    @field_validator("budget", mode="after")
    @classmethod
    def _budget(cls, given: Budget, info: ValidationInfo) -> Budget:
        train, factors = info.data.get("train"), info.data.get("factors", {})
        set_by = {setting: name for name, values in factors.items() for each in values for setting in each.settings}
        varying = [set_by[name] for name in ("steps", "epochs") if name in set_by]
        if given.equal != "none" and train is not None and (varying or "epochs" in train):
            what = f"{varying[0]} is a factor" if varying else "the training is given in epochs"
            raise TableError(
                f'{what}, so budgets are not equal; give steps in [train], or say so: [budget] equal = "none"', "equal"
            )
        return given

    @field_validator("analysis", mode="after")
    @classmethod
    def _analysis(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """What the analysis will be told, checked before anything is trained."""
        factors = info.data.get("factors")
        try:
            if factors is not None:  # else what is wrong with them is told
                parse_options(given, {name: [value.label for value in values] for name, values in factors.items()})
        except StudyError as error:
            key = next((key for key in given if f" {key} " in str(error) or f" {key}:" in str(error)), "")
            raise TableError(str(error), key) from error
        return given

    def combinations(self) -> Iterator[Mapping[str, Value]]:
        """One value of every factor, in the order of the file, the last factor moving fastest."""
        return _combinations(self.factors, self.grid.exclude)

    def path(self, given: str) -> str:
        """A path of the file as an absolute one: variables and ``~`` expanded, relative to the file's folder.

        Raises:
            StudyError: an environment variable that is not set.
        """
        for name in re.findall(r"\$\{?(\w+)", given):
            if not os.environ.get(name):
                raise StudyError(f"{self.file} names {given}, but ${name} is not set; run: export {name}=...")
        return str(self.file.parent.absolute() / Path(os.path.expandvars(given)).expanduser())


def _rule(rule: Mapping[str, Any], factors: Mapping[str, Sequence[Value]]) -> dict[str, list[Any]]:
    """A rule of the grid whose factors and labels are known: factor -> its labels."""
    found = {}
    for factor, value in rule.items():
        name = factor.replace("-", "_")
        if name not in factors:
            raise TableError(f"unknown factor {name!r}; {did_you_mean(name, factors)}", "exclude")
        known = [each.label for each in factors[name]]
        found[name] = value if isinstance(value, list) else [value]
        for label in found[name]:
            if label not in known:
                hint = did_you_mean(str(label), map(str, known))
                raise TableError(f"{factor} has no value {label!r}; {hint}", "exclude")
    return found


def _combinations(
    factors: Mapping[str, Sequence[Value]], exclude: Sequence[Mapping[str, Any]]
) -> Iterator[Mapping[str, Value]]:
    for values in itertools.product(*factors.values()):
        found = dict(zip(factors, values, strict=True))
        if not any(all(found[name].label in labels for name, labels in rule.items()) for rule in exclude):
            yield found
