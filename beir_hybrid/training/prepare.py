"""What the first process does before a training: look for leaks, lay the data out, make the model it begins with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.disk.files import write_json
from beir_hybrid.encoders import find_encoder
from beir_hybrid.errors import TrainingError
from beir_hybrid.progress import tell
from beir_hybrid.training.config import TrainConfig, refuse_for_kind
from beir_hybrid.training.data import TrainingData, batches_of, group_source, training_groups
from beir_hybrid.training.folder import LEAK_FILE, TrainFolder, digest_of
from beir_hybrid.training.leak import LeakDetector, TrainingText, find_leaks, leak_report, texts_of_groups
from beir_hybrid.training.models import kind_of
from beir_hybrid.training.pretrain import read_pretraining_text

PRETRAINING_TEXT = "pretraining_text.json"
SCRATCH_LENGTH = 128
"""Tokens that a model from scratch reads of a text."""


def inputs_of(config: TrainConfig) -> dict[str, Any]:
    """A digest of everything that a training reads, and the version of this package.

    Raises:
        TrainingError: a file is not there.
    """
    from beir_hybrid import __version__
    from beir_hybrid.datasets import load_dataset

    if config.pairs and not any(Path(given).is_dir() for given in (config.groups, config.dev_groups) if given):
        raise TrainingError(
            f"--pairs {config.pairs} goes with a folder of mMARCO, and --groups {config.groups} is none"
        )
    found: dict[str, Any] = {
        "code": f"beir-hybrid {__version__}",
        "groups": group_source(config.groups or "", config).digest(),
        "leak_check": {name: load_dataset(name, config.data_dir).fingerprint for name in config.leak_check or ()},
        "pretrain_text": [_file_digest(path, "--pretrain-text") for path in config.pretrain_text or ()],
    }
    if config.dev_groups:
        found["dev_groups"] = group_source(config.dev_groups, config).digest()
    for name in ("tokenizer", "lexicon"):
        if path := getattr(config, name):
            found[name] = _file_digest(path, f"--{name}")
    if config.model is not None:
        location = find_encoder(config.model, TrainingError).location or config.model
        found["model"] = digest_of(Path(location)) if Path(location).is_dir() else location
    return {name: value for name, value in found.items() if value}


def prepare(config: TrainConfig, folder: TrainFolder, processes: int) -> None:
    """Everything that is done once."""
    if config.model is not None:
        refuse_for_kind(config, kind_of(config.model))
    lines = list(read_pretraining_text(config.pretrain_text or ()))
    left_out: dict[str, list[str]] = {"train": [], "dev": []}
    if config.leak_check:
        left_out, lines = _without_leaks(config, lines, folder.path)
    if lines:
        write_json(folder.work / PRETRAINING_TEXT, [line.text for line in lines])
    data = TrainingData.of(config, folder.data, left_out)
    batches_of(config, 1.0)(data.train, config.batch_size)  # what the sampler has to say is said now
    if data.dev is not None and data.dev.n_groups < 2 * processes:
        raise TrainingError(
            f"the validation groups do not fill a batch: got {data.dev.n_groups}, expected at least {2 * processes}"
        )
    if data.dev is not None:
        _tell_what_is_in_both(data.train, data.dev)
    if config.lexicon:
        from beir_hybrid.training.code_switch import read_lexicon, refuse_useless

        refuse_useless(read_lexicon(Path(config.lexicon)), data.train, config.lexicon)
    if config.from_scratch is not None:
        _new_model(config, left_out["train"], folder.work / "base")
    write_json(folder.prepared, left_out)


def _tell_what_is_in_both(train: Any, dev: Any) -> None:
    passages = np.unique(np.concatenate(list(dev.positive_ids())))
    both = int(np.logical_or.reduce([np.isin(passages, some) for some in train.positive_ids()]).sum())
    if both:
        tell(f"{both:,} of {len(passages):,} validation passages are trained on too: on them the model looks too good")


def _file_digest(path: str, option: str) -> str:
    try:
        return digest_of(Path(path))
    except OSError as error:
        raise TrainingError(f"{option} {path}: cannot be read: {error.strerror or error}") from error


def _without_leaks(
    config: TrainConfig, lines: list[TrainingText], out: Path
) -> tuple[dict[str, list[str]], list[TrainingText]]:
    """Ids of the groups of each part that overlap an evaluation set, and the lines of pretraining text that do not."""
    from beir_hybrid.datasets import load_dataset

    compared = {"train": 0, "dev": 0, "pretraining": len(lines)}

    def texts() -> Iterator[TrainingText]:
        for part in ("train", "dev"):
            compared[part] = 0
            for group in training_groups(config, part):
                compared[part] += 1
                yield from texts_of_groups([group], part, config.languages)
        yield from lines

    leaks = {
        name: find_leaks(texts(), LeakDetector(load_dataset(name, config.data_dir))) for name in config.leak_check or ()
    }
    write_json(out / LEAK_FILE, leak_report(leaks, {part: count for part, count in compared.items() if count}))
    found = [leak for each in leaks.values() for leak in each]
    counts = ", ".join(
        f"{len({leak.group or leak.where for leak in each if leak.part == part})} {unit} with {name}"
        for name, each in leaks.items()
        for part, unit in (("train", "training groups"), ("dev", "validation groups"), ("pretraining", "lines"))
        if compared[part]
    )
    tell(f"leak check: {counts} overlap; report: {out / LEAK_FILE}")
    if found and config.on_leak == "refuse":
        raise TrainingError(_refusal(found[0], counts, out))
    left_out = {part: sorted({one.group for one in found if one.part == part}) for part in ("train", "dev")}
    places = {leak.where for leak in found if leak.part == "pretraining"}
    kept = [line for line in lines if line.where not in places]
    left = {part: compared[part] - len(groups) for part, groups in left_out.items()} | {"pretraining": len(kept)}
    for part, count in left.items():
        if compared[part] and not count:
            raise TrainingError(f"all of the {part} text overlaps an evaluation set; {out / LEAK_FILE} lists it")
    return left_out, kept


def _refusal(leak: TrainingText, counts: str, out: Path) -> str:
    named = " in ".join(part for part in (leak.side, leak.language) if part) or "pretraining text"
    return (
        f"training text overlaps an evaluation set ({counts}), first at {leak.where} ({named}, {leak.kind}, "
        f"{leak.evaluation_id}); {out / LEAK_FILE} lists all; drop them with --on-leak drop"
    )


def _new_model(config: TrainConfig, left_out: list[str], base: Path) -> None:
    from beir_hybrid.training.scratch import (
        load_tokenizer,
        static_model,
        token_weights,
        train_tokenizer,
        transformer_folder,
    )

    def texts() -> Iterator[str]:
        groups = training_groups(config, "train", left_out)
        return (one.text for one in texts_of_groups(groups, "train", config.languages) if one.side != "negative")

    if config.tokenizer:
        tokenizer = load_tokenizer(Path(config.tokenizer))
    else:
        tell("training the tokenizer")
        tokenizer = train_tokenizer(texts(), config.value("vocabulary"))
    if config.from_scratch == "static":
        weights = token_weights(tokenizer, texts())
        static_model(tokenizer, config.value("width"), config.seed, weights).save(str(base))
    else:
        transformer_folder(
            tokenizer,
            base,
            width=config.value("width"),
            layers=config.value("layers"),
            max_seq_length=config.max_seq_length or SCRATCH_LENGTH,
            seed=config.seed,
        )
