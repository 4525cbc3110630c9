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
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from beir_hybrid.errors import TrainingError, at, did_you_mean

_ALPHA = {"mono": 1.0, "cross": 0.0, "hybrid": 0.5}


def _option(default: Any, help: str, *, low: float | None = None, high: float = math.inf) -> Any:
    return field(default=default, metadata={"help": help, "range": (low, high)})


@dataclass(frozen=True)
class TrainConfig:
    """Every setting of a training. The defaults are those of arXiv 2408.10536 where it names them."""

    groups: str | None = _option(
        None,
        "training groups: JSON Lines, plain or gzipped (with a field split, its train part), SQuAD-shaped files "
        "(de=FILE,en=FILE), mMARCO's folder (with --pairs), or sample",
    )
    dev_groups: str | None = _option(None, "validation groups (default: the part of --groups with split dev, if any)")
    pairs: str | None = _option(None, "mMARCO: the file of triples or qrels that says which passage answers what")
    model: str | None = _option(None, "sentence-transformers or transformers model to start from, a name or path")
    from_scratch: Literal["static", "transformer"] | None = _option(
        None, "start from random weights and a tokenizer trained on the training text"
    )
    sampling: Literal["mono", "cross", "hybrid"] | None = _option(
        None, "kind of batches: mono is alpha 1 (X-X-mono), cross 0 (X-Y), hybrid 0.5 (default)"
    )
    alpha: float | None = _option(None, "probability that a batch is monolingual", low=0, high=1)
    alpha_end: float | None = _option(None, "alpha at the end of the training, with --alpha-schedule", low=0, high=1)
    alpha_schedule: Literal["constant", "linear", "cosine"] = _option("constant", "how alpha moves to --alpha-end")
    languages: tuple[str, ...] | None = _option(None, "train on these languages only (default: all there are)")
    language_weights: str = _option(
        "uniform", "how often a language is drawn: uniform, size, or a temperature between them"
    )
    pairing: Literal["row", "batch"] = _option(
        "row", "a cross-lingual language pair for each row, or one for the batch"
    )
    steps: int | None = _option(None, "optimizer steps", low=1)
    epochs: float | None = _option(None, "epochs: in one, as many rows are seen as there are groups", low=1e-9)
    batch_size: int = _option(100, "rows of a batch on each process", low=2)
    gradient_accumulation: int = _option(1, "batches summed for a step", low=1)
    learning_rate: float | None = _option(
        None, "peak learning rate (default: 3e-5; from scratch 5e-4, static 0.01)", low=1e-12
    )
    weight_decay: float = _option(0.01, "decoupled weight decay", low=0)
    warmup: float = _option(
        0.1, "share of the steps over which the learning rate rises; then it falls linearly", low=0, high=1
    )
    scale: float = _option(
        20.0, "1 / temperature of the loss (sparse, multi-vector, cross-encoder: their own)", low=1e-9
    )
    loss: Literal["masked", "plain"] = _option("masked", "masked spares translations and duplicates of the positive")
    mini_batch_size: int | None = _option(None, "cached loss (GradCache): rows in memory at a time", low=1)
    gather: bool = _option(False, "take the passages of all processes as negatives")
    matryoshka: tuple[int, ...] | None = _option(None, "also train these shorter dimensions")
    query_prompt: str | None = _option(
        None, "put before every query, in training and by the saved model (default: the model's own; new: 'Query: ')"
    )
    passage_prompt: str | None = _option(None, "put before every passage (default: the model's own; new: 'Passage: ')")
    router_mapping: tuple[str, ...] | None = _option(
        None, "routes of a model with a Router, query=ROUTE,passage=ROUTE (default: query and document)"
    )
    negatives: int | None = _option(None, "hard negatives of each row (default: as many as the first row has)", low=0)
    precision: Literal["fp32", "bf16", "fp16"] = _option("fp32", "mixed precision")
    seed: int = _option(42, "seed of weights, batches and everything else drawn", low=0, high=2**32 - 1)
    evaluate_every: int | None = _option(None, "steps between validations (default: 20 validations)", low=1)
    patience: int = _option(5, "stop after so many validations without a better one (0: never)", low=0)
    best: Literal["loss", "mono_map", "cross_map", "multi_map", "rank_distance"] = _option(
        "loss", "what the best checkpoint is chosen by"
    )
    dev_limit: int = _option(300, "validation groups ranked for the map metrics at most", low=1)
    workers: int = _option(0, "processes that prepare batches", low=0)
    max_seq_length: int | None = _option(None, "tokens read of a text (default: the model's; from scratch 128)", low=4)
    freeze_embeddings: bool = _option(False, "leave the word embeddings as they are")
    cut_vocabulary: bool = _option(
        False, "train the word embeddings of the tokens that the training text uses, and hold moments of no other"
    )
    keep_layers: int | None = _option(
        None, "start with the first so many layers of --model; the others are dropped", low=1
    )
    lora: int | None = _option(
        None, "train low-rank adapters of this rank (needs peft), merged in the saved model", low=1
    )
    wise_ft: float | None = _option(
        None,
        "share of the trained weights in the saved model; the rest is of the starting model (arXiv 2109.01903)",
        low=0,
        high=1,
    )
    distill: float = _option(
        0.0,
        "weight of a term that holds how each query ranks its batch to what the starting model does in one language",
        low=0,
    )
    distill_to: str | None = _option(
        None, "hold all batches to the starting model without language: the folder of beir-hybrid neutralize (project)"
    )
    vocabulary: int = _option(64_000, "from scratch: tokens of the tokenizer", low=300)
    width: int = _option(512, "from scratch: dimension of the embedding", low=1)
    layers: int = _option(4, "from scratch, transformer: layers", low=1)
    tokenizer: str | None = _option(None, "from scratch: take this trained tokenizer.json instead of training one")
    pretrain_text: tuple[str, ...] | None = _option(
        None, "masked-language modelling first, on these text files (a line a text)"
    )
    pretrain_steps: int = _option(1000, "steps of it", low=1)
    pretrain_learning_rate: float = _option(1e-4, "its learning rate", low=1e-12)
    code_switch: float = _option(0.0, "probability that a query word is replaced by its translation", low=0, high=1)
    lexicon: str | None = _option(None, "bilingual lexicon: a file or a folder of xx-yy.txt, 'word translation' lines")
    leak_check: tuple[str, ...] | None = _option(None, "compare the training text with these evaluation sets first")
    on_leak: Literal["refuse", "drop"] = _option("refuse", "what to do with groups that overlap")
    data_dir: str | None = _option(None, "where the evaluation sets of --leak-check are")
    out: str | None = _option(None, "folder of the model")

    def __post_init__(self) -> None:
        for option in fields(self):
            value, (low, high) = getattr(self, option.name), option.metadata["range"]
            if value is not None and low is not None and not (low <= value <= high and math.isfinite(value)):
                bound = f"at least {low}" if high == math.inf else f"in [{low}, {high}]"
                raise TrainingError(f"{flag(option.name)} is {value}; expected a number {bound}")
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
        if self.tokenizer is not None and self.from_scratch is None:
            raise TrainingError("--tokenizer needs --from-scratch; --model brings its own")
        if self.from_scratch == "static":
            refuse_for_static(self)
        if self.from_scratch == "transformer" and self.width % 64:
            raise TrainingError(f"--width is {self.width}; expected a multiple of 64 (the width of an attention head)")
        if any(dim < 1 for dim in self.matryoshka or ()):
            given = ", ".join(map(str, self.matryoshka or ()))
            raise TrainingError(f"--matryoshka is {given}; expected numbers above 0")
        for name in ("languages", "leak_check", "pretrain_text"):
            repeated = [value for value, count in Counter(getattr(self, name) or ()).items() if count > 1]
            if repeated:
                raise TrainingError(f"{flag(name)} names {repeated[0]!r} twice")
        if self.cut_vocabulary and self.from_scratch is not None:
            raise TrainingError("--cut-vocabulary does not go with --from-scratch")
        if self.distill_to is not None and not self.distill:
            raise TrainingError("--distill-to needs --distill, the weight of its term")
        if self.distill > 0 and self.from_scratch is not None:
            raise TrainingError("--distill needs --model; a model from scratch has nothing to hold")
        if (self.code_switch > 0) != (self.lexicon is not None):
            raise TrainingError("--code-switch and --lexicon go together")
        self.weights()

    @property
    def start_alpha(self) -> float:
        """The probability of a monolingual batch at the beginning."""
        return self.alpha if self.alpha is not None else _ALPHA[self.sampling or "hybrid"]

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


