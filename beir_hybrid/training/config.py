"""The configuration of a training: command-line options, the keys of a TOML file, and what is saved with the model."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
import types
import typing
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from beir_hybrid.disk.locations import at_home
from beir_hybrid.errors import TrainingError, at, did_you_mean

SAME = (("model", "from_scratch"), ("sampling", "alpha"), ("steps", "epochs"), ("dapt", "pretrain_text"))
"""Settings, of studies too, of which one takes the place of the other."""
_PATHS = ("groups", "dev_groups", "pairs", "model", "tokenizer", "pretrain_text", "lexicon", "data_dir", "out")
_ALPHA = {"mono": 1.0, "cross": 0.0, "hybrid": 0.5}


@cache
def _table() -> dict[str, dict[str, Any]]:
    """`options.toml`: help, range and the rest of every setting."""
    table = tomllib.loads((files("beir_hybrid.training") / "options.toml").read_text(encoding="utf-8"))
    return {name: told if isinstance(told, dict) else {"help": told} for name, told in table.items()}


@dataclass(frozen=True)
class TrainConfig:
    """Every setting of a training. The defaults are those of arXiv 2408.10536 where it names them."""

    groups: str | None = None
    dev_groups: str | None = None
    pairs: str | None = None
    model: str | None = None
    from_scratch: Literal["static", "transformer"] | None = None
    sampling: Literal["mono", "cross", "hybrid"] | None = None
    alpha: float | None = None
    alpha_end: float | None = None
    alpha_schedule: Literal["constant", "linear", "cosine"] = "constant"
    languages: tuple[str, ...] | None = None
    language_weights: str = "uniform"
    pairing: Literal["row", "batch"] = "row"
    steps: int | None = None
    epochs: float | None = None
    batch_size: int = 100
    gradient_accumulation: int = 1
    learning_rate: float | None = None
    weight_decay: float = 0.01
    warmup: float = 0.1
    scale: float | None = None
    loss: Literal["masked", "plain"] = "masked"
    mini_batch_size: int | None = None
    gather: bool = False
    matryoshka: tuple[int, ...] | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None
    router_mapping: tuple[str, ...] | None = None
    negatives: int | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    seed: int = 42
    evaluate_every: int | None = None
    patience: int | None = None
    best: Literal["loss", "mono_map", "cross_map", "multi_map", "rank_distance"] = "loss"
    dev_limit: int | None = None
    workers: int = 0
    max_seq_length: int | None = None
    freeze_embeddings: bool = False
    cut_vocabulary: bool = False
    keep_layers: int | None = None
    lora: int | None = None
    wise_ft: float | None = None
    vocabulary: int | None = None
    width: int | None = None
    layers: int | None = None
    tokenizer: str | None = None
    pretrain_text: tuple[str, ...] | None = None
    pretrain_steps: int | None = None
    pretrain_learning_rate: float | None = None
    code_switch: float = 0.0
    lexicon: str | None = None
    leak_check: tuple[str, ...] | None = None
    on_leak: Literal["refuse", "drop"] = "refuse"
    data_dir: str | None = None
    out: str | None = None

    def __post_init__(self) -> None:
        for name in _PATHS:
            if value := getattr(self, name):
                object.__setattr__(self, name, at_home(value) if isinstance(value, str) else tuple(map(at_home, value)))
        for name, told in _table().items():
            value, low, high = getattr(self, name), told.get("low", -math.inf), told.get("high", math.inf)
            for one in value if isinstance(value, tuple) else [value]:
                if isinstance(one, int | float) and not (low <= one <= high and math.isfinite(one)):
                    bound = f"at least {low}" if high == math.inf else f"in [{low}, {high}]"
                    raise TrainingError(f"{flag(name)} is {one}; expected a number {bound}")
        if not self.groups:
            raise TrainingError("no training groups were given; expected --groups FILE.jsonl or .jsonl.gz")
        if not self.out:
            raise TrainingError("no output folder was given; expected --out DIR")
        if (self.model is None) == (self.from_scratch is None):
            raise TrainingError("expected one of --model NAME_OR_PATH and --from-scratch static|transformer")
        if self.steps is not None and self.epochs is not None:
            raise TrainingError("expected one of --steps and --epochs, got both")
        if self.sampling is not None and self.alpha is not None:
            raise TrainingError(f"expected one of --sampling and --alpha, got {self.sampling} and {self.alpha}")
        if (self.alpha_schedule == "constant") != (self.alpha_end is None):
            raise TrainingError("--alpha-schedule linear|cosine and --alpha-end go together")
        if self.alpha_end == self.start_alpha:
            raise TrainingError(f"--alpha-end {self.alpha_end} has no effect: alpha begins there")
        if self.pairing == "batch" and self.start_alpha == 1 == (1 if self.alpha_end is None else self.alpha_end):
            raise TrainingError("--pairing batch has no effect: with alpha 1 no batch is cross-lingual")
        for name in ("freeze_embeddings", "cut_vocabulary"):
            if getattr(self, name) and self.lora is not None and not self.pretrain_text:
                raise TrainingError(f"{flag(name)} has no effect with --lora, which trains no word embeddings")
        for name, told in _table().items():
            if getattr(self, name) and not getattr(self, told.get("needs", name)):
                raise TrainingError(f"{flag(name)} needs {flag(told['needs'])}")
        if self.on_leak == "drop" and not self.leak_check:
            raise TrainingError("--on-leak drop needs --leak-check")
        if self.tokenizer and self.vocabulary:
            raise TrainingError("--vocabulary has no effect with --tokenizer, which has its own")
        if self.from_scratch == "static":
            refuse_for_kind(self, "static")
        if self.from_scratch == "transformer" and self.value("width") % 64:
            raise TrainingError(f"--width is {self.width}; expected a multiple of 64 (the width of an attention head)")
        for name in ("languages", "leak_check", "pretrain_text"):
            repeated = [value for value, count in Counter(getattr(self, name) or ()).items() if count > 1]
            if repeated:
                raise TrainingError(f"{flag(name)} names {repeated[0]!r} twice")
        self.weights()

    @property
    def start_alpha(self) -> float:
        """The probability of a monolingual batch at the beginning."""
        return self.alpha if self.alpha is not None else _ALPHA[self.sampling or "hybrid"]

    def value(self, name: str) -> Any:
        """A setting, or its default where it is not given."""
        given = getattr(self, name)
        return default_of(name) if given is None else given

    def weights(self) -> str | float:
        """`language_weights` as the sampler takes it.

        Raises:
            TrainingError: neither uniform, size nor a positive temperature.
        """
        if self.language_weights in ("uniform", "size"):
            return self.language_weights
        try:
            temperature = float(self.language_weights)
        except ValueError:
            temperature = 0.0
        if not temperature > 0:
            raise TrainingError(
                f"--language-weights is {self.language_weights!r}; expected uniform, size or a temperature above 0"
            )
        return temperature

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values; None left out."""
        values = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if v is not None}

    def to_toml(self) -> str:
        """The settings as a file that ``--config`` reads."""
        # a JSON string, number, boolean or list of them is one in TOML too
        lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in self.to_dict().items())
        # the one character that JSON leaves as it is and TOML does not allow
        return "".join(lines).replace("\x7f", "\\u007f")


