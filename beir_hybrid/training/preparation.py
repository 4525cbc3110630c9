"""What the first process does before a training: claim the folder, read the groups, look for leaks, make the base."""

from __future__ import annotations

import itertools
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import write_json, written_whole
from beir_hybrid.errors import TrainingError, at
from beir_hybrid.readers.json_lines import read_json_lines
from beir_hybrid.training.config import TrainConfig, read_toml
from beir_hybrid.training.leak import TrainingText, texts_of_groups
from beir_hybrid.training.models import PAPER_PROMPTS, model_folder
from beir_hybrid.training.pretrain import read_pretraining_text
from beir_hybrid.training.vocabulary import cut_vocabulary

CONFIG_FILE = "train.toml"
GIVEN_FILE = "train.given.toml"
SUMMARY_FILE = "train_summary.json"
LEAK_FILE = "leak_report.json"
SCRATCH_LENGTH = 128
"""Tokens that a model from scratch reads of a text."""
_WORK = "work"
_PREPARED = "prepared.json"
PRETRAINING_TEXT = "pretraining_text.json"
_FULL_BATCH = 16
"""Languages with fewer validation groups are validated in cross-lingual batches only: batches stay this large."""


def work_folder(out: Path) -> Path:
    """Where a training keeps what it needs until it is done."""
    return out / _WORK


def claim(config: TrainConfig, out: Path, *, resume: bool) -> bool:
    """Take the output folder, or say why not.

    Returns:
        Whether this very training is already done there.

    Raises:
        TrainingError: the folder holds something else, another training, or an unfinished one without ``resume``.
    """
    record = out / CONFIG_FILE
    finished, checkpoint = (out / SUMMARY_FILE).exists(), last_checkpoint(work_folder(out) / "checkpoints")
    pretraining = any((work_folder(out) / name).exists() for name in ("pretraining", "pretrained"))
    if record.exists() and (finished or checkpoint is not None or pretraining):
        differing = _differing(record, config)
        if differing:
            raise TrainingError(f"{out} holds a training of another configuration: {differing}; choose another --out")
        if checkpoint is not None and not finished and not resume:
            raise TrainingError(f"{out} holds an unfinished training; go on with --resume, or choose another --out")
        return finished
    # a training that stopped before its first checkpoint left nothing worth keeping: any may take its place
    ours = {CONFIG_FILE, GIVEN_FILE, LEAK_FILE, _WORK} if record.exists() else {LEAK_FILE}
    if out.exists() and not out.is_dir():
        raise TrainingError(f"{out} is a file; choose a folder as --out")
    if out.exists() and any(path.name not in ours for path in out.iterdir()):
        raise TrainingError(f"{out} exists and holds no training; choose another --out")
    if resume:
        sys.stderr.write(f"{out} holds no checkpoint; the training begins from the start\n")
    return False


def _differing(record: Path, config: TrainConfig) -> str:
    """The settings that differ from those of a record, with both values."""
    before, now = read_toml(record), config.to_dict()
    keys = [key for key in sorted({*before, *now} - {"out"}) if before.get(key) != now.get(key)]
    return "; ".join(f"{key} was {before.get(key)!r} and is now {now.get(key)!r}" for key in keys)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole, by every process."""
    found = [path for path in folder.glob("checkpoint-*") if path.name[11:].isdigit() and _whole(path)]
    return max(found, key=lambda path: int(path.name[11:]), default=None)


def _whole(checkpoint: Path) -> bool:
    """The sampler's settings are the last file of a checkpoint; each process writes its own random state."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        processes = int(json.loads((checkpoint / "hybrid_batches.json").read_text(encoding="utf-8"))["world_size"])
    except (OSError, ValueError, KeyError):
        return False
    names = [f"rng_state_{rank}.pth" for rank in range(processes)] if processes > 1 else ["rng_state.pth"]
    return all((checkpoint / name).exists() for name in names)