def flag(name: str) -> str:
    """How a setting is called on the command line."""
    return "--" + name.replace("_", "-")


def refuse_for_static(config: TrainConfig) -> None:
    """Refuse the settings that mean nothing for a static model.

    Raises:
        TrainingError: one of them is set.
    """
    for name, reason in _NOT_FOR_STATIC.items():
        if getattr(config, name):
            raise TrainingError(f"{flag(name)} needs a transformer; a static model {reason}")
    if config.precision == "fp16":
        raise TrainingError("--precision fp16 needs a transformer; sparse gradients are not scaled, use bf16 or fp32")


_NOT_FOR_STATIC = {
    "keep_layers": "has no layers",
    "max_seq_length": "reads all of a text",
    "mini_batch_size": "takes any batch as it is",
    "pretrain_text": "has no context to predict words from",
    "lora": "is nothing but its embeddings",
    "freeze_embeddings": "is nothing but its embeddings",
    "cut_vocabulary": "updates only the tokens that occur anyway",
}


def option_fields() -> list[tuple[str, type, bool, tuple[str, ...], str]]:
    """Every setting as (name, type of a value, whether it is a list, allowed values, help)."""
    hints = typing.get_type_hints(TrainConfig)
    found = []
    for item in fields(TrainConfig):
        wanted, many, choices = _shape(hints[item.name])
        text = item.metadata["help"]
        if item.default not in (None, False, "", 0, 0.0) and "default" not in text:
            text += f" (default: {item.default!r})" if isinstance(item.default, str) else f" (default: {item.default})"
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