def default_of(name: str) -> Any:
    """The default of a setting; None where there is none, or where it depends on others."""
    return _table()[name].get("default", getattr(TrainConfig, name))


def replacing(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Settings over common ones: one for another way to say the same thing takes that one's place too, a model that of
    all which says how one from scratch is made, and monolingual batches that of how languages are paired."""
    gone = {other for pair in SAME for one, other in (pair, pair[::-1]) if one in own}
    if "model" in own:
        gone |= {name for name, told in _table().items() if told.get("needs") == "from_scratch"}
    if own.get("sampling") == "mono" or own.get("alpha") == 1:
        gone.add("pairing")
    return {**{name: value for name, value in common.items() if name not in gone}, **own}


def refuse_without_validation(config: TrainConfig) -> None:
    """Refuse the settings that mean nothing where there are no validation groups.

    Raises:
        TrainingError: one of them is set.
    """
    given = [flag(name) for name in ("patience", "dev_limit") if getattr(config, name)]
    given += [f"--best {config.best}"] if config.best != "loss" else []
    if given:
        raise TrainingError(f"{given[0]} needs validation groups: --dev-groups, or groups with split dev")


def flag(name: str) -> str:
    """How a setting is called on the command line."""
    return "--" + name.replace("_", "-")


def refuse_for_kind(config: TrainConfig, kind: str) -> None:
    """Refuse what a kind of model does not have; ``static`` is one too.

    Raises:
        TrainingError: such a setting is set.
    """
    for name, told in _table().items():
        if kind == "static" and "static" in told and getattr(config, name):
            raise TrainingError(f"{flag(name)} needs a transformer; a static model {told['static']}")
        if kind in told.get("not_for", ()) and getattr(config, name):
            raise TrainingError(f"{flag(name)} does not go with a {kind} model")
    if kind == "static" and config.precision == "fp16":
        raise TrainingError("--precision fp16 needs a transformer; sparse gradients are not scaled, use bf16 or fp32")
    if kind not in ("static", "dense") and config.loss == "plain":
        raise TrainingError(f"--loss plain does not go with a {kind} model")


def option_fields() -> list[tuple[str, type, bool, tuple[str, ...], str]]:
    """Every setting as (name, type of a value, whether it is a list, allowed values, help)."""
    hints = typing.get_type_hints(TrainConfig)
    found = []
    for item in fields(TrainConfig):
        wanted, many, choices = _shape(hints[item.name])
        text = _table()[item.name]["help"]
        default = default_of(item.name)
        if default not in (None, False, "", 0, 0.0) and "default" not in text:
            text += f" (default: {default!r})" if isinstance(default, str) else f" (default: {default})"
        found.append((item.name, wanted, many, choices, text))
    return found


def _shape(hint: Any) -> tuple[type, bool, tuple[str, ...]]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True, ()
    if typing.get_origin(hint) is Literal:
        return str, False, typing.get_args(hint)
    return hint, False, ()


def config_from(values: Mapping[str, Any], where: str = "the configuration") -> TrainConfig:
    """A configuration from keys and values, as a TOML file has them (dashes and underscores are the same).

    Raises:
        TrainingError: an unknown key, or a value of the wrong type.
    """
    return TrainConfig(**typed(values, where))


def typed(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Keys and values as `TrainConfig` has them.

    Raises:
        TrainingError: an unknown key, or a value of the wrong type.
    """
    known = {name: (wanted, many, choices) for name, wanted, many, choices, _ in option_fields()}
    given: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in known:
            raise TrainingError(f"{where}: unknown key {key!r}; {did_you_mean(name, known)}")
        wanted, many, choices = known[name]
        items = value if many and isinstance(value, list | tuple) else [value]
        if many and isinstance(value, str):
            items = [part.strip() for part in value.split(",")]
        checked = [_typed(item, wanted, choices, f"{where}: {key}") for item in items]
        given[name] = tuple(checked) if many else checked[0]
    return given


def _typed(value: Any, wanted: type, choices: tuple[str, ...], where: str) -> Any:
    if wanted in (int, float) and isinstance(value, str):
        try:
            value = wanted(value)
        except ValueError:
            raise TrainingError(f"{where} is {value!r}; expected a number") from None
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if wanted is str and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise TrainingError(f"{where} is {value!r}; expected a value of type {wanted.__name__}")
    if choices and value not in choices:
        raise TrainingError(f"{where} is {value!r}; {did_you_mean(str(value), choices)}")
    return value


def read_toml(path: Path) -> dict[str, Any]:
    """The keys of a configuration file.

    Raises:
        TrainingError: it does not exist, or is no TOML (``path:line``).
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(f"{path} does not exist; expected a TOML file with the options of train as keys") from None
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"at line (\d+)", str(error))  # an attribute from Python 3.14 on
        raise TrainingError(f"{at(path, int(line[1]) if line else None)}: not valid TOML: {error}") from error