def prepare(config: TrainConfig, out: Path, given: str | None, processes: int) -> None:
    """Everything that is done once: read the groups, look for leaks, lay out the data, make the base model.

    A training that cannot begin leaves nothing behind but a report of leaks, so that the same ``--out`` can be used
    once the reason is mended.

    Args:
        config: the settings.
        out: the folder, claimed.
        given: the configuration file as it was given.
        processes: how many share the batches.
    """
    if (work_folder(out) / _PREPARED).exists() and not _differing(out / CONFIG_FILE, config):
        return
    new = not out.exists()
    try:
        shutil.rmtree(work_folder(out), ignore_errors=True)
        (out / LEAK_FILE).unlink(missing_ok=True)
        (out / GIVEN_FILE).unlink(missing_ok=True)
        # first of all: whose folder this is stands in it from the beginning
        with written_whole(out / CONFIG_FILE) as part:
            part.write_text(config.to_toml(), encoding="utf-8")
        if given is not None:
            (out / GIVEN_FILE).write_text(given, encoding="utf-8")
        _prepare(config, work_folder(out), out, processes)
    except Exception:
        shutil.rmtree(work_folder(out), ignore_errors=True)
        for name in (CONFIG_FILE, GIVEN_FILE):
            (out / name).unlink(missing_ok=True)
        if new and out.is_dir() and not any(out.iterdir()):
            out.rmdir()
        raise


def read_facts(out: Path) -> dict[str, Any]:
    """What the preparation found out."""
    facts: dict[str, Any] = json.loads((work_folder(out) / _PREPARED).read_text(encoding="utf-8"))
    return facts


def _prepare(config: TrainConfig, work: Path, out: Path, processes: int) -> None:
    work.mkdir(parents=True)
    train_groups, dev_groups = read_groups(config)
    dropped = 0
    lines = list(read_pretraining_text(config.pretrain_text or ()))
    if config.leak_check:
        kept = _without_leaks(config, {"train": train_groups, "dev": dev_groups, "pretraining": lines}, out)
        dropped = len(train_groups) - len(kept["train"])
        train_groups, dev_groups, lines = kept["train"], kept["dev"], kept["pretraining"]
    if lines:
        write_json(work / PRETRAINING_TEXT, [line.text for line in lines])
    from st_hybrid_batch import ParallelDataset

    languages = list(config.languages) if config.languages else None
    data = ParallelDataset.from_groups(train_groups, languages=languages, negatives=config.negatives)
    data.save_to_disk(str(work / "train"))
    _check_batches(config, data, config.batch_size, processes)
    facts = {
        "groups": data.n_groups,
        "dropped_groups": dropped,
        "languages": list(data.languages),
        "dev_batch": None,
    }
    if dev_groups:
        facts["dev_batch"] = _lay_out_dev(config, dev_groups, data, work, processes)
    elif config.best != "loss":
        raise TrainingError(f"--best {config.best} needs validation groups: --dev-groups, or groups with split dev")
    if config.lexicon:
        from beir_hybrid.training.code_switch import read_lexicon

        _check_lexicon(config, set(read_lexicon(Path(config.lexicon)).entries), data.languages)
    _make_base(config, train_groups, dev_groups, lines, work)
    write_json(work / _PREPARED, facts)


def _lay_out_dev(config: TrainConfig, groups: list[Any], data: Any, work: Path, processes: int) -> int:
    """Lay out the validation groups; the rows of a validation batch on each process."""
    from st_hybrid_batch import ParallelDataset

    present = {lang for group in groups for lang in group.query if lang in group.passage}
    common = [lang for lang in data.languages if lang in present]
    if not common:
        raise TrainingError(
            f"the validation groups are in {', '.join(sorted(present)) or 'no language'}, the training groups in "
            f"{', '.join(data.languages)}; expected a language in common"
        )
    if config.best == "cross_map" and len(common) < 2:
        raise TrainingError(f"--best cross_map needs two validation languages, got {common[0]} only")
    dev = ParallelDataset.from_groups(groups, languages=common, negatives=config.negatives).for_validation()
    dev.save_to_disk(str(work / "dev"))
    rows = _dev_batch(config, dev, processes)
    try:
        _check_batches(config, dev, rows, processes)
    except ValueError as error:
        raise TrainingError(f"the validation groups do not fill a batch: {error}") from error
    _write_groups(work / "dev.jsonl", groups)
    return rows


