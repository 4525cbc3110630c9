"""Reading a study file: every table and key checked before anything runs, each complaint with its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from beir_hybrid.errors import BeirHybridError, StudyError, TrainingError, at, did_you_mean
from beir_hybrid.metrics.registered import asked_metrics
from beir_hybrid.settings import parse_settings
from beir_hybrid.studies.analysis.options import parse_options
from beir_hybrid.studies.factors import (
    RETRIEVER_FACTORS,
    check_factor,
    check_model,
    check_together,
    check_value,
    training_factors,
)
from beir_hybrid.studies.study import Budget, Evaluation, Limits, Study, Value
from beir_hybrid.training.config import read_toml

Names = str | list[str]
_STARTED = {"train", "factors", "grid"}


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Grid(_Table):
    exclude: list[dict[str, Any]] = []
    only: list[dict[str, Any]] = []


class _Budget(_Table):
    equal: Budget = "pairs"


class _Measured(_Table):
    model_config = ConfigDict(extra="allow", strict=True)
    settings: Names | None = None
    languages: Names | None = None
    metrics: Names | None = None
    split: str | None = None
    data_dir: str | None = None
    top_k: PositiveInt | None = None


class _Evaluate(_Measured):
    model_config = ConfigDict(extra="forbid", strict=True)
    datasets: list[str] | dict[str, dict[str, Any]] = Field(min_length=1)


class _File(_Table):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = ""
    question: str = ""
    seeds: list[int] | None = Field(None, min_length=1)
    train: dict[str, Any] | None = None
    factors: dict[str, list[Any]] = {}
    grid: _Grid = _Grid()
    evaluate: _Evaluate
    budget: _Budget = _Budget()
    limits: Limits = Limits()
    texts: dict[str, Names] = {}
    analysis: dict[str, Any] = {}
    keep_models: bool = False
    keep_runs: bool = False


_TABLES: dict[str, type[BaseModel]] = {"grid": _Grid, "evaluate": _Evaluate, "budget": _Budget, "limits": Limits}


def load_study(path: Path | str, start: str | None = None) -> Study:
    """The study of a file. What needs its data (languages, sizes, fingerprints) is checked by `plan_cells`.

    Args:
        path: of a study file.
        start: which of its tables ``[start.NAME]`` says what models begin as; None: the first, if there are some. A
            study that starts elsewhere has that in its name: its cells and its report are others.

    Raises:
        StudyError: no such file, or a table, key, factor or value that is unknown (``path:line``).
    """
    file = Path(path)
    try:
        values = read_toml(file)
    except TrainingError as error:
        message = str(error).replace("a TOML file with the options of train as keys", "a study file")
        raise StudyError(message) from error
    reader = _Reader(file, file.read_text(encoding="utf-8"))
    try:
        return reader.study(_File(**_started(values, file, start)))
    except ValidationError as error:
        raise reader.translated(error) from None


def _started(values: dict[str, Any], file: Path, start: str | None) -> dict[str, Any]:
    """The tables of a file with those of one start put over them."""
    starts = values.pop("start", {})
    if not isinstance(starts, dict) or not all(isinstance(s, dict) and set(s) <= _STARTED for s in starts.values()):
        raise StudyError(f"{file}: start is {starts!r}; expected tables [start.NAME.train], .factors and .grid")
    if start is not None and start not in starts:
        known = did_you_mean(start, starts) if starts else "it has no table [start.NAME]"
        raise StudyError(f"{file}: no start {start!r}; {known}")
    chosen = start or next(iter(starts), None)
    if chosen is None:
        return values
    own = {table: {**values.get(table, {}), **added} for table, added in starts[chosen].items()}
    name = {} if chosen == next(iter(starts)) or "name" not in values else {"name": f"{values['name']}-{chosen}"}
    return {**values, **own, **name}


class _Reader:
    """A study from a file whose tables have their types; what the types do not say is checked here."""

    def __init__(self, file: Path, content: str) -> None:
        self._file = file
        self._content = content

    def study(self, given: _File) -> Study:
        texts = {name: _words(parts) for name, parts in given.texts.items()}
        train = None if given.train is None else self._train(given, texts)
        factors = self._factors(given, texts)
        grid = {key: tuple(self._rule(key, rule, factors) for rule in rules) for key, rules in given.grid}
        study = Study(
            name=given.name,
            title=" ".join(given.title.split()) or given.name,
            question=" ".join(given.question.split()),
            seeds=self._seeds(given),
            train=train,
            factors=factors,
            evaluations=self._evaluations(given.evaluate),
            file=self._file,
            content=self._content,
            **grid,
            budget=self._budget(given, factors),
            limits=given.limits,
            texts=texts,
            analysis=self._analysis(given.analysis, factors),
            keep_models=given.keep_models,
            keep_runs=given.keep_runs,
        )
        if not any(True for _ in study.combinations()):
            raise self._error("grid", "", "no combination of the factors is left")
        return study

    def _train(self, given: _File, texts: Collection[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in (given.train or {}).items():
            name = self._known(key, training_factors(), "train", "key")
            found |= check_value(name, value, self._at("train", key), texts).settings
        if "groups" not in found and "groups" not in given.factors:
            raise self._error("train", "", '[train] names no groups; expected groups = "FILE.jsonl.gz" or "sample"')
        return found

    def _factors(self, given: _File, texts: Collection[str]) -> dict[str, tuple[Value, ...]]:
        trains = given.train is not None
        found: dict[str, tuple[Value, ...]] = {}
        for key, values in given.factors.items():
            name, place = key.replace("-", "_"), self._at("factors", key)
            if not values:
                raise StudyError(f"{place}: {key} is []; expected a list of its values")
            if trains:
                if name == "seed":
                    self._known(key, (), "factors", "factor")
                found[name] = check_factor(name, values, place, texts)
            elif name in training_factors() and name not in RETRIEVER_FACTORS:
                raise self._error("factors", key, f"the factor {key!r} is one of training; expected a table [train]")
            elif self._known(key, RETRIEVER_FACTORS, "factors", "factor") == "model":
                found[name] = tuple(check_model(value, f"{place}: {key}") for value in values)
            else:
                found[name] = tuple(Value(value, {name: value}) for value in values)
            labels = [str(value.label) for value in found[name]]
            for label in labels:
                if labels.count(label) > 1:
                    raise StudyError(f"{place}: {key} has the value {label} twice; give tables a name of their own")
        check_together(found, self._at("factors"))
        if not trains and "model" not in found:
            raise self._error(
                "factors", "", "nothing is trained and no model is named; expected [train], or the factor model under "
                "[factors]",
            )  # fmt: skip
        return found

    def _rule(
        self, key: str, rule: Mapping[str, Any], factors: Mapping[str, tuple[Value, ...]]
    ) -> dict[str, tuple[Any, ...]]:
        wanted: dict[str, tuple[Any, ...]] = {}
        for factor, value in rule.items():
            name = factor.replace("-", "_")
            if name not in factors:
                raise self._error("grid", key, f"unknown factor {name!r}; {did_you_mean(name, factors)}")
            wanted[name] = tuple(value) if isinstance(value, list) else (value,)
            known = [each.label for each in factors[name]]
            for label in wanted[name]:
                if label not in known:
                    hint = did_you_mean(str(label), map(str, known))
                    raise self._error("grid", key, f"{factor} has no value {label!r}; {hint}")
        return wanted

    def _evaluations(self, given: _Evaluate) -> tuple[Evaluation, ...]:
        common = given.model_dump(exclude={"datasets"}, exclude_none=True)
        if isinstance(given.datasets, dict):
            return tuple(self._evaluation(name, {**common, **own}) for name, own in given.datasets.items())
        if len(set(given.datasets)) < len(given.datasets):
            raise self._error("evaluate", "datasets", f"datasets is {given.datasets!r}, with a data set twice")
        return tuple(self._evaluation(name, common) for name in given.datasets)

    def _evaluation(self, dataset: str, values: Mapping[str, Any]) -> Evaluation:
        own = _Measured(**values)
        try:
            settings = None if own.settings is None else tuple(parse_settings(_words(own.settings)))
            metrics = None if own.metrics is None else tuple(str(each) for each in asked_metrics(_words(own.metrics)))
        except BeirHybridError as error:
            raise self._error("evaluate", "settings" if "setting" in str(error) else "metrics", str(error)) from error
        languages = None if own.languages is None else _words(own.languages)
        options = dict(own.model_extra or {})
        return Evaluation(dataset, settings, languages, metrics, own.split, own.data_dir, own.top_k, options)

    def _seeds(self, given: _File) -> tuple[int, ...]:
        seeds = given.seeds or [1]
        if len(set(seeds)) < len(seeds) or any(not 0 <= seed < 2**32 for seed in seeds):
            raise self._error("", "seeds", f"seeds is {seeds!r}; expected different whole numbers like [1, 2, 3]")
        if given.train is None and len(seeds) > 1:
            raise self._error("", "seeds", "nothing is trained, so there is nothing to seed; leave seeds out")
        return tuple(seeds) if given.train is not None else (0,)

    def _budget(self, given: _File, factors: Mapping[str, tuple[Value, ...]]) -> Budget:
        set_by = {setting: name for name, values in factors.items() for value in values for setting in value.settings}
        varying = [set_by[name] for name in ("steps", "epochs") if name in set_by]
        if given.budget.equal != "none" and given.train is not None and (varying or "epochs" in given.train):
            what = f"{varying[0]} is a factor" if varying else "the training is given in epochs"
            raise self._error(
                "budget", "equal",
                f'{what}, so budgets are not equal; give steps in [train], or say so: [budget] equal = "none"',
            )  # fmt: skip
        return given.budget.equal

    def _analysis(self, table: Mapping[str, Any], factors: Mapping[str, tuple[Value, ...]]) -> Mapping[str, Any]:
        """What the analysis will be told, checked before anything is trained."""
        try:
            parse_options(table, {name: [value.label for value in each] for name, each in factors.items()})
        except StudyError as error:
            key = next((key for key in table if f" {key} " in str(error) or f" {key}:" in str(error)), "")
            raise self._error("analysis", key, str(error)) from error
        return table

    def translated(self, error: ValidationError) -> StudyError:
        """The first complaint of the types, in one line with its place."""
        # a misspelt key explains a missing one
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        names = [str(part) for part in first["loc"]]
        if error.title == _Measured.__name__:
            names = ["evaluate", *names]  # of a table below [evaluate.datasets]
        table, key = (names[0], names[1]) if len(names) > 1 and names[0] != "seeds" else ("", names[0])
        if first["type"] == "extra_forbidden":
            known = _TABLES[table].model_fields if table else _File.model_fields
            place = (key, "") if not table and isinstance(first["input"], dict) else (table, key)
            return self._error(*place, f"unknown key {key!r}; {did_you_mean(key, known)}")
        if first["type"] == "missing":
            return self._error(table, "", f"{'.'.join(names[:2])} is missing; every study has it")
        named = key if table in ("", *_TABLES) or table == key else f"{key} of [{table}]"
        said = first["msg"].replace("Input should", "it should")
        return self._error(table, key, f"{named} is {first['input']!r}; {said}")

    def _known(self, key: str, known: Collection[str], table: str, kind: str) -> str:
        """The name of a key that is known, and not chosen by the study itself."""
        name = key.replace("-", "_")
        if name == "seed":
            raise self._error(table, key, "the seeds of a study stand above its tables: seeds = [1, 2, 3]")
        if name in ("out", "tokenizer"):
            raise self._error(table, key, f"{key} is chosen by the study itself; leave it out")
        if name not in known:
            raise self._error(table, key, f"unknown {kind} {name!r}; {did_you_mean(name, known)}")
        return name

    def _error(self, table: str, key: str, message: str) -> StudyError:
        return StudyError(f"{self._at(table, key)}: {message}")

    def _at(self, table: str, key: str = "") -> str:
        return at(self._file, line_of(self._content, table, key))


def _words(given: Names) -> tuple[str, ...]:
    return tuple(word.strip() for word in (given.split(",") if isinstance(given, str) else given))


def line_of(content: str, table: str, key: str = "") -> int | None:
    """The line of a key of a table of a TOML text (of the table's head without one; "" is the top); None if unseen."""
    here, head = "", None
    for number, line in enumerate(content.splitlines(), 1):
        if header := re.fullmatch(r"\s*\[+\s*([^\]]+?)\s*\]+\s*(#.*)?", line):
            here = re.sub(r"^start\.[^.]+\.", "", header[1])
            if here.partition(".")[0] == table:
                head = head or number
                if not key or here.rpartition(".")[2].strip("\"'") == key:
                    return number
        elif here.partition(".")[0] == table and key:
            named = re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*(\.[^=]*)?=", line)
            if named and named[1].replace("-", "_") == key.replace("-", "_"):
                return number
    return head
