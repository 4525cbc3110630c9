"""Reading a study file: every table and key checked, each complaint with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from beir_hybrid.errors import BeirHybridError, StudyError, TrainingError, at, did_you_mean
from beir_hybrid.metrics.measures import parse_metrics
from beir_hybrid.settings import parse_settings
from beir_hybrid.studies.analysis.options import parse_options
from beir_hybrid.studies.factors import (
    RETRIEVER_FACTORS,
    check_model,
    check_together,
    check_value,
    training_factors,
)
from beir_hybrid.studies.study import BUDGETS, Evaluation, Limits, Study, Value
from beir_hybrid.training.config import read_toml

_KEYS = (
    "name", "title", "question", "seeds", "train", "factors", "grid", "evaluate", "budget", "limits", "texts",
    "language_sets", "analysis", "keep_models", "keep_runs",
)  # fmt: skip
_EVALUATE = ("datasets", "settings", "languages", "metrics", "split", "data_dir", "top_k")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def load_study(path: Path | str) -> Study:
    """The study of a file. What needs its data (languages, sizes, fingerprints) is checked by `plan_cells`.

    Raises:
        StudyError: no such file, or a table, key, factor or value that is unknown (``path:line``).
    """
    file = Path(path)
    try:
        values = read_toml(file)
    except TrainingError as error:
        message = str(error).replace("a TOML file with the options of train as keys", "a study file")
        raise StudyError(message) from error
    return _Reader(file, file.read_text(encoding="utf-8"), values).study()


class _Reader:
    def __init__(self, file: Path, content: str, values: Mapping[str, Any]) -> None:
        self.file = file
        self.content = content
        self.values = values

    def study(self) -> Study:
        for key in self.values:
            if key not in _KEYS:
                table, named = (key, "") if isinstance(self.values[key], dict) else ("", key)
                raise self._error(table, named, f"unknown key {key!r}; {did_you_mean(key, _KEYS)}")
        name = self._text("name", "")
        if not _NAME.fullmatch(name):
            raise self._error("", "name", f"name is {name!r}; expected letters, digits, dots, dashes, like alpha-ratio")
        sets = {key: self._texts("language_sets", key) for key in self._table("language_sets")}
        texts = {key: self._texts("texts", key) for key in self._table("texts")}
        tables = {"language_sets": sets, "texts": texts}
        train = self._train(tables) if "train" in self.values else None
        factors = self._factors(train is not None, tables)
        exclude, only = self._grid("exclude", factors), self._grid("only", factors)
        study = Study(
            name=name,
            title=self._text("title", name),
            question=self._text("question", ""),
            seeds=self._seeds(train is not None),
            train=train,
            factors=factors,
            evaluations=self._evaluations(),
            file=self.file,
            content=self.content,
            exclude=exclude,
            only=only,
            budget=self._budget(train, factors),
            limits=self._limits(),
            texts=texts,
            language_sets=sets,
            analysis=self._analysis(factors),
            keep_models=self._flag("keep_models"),
            keep_runs=self._flag("keep_runs"),
        )
        if not any(True for _ in study.combinations()):
            raise self._error("grid", "", "no combination of the factors is left")
        return study

    def _train(self, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        known = training_factors()
        given = {}
        for key, value in self._table("train").items():
            name = key.replace("-", "_")
            if name == "seed":
                raise self._error("train", key, "the seeds of a study stand above its tables: seeds = [1, 2, 3]")
            if name in ("out", "tokenizer"):
                raise self._error("train", key, f"{key} is chosen by the study itself; leave it out")
            self._known(name, known, "train", "key", key)
            given[name] = check_value(name, value, self._at("train", key), tables).given
        if "groups" not in given and "groups" not in self._table("factors"):
            raise self._error("train", "", '[train] names no groups; expected groups = "FILE.jsonl.gz" or "sample"')
        return given

    def _factors(self, trains: bool, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Value, ...]]:
        known = training_factors() if trains else RETRIEVER_FACTORS
        found = {}
        for key, values in self._table("factors").items():
            name = key.replace("-", "_")
            if name == "seed":
                raise self._error("factors", key, "the seeds of a study stand above its tables: seeds = [1, 2, 3]")
            if not trains and name not in known and name in training_factors():
                raise self._error("factors", key, f"the factor {key!r} is one of training; expected a table [train]")
            self._known(name, known, "factors", "factor", key)
            where = f"{self._at('factors', key)}: {key}"
            if not isinstance(values, list) or not values:
                raise StudyError(f"{where} is {values!r}; expected a list of its values")
            checked = []
            for value in values:
                if not trains:
                    checked.append(check_model(value, where) if name == "model" else Value(value, value))
                else:
                    checked.append(check_value(name, value, self._at("factors", key), tables))
            labels = [value.label for value in checked]
            for label in labels:
                if labels.count(label) > 1:
                    raise StudyError(f"{where} has the value {label!r} twice; give tables a name of their own")
            found[name] = tuple(checked)
        check_together(tuple(found), self._at("factors"))
        if not trains and "model" not in found:
            raise self._error("factors", "", "nothing is trained and no model is named; expected [train], or the "
                              "factor model under [factors]")  # fmt: skip
        return found

    def _grid(self, key: str, factors: Mapping[str, tuple[Value, ...]]) -> tuple[dict[str, tuple[Any, ...]], ...]:
        for name in self._table("grid"):
            self._known(name, ("exclude", "only"), "grid", "key")
        rules = self._table("grid").get(key, [])
        if not isinstance(rules, list) or not all(isinstance(rule, dict) and rule for rule in rules):
            raise self._error("grid", key, f"{key} is {rules!r}; expected tables like [{{alpha = 0.5}}]")
        found = []
        for rule in rules:
            wanted: dict[str, tuple[Any, ...]] = {}
            for factor, value in rule.items():
                name = factor.replace("-", "_")
                self._known(name, factors, "grid", "factor", key)
                labels = tuple(value) if isinstance(value, list) else (value,)
                known = [each.label for each in factors[name]]
                for label in labels:
                    if label not in known:
                        hint = did_you_mean(str(label), map(str, known))
                        raise self._error("grid", key, f"{factor} has no value {label!r}; {hint}")
                wanted[name] = labels
            found.append(wanted)
        return tuple(found)

    def _evaluations(self) -> tuple[Evaluation, ...]:
        table = self._table("evaluate")
        for key in table:
            self._known(key, _EVALUATE, "evaluate", "key")
        datasets = table.get("datasets")
        common = {key: value for key, value in table.items() if key != "datasets"}
        if isinstance(datasets, list) and datasets and all(isinstance(name, str) for name in datasets):
            each: dict[str, dict[str, Any]] = {name: {} for name in datasets}
            if len(each) < len(datasets):
                raise self._error("evaluate", "datasets", f"datasets is {datasets!r}, with a data set twice")
        elif isinstance(datasets, dict) and datasets and all(isinstance(own, dict) for own in datasets.values()):
            each = datasets
        else:
            raise self._error("evaluate", "datasets", f"datasets is {datasets!r}; expected a list of data sets, or a "
                              "table [evaluate.datasets.NAME] for each")  # fmt: skip
        return tuple(self._evaluation(name, {**common, **own}) for name, own in each.items())

    def _evaluation(self, dataset: str, values: Mapping[str, Any]) -> Evaluation:
        def several(key: str) -> tuple[str, ...] | None:
            given = values.get(key)
            if given is None:
                return None
            names = given.split(",") if isinstance(given, str) else given
            if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
                raise self._error("evaluate", key, f"{key} of {dataset} is {given!r}; expected a list of names")
            return tuple(name.strip() for name in names)

        settings, metrics = several("settings"), several("metrics")
        try:
            chosen = None if settings is None else tuple(parse_settings(settings))
            measured = None if metrics is None else tuple(str(metric) for metric in parse_metrics(metrics))
        except BeirHybridError as error:
            raise self._error("evaluate", "settings" if "setting" in str(error) else "metrics", str(error)) from error
        top_k = values.get("top_k")
        if top_k is not None and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1):
            raise self._error("evaluate", "top_k", f"top_k is {top_k!r}; expected a whole number of at least 1")
        for key in ("split", "data_dir"):
            if not isinstance(values.get(key, ""), str):
                raise self._error("evaluate", key, f"{key} of {dataset} is {values[key]!r}; expected text")
        return Evaluation(
            dataset=dataset,
            settings=chosen,
            languages=several("languages"),
            metrics=measured,
            split=values.get("split"),
            data_dir=values.get("data_dir"),
            top_k=top_k,
            options={key: value for key, value in values.items() if key not in _EVALUATE},
        )

    def _seeds(self, trains: bool) -> tuple[int, ...]:
        seeds = self.values.get("seeds", [1] if trains else [0])
        whole = isinstance(seeds, list) and all(isinstance(s, int) and not isinstance(s, bool) for s in seeds)
        if not whole or not seeds or any(not 0 <= seed < 2**32 for seed in seeds) or len(set(seeds)) < len(seeds):
            raise self._error("", "seeds", f"seeds is {seeds!r}; expected different whole numbers like [1, 2, 3]")
        if not trains and len(seeds) > 1:
            raise self._error("", "seeds", "nothing is trained, so there is nothing to seed; leave seeds out")
        return tuple(seeds) if trains else (0,)

    def _budget(self, train: Mapping[str, Any] | None, factors: Mapping[str, tuple[Value, ...]]) -> Any:
        for key in self._table("budget"):
            self._known(key, ("equal",), "budget", "key")
        mode = self._table("budget").get("equal", "pairs")
        if mode not in BUDGETS:
            raise self._error("budget", "equal", f"equal is {mode!r}; {did_you_mean(str(mode), BUDGETS)}")
        if train is None or mode == "none":
            return mode
        varying = [name for name in ("steps", "epochs") if name in factors]
        if varying or "epochs" in train:
            what = f"{varying[0]} is a factor" if varying else "the training is given in epochs"
            raise self._error(
                "budget", "equal",
                f"{what}, so budgets are not equal; give steps in [train], or say so: [budget] equal = \"none\"",
            )  # fmt: skip
        return mode

    def _analysis(self, factors: Mapping[str, tuple[Value, ...]]) -> dict[str, Any]:
        """What the analysis will be told, checked before anything is trained."""
        table = self._table("analysis")
        try:
            parse_options(table, {name: [value.label for value in each] for name, each in factors.items()})
        except BeirHybridError as error:
            key = next((key for key in table if f" {key} " in str(error) or f" {key}:" in str(error)), "")
            raise self._error("analysis", key, str(error)) from error
        return table

    def _limits(self) -> Limits:
        table = self._table("limits")
        for key, value in table.items():
            self._known(key, ("minutes_per_cell", "memory_gb", "threads"), "limits", "key")
            number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
            if not number or (key == "threads" and not isinstance(value, int)):
                raise self._error("limits", key, f"{key} is {value!r}; expected a number above 0")
        return Limits(**table)

    def _known(self, name: str, known: Iterable[str], table: str, kind: str, key: str | None = None) -> None:
        if name not in known:
            raise self._error(table, key or name, f"unknown {kind} {name!r}; {did_you_mean(name, known)}")

    def _table(self, key: str) -> dict[str, Any]:
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            raise self._error("", key, f"{key} is {found!r}; expected a table [{key}]")
        return found

    def _text(self, key: str, otherwise: str) -> str:
        found = self.values.get(key, otherwise)
        if not isinstance(found, str):
            raise self._error("", key, f"{key} is {found!r}; expected text")
        return " ".join(found.split())

    def _texts(self, table: str, key: str) -> tuple[str, ...]:
        found = self.values[table][key]
        parts = [found] if isinstance(found, str) else found
        if not isinstance(parts, list) or not parts or not all(isinstance(part, str) and part for part in parts):
            raise self._error(table, key, f"{key} is {found!r}; expected a list of names")
        return tuple(parts)

    def _flag(self, key: str) -> bool:
        found = self.values.get(key, False)
        if not isinstance(found, bool):
            raise self._error("", key, f"{key} is {found!r}; expected true or false")
        return found

    def _error(self, table: str, key: str, message: str) -> StudyError:
        return StudyError(f"{self._at(table, key)}: {message}")

    def _at(self, table: str, key: str = "") -> str:
        return at(self.file, line_of(self.content, table, key))


def line_of(content: str, table: str, key: str = "") -> int | None:
    """The line of a key of a table of a TOML text (of the table's head without one; "" is the top); None if unseen."""
    here, head = "", None
    for number, line in enumerate(content.splitlines(), 1):
        if header := re.fullmatch(r"\s*\[+\s*([^\]]+?)\s*\]+\s*(#.*)?", line):
            here = header[1]
            if here.partition(".")[0] == table:
                head = head or number
                if not key or here.rpartition(".")[2].strip("\"'") == key:
                    return number
        elif here.partition(".")[0] == table and key:
            named = re.match(r"\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*(\.[^=]*)?=", line)
            if named and named[1].replace("-", "_") == key.replace("-", "_"):
                return number
    return head