def _dev_batch(config: TrainConfig, dev: Any, processes: int) -> int:
    """A validation batch holds distinct groups too: no more rows than the smaller languages have."""
    index = dev.index
    sizes = [int(size) // processes for size in index.sizes()]
    full = [size for size in sizes if size >= min(config.batch_size, _FULL_BATCH)] or [max(sizes)]
    if config.start_alpha < 1 or config.alpha_end is not None:
        full.append(len(index.groups_with(index.has().sum(axis=1) > 1)) // processes)
    return max(2, min(config.batch_size, *full))


def _check_batches(config: TrainConfig, data: Any, rows: int, processes: int) -> None:
    """Whether the sampler can draw: its message now rather than at the first validation."""
    from st_hybrid_batch import Cosine, HybridBatches

    ends = config.start_alpha if config.alpha_end is None else Cosine(config.start_alpha, config.alpha_end)
    HybridBatches(
        alpha=ends,
        languages=config.weights(),
        pairing=config.pairing,
        short_languages="cross-only",
        world_size=processes,
    )(data, rows)


def load_rows(folder: Path) -> Any:
    """A prepared data set, memory-mapped."""
    from datasets import load_from_disk

    from st_hybrid_batch import ParallelDataset

    return ParallelDataset(load_from_disk(str(folder)))


def _check_lexicon(config: TrainConfig, known: set[str], languages: tuple[str, ...]) -> None:
    if not known & set(languages):
        raise TrainingError(
            f"--lexicon {config.lexicon} translates from {', '.join(sorted(known))}, but the training is in "
            f"{', '.join(languages)}; nothing would be switched"
        )


def read_groups(config: TrainConfig) -> tuple[list[Any], list[Any]]:
    """The groups to train on and to validate on."""
    path = Path(config.groups or "")
    if not path.exists():
        return _registered_groups(str(config.groups)), []
    parts = _by_split(path)
    train_part, dev_part = parts.pop("train", []), parts.pop("dev", [])
    without = parts.pop(None, [])
    if without and (train_part or dev_part):
        raise TrainingError(
            f"{without[0].where}: a group without a split, though others have one; expected split train or dev in "
            f"all of them ({len(without):,} have none)"
        )
    train_part = train_part or without
    for name, left_out in parts.items():
        sys.stderr.write(f"{path}: {len(left_out):,} groups of split {name!r} are left out\n")
    if config.dev_groups:
        parts = _by_split(Path(config.dev_groups))
        dev_part = parts.get("dev") or [group for part in parts.values() for group in part]
        if not dev_part:
            raise TrainingError(f"{config.dev_groups} holds no group to validate on")
    if not train_part:
        raise TrainingError(f"{path} holds no group to train on (a field split must be 'train' for those)")
    return train_part, dev_part


def _registered_groups(name: str) -> list[Any]:
    """The training groups of a registered data set (``--groups sample``)."""
    from beir_hybrid.datasets import get_source, list_datasets
    from st_hybrid_batch import group_from_record

    source = get_source(name) if name in list_datasets() else None
    records = getattr(source, "training_groups", None)
    if records is None:
        raise TrainingError(
            f"{name} does not exist; expected groups as JSON Lines, plain or gzipped, or 'sample', the embedded sample"
        )
    return [group_from_record(record, f"{name}, group {record['id']}") for record in records()]


def _by_split(path: Path) -> dict[str | None, list[Any]]:
    from st_hybrid_batch import group_from_record

    if not path.is_file():
        raise TrainingError(f"{path} does not exist; expected groups as JSON Lines, plain or gzipped")
    parts: dict[str | None, list[Any]] = {}
    for line, record in read_json_lines(path, error=TrainingError):
        group = group_from_record(record, at(path, line))
        parts.setdefault(group.split, []).append(group)
    return parts


def _write_groups(path: Path, groups: list[Any]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for group in groups:
            record = {"id": group.id, "query": dict(group.query), "passage": dict(group.passage)}
            if group.passage_group is not None:
                record["passage_group"] = group.passage_group
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _without_leaks(config: TrainConfig, parts: dict[str, list[Any]], out: Path) -> dict[str, list[Any]]:
    """The groups of each part, and the lines of pretraining text, that overlap no evaluation set."""
    from beir_hybrid.datasets import load_dataset
    from beir_hybrid.training.leak import LeakDetector, find_leaks, leak_report

    leaks = {}
    for name in config.leak_check or ():
        detector = LeakDetector(load_dataset(name, config.data_dir))
        of_groups = (texts_of_groups(parts[part], part, config.languages) for part in ("train", "dev"))
        leaks[name] = find_leaks(itertools.chain(*of_groups, parts["pretraining"]), detector)
    write_json(out / LEAK_FILE, leak_report(leaks, {part: len(items) for part, items in parts.items() if items}))
    found = [leak for each in leaks.values() for leak in each]
    counts = ", ".join(
        f"{len({leak.group or leak.where for leak in each if leak.part == part})} {unit} with {name}"
        for name, each in leaks.items()
        for part, unit in (("train", "training groups"), ("dev", "validation groups"), ("pretraining", "lines"))
        if parts[part]
    )
    sys.stderr.write(f"leak check: {counts} overlap; report: {out / LEAK_FILE}\n")
    if found and config.on_leak == "refuse":
        first = found[0]
        named = " in ".join(part for part in (first.side, first.language) if part) or "pretraining text"
        raise TrainingError(
            f"training text overlaps an evaluation set ({counts}), first at {first.where} ({named}, {first.kind}, "
            f"{first.evaluation_id}); {out / LEAK_FILE} lists all; drop them with --on-leak drop"
        )
    groups = {leak.part: {one.group for one in found if one.part == leak.part} for leak in found}
    lines = {leak.where for leak in found if leak.part == "pretraining"}
    kept = {part: [group for group in parts[part] if group.id not in groups.get(part, ())] for part in ("train", "dev")}
    kept["pretraining"] = [text for text in parts["pretraining"] if text.where not in lines]
    for part, items in kept.items():
        if parts[part] and not items:
            raise TrainingError(f"all of the {part} text overlaps an evaluation set; {out / LEAK_FILE} lists it")
    return kept


def texts_of(groups: Iterable[Any], languages: Sequence[str] | None = None) -> Iterator[str]:
    """Every query and passage of groups, in some languages or all: what a tokenizer is trained on."""
    wanted = set(languages) if languages else None
    for group in groups:
        for side in (group.query, group.passage):
            yield from (text for language, text in side.items() if wanted is None or language in wanted)


def _make_base(config: TrainConfig, groups: list[Any], dev: list[Any], lines: list[TrainingText], work: Path) -> None:
    """What the training begins with in ``work/base``, if it is not the model itself: new, or with a cut vocabulary."""
    if config.from_scratch is not None:
        _new_model(config, groups, work / "base")
    elif config.cut_vocabulary:
        parts = (texts_of_groups(groups, "train", config.languages), texts_of_groups(dev, "dev", config.languages))
        texts = (one.text for one in itertools.chain(*parts, lines))
        prompts = [prompt for prompt in (config.query_prompt, config.passage_prompt, *PAPER_PROMPTS.values()) if prompt]
        sys.stderr.write("cutting the vocabulary\n")
        kept = cut_vocabulary(model_folder(str(config.model)), texts, work / "base", prompts)
        sys.stderr.write(f"vocabulary: {kept:,} tokens are in use\n")


def _new_model(config: TrainConfig, groups: list[Any], base: Path) -> None:
    from beir_hybrid.training.scratch import (
        load_tokenizer,
        static_model,
        token_weights,
        train_tokenizer,
        transformer_folder,
    )

    if config.tokenizer:
        tokenizer = load_tokenizer(Path(config.tokenizer))
    else:
        sys.stderr.write("training the tokenizer\n")
        tokenizer = train_tokenizer(texts_of(groups, config.languages), config.vocabulary)
    if config.from_scratch == "static":
        weights = token_weights(tokenizer, texts_of(groups, config.languages))
        static_model(tokenizer, config.width, config.seed, weights).save(str(base))
    else:
        transformer_folder(
            tokenizer,
            base,
            width=config.width,
            layers=config.layers,
            max_seq_length=config.max_seq_length or SCRATCH_LENGTH,
            seed=config.seed,
        )
