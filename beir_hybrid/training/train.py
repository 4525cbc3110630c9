"""Train a retriever with hybrid batches: the stock sentence-transformers trainer with the plugin's parts."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.errors import BeirHybridError, TrainingError
from beir_hybrid.files import write_json, written_whole
from beir_hybrid.training.config import TrainConfig, read_toml

CONFIG_FILE = "train.toml"
SUMMARY_FILE = "train_summary.json"
LOG_FILE = "train_log.json"
LEAK_FILE = "leak_report.json"
_WORK = "work"
_DEFAULT_STEPS = {"static": 3000, "transformer": 10_000, None: 10_000}
_LEARNING_RATES = {"static": 1e-2, "transformer": 5e-4, None: 3e-5}
_SCRATCH_LENGTH = 128


@dataclass(frozen=True)
class TrainSummary:
    """What a training did. ``pairs`` are the (query, passage) pairs seen, over all processes."""

    out: Path
    steps: int
    pairs: int
    seconds: float
    best_step: int | None
    best_metric: str | None
    best_value: float | None
    validation: dict[str, float]
    losses: dict[str, float]
    alpha: Any
    languages: list[str]
    groups: int
    dropped_groups: int = 0


def train(config: TrainConfig, *, resume: bool = False, config_file: Path | None = None) -> TrainSummary:
    """Train a model and save it to ``config.out``, an ordinary sentence-transformers folder.

    Under ``torchrun`` or ``accelerate launch`` every process calls this; the first one prepares data and weights.

    Args:
        config: the settings.
        resume: go on from the last checkpoint in ``config.out``.
        config_file: kept beside the model as it is.

    Raises:
        TrainingError: unusable settings or data, an output folder of another training, a leak.
    """
    from accelerate import PartialState

    state = PartialState()
    started = time.perf_counter()
    out = Path(config.out or "")
    with _plain_errors():
        done = _claim(out, config, resume=resume, first=bool(state.is_main_process))
        if done is not None:
            return done
        work = out / _WORK
        if state.is_main_process:
            _prepare(config, work, out, config_file)
        state.wait_for_everyone()
        prepared = work / "prepared.json"
        if not prepared.exists():
            raise TrainingError(f"the first process could not prepare the training in {work}; its message says why")
        facts = json.loads(prepared.read_text(encoding="utf-8"))
        trainer = _trainer(config, work, facts, state)
        checkpoint = _last_checkpoint(work / "checkpoints") if resume else None
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        summary = _finish(config, trainer, out, facts, time.perf_counter() - started, first=bool(state.is_main_process))
        state.wait_for_everyone()
        return summary


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """The plugin and its hosts raise ValueError and TypeError with a message for people: one line here."""
    try:
        yield
    except BeirHybridError:
        raise
    except ValueError as error:
        raise TrainingError(" ".join(str(error).split())) from error


def _claim(out: Path, config: TrainConfig, *, resume: bool, first: bool) -> TrainSummary | None:
    """Take the output folder, or say why not; the summary if this very training is done."""
    record = out / CONFIG_FILE
    if record.exists():
        before, now = read_toml(record), config.to_dict()
        differing = [key for key in sorted({*before, *now} - {"out"}) if before.get(key) != now.get(key)]
        if differing:
            listed = "; ".join(f"{key} was {before.get(key)!r} and is now {now.get(key)!r}" for key in differing)
            raise TrainingError(f"{out} holds a training of another configuration: {listed}; choose another --out")
        if (out / SUMMARY_FILE).exists():
            return read_summary(out)
        if not resume and _last_checkpoint(out / _WORK / "checkpoints") is not None:
            raise TrainingError(f"{out} holds an unfinished training; go on with --resume, or choose another --out")
        return None
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TrainingError(f"{out} exists and holds no training; choose another --out")
    if resume and first:
        sys.stderr.write(f"{out} holds no checkpoint; the training begins from the start\n")
    return None


def read_summary(out: Path) -> TrainSummary:
    """The summary of a finished training."""
    values = json.loads((out / SUMMARY_FILE).read_text(encoding="utf-8"))
    return TrainSummary(**{**values, "out": out})


def _last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole (the trainer's state is its last file)."""
    found = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").exists()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _prepare(config: TrainConfig, work: Path, out: Path, config_file: Path | None) -> None:
    """Everything that is done once: read the groups, look for leaks, lay out the data, make the base model."""
    if (work / "prepared.json").exists():
        return
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    train_groups, dev_groups = _read_groups(config)
    dropped = 0
    if config.leak_check:
        kept = _without_leaks(config, train_groups, out)
        dropped, train_groups = len(train_groups) - len(kept), kept
    from st_hybrid_batch import ParallelDataset

    languages = list(config.languages) if config.languages else None
    data = ParallelDataset.from_groups(
        train_groups, languages=languages, negatives=config.negatives, folder=work / "train"
    )
    if dev_groups:
        present = {lang for group in dev_groups for lang in group.query if lang in group.passage}
        common = [lang for lang in data.languages if lang in present]
        ParallelDataset.from_groups(dev_groups, languages=common, negatives=config.negatives, folder=work / "dev")
        _write_groups(work / "dev.jsonl", dev_groups)
    base = _make_base(config, train_groups, work)
    with written_whole(out / CONFIG_FILE) as part:
        part.write_text(config.to_toml(), encoding="utf-8")
    if config_file is not None:
        shutil.copyfile(config_file, out / "train.given.toml")
    facts = {
        "base": base,
        "groups": data.n_groups,
        "dropped_groups": dropped,
        "languages": list(data.languages),
        "groups_of_language": _language_sizes(data),
        "dev": bool(dev_groups),
    }
    write_json(work / "prepared.json", facts)


def _read_groups(config: TrainConfig) -> tuple[list[Any], list[Any]]:
    from st_hybrid_batch import read_jsonl

    path = Path(config.groups or "")
    if not path.exists():
        return _registered_groups(config), []
    train_part, dev_part = list(read_jsonl(path, split="train")), list(read_jsonl(path, split="dev"))
    if not train_part and not dev_part:
        train_part = list(read_jsonl(path))
    if config.dev_groups:
        dev_path = Path(config.dev_groups)
        if not dev_path.exists():
            raise TrainingError(f"{dev_path} does not exist; expected groups as JSON Lines, plain or gzipped")
        dev_part = list(read_jsonl(dev_path, split="dev")) or list(read_jsonl(dev_path))
    if not train_part:
        raise TrainingError(f"{path} holds no group to train on (a field split must be 'train' for those)")
    return train_part, dev_part


def _registered_groups(config: TrainConfig) -> list[Any]:
    """The training groups of a registered data set (``--groups sample``)."""
    from beir_hybrid.datasets import get_source, list_datasets
    from st_hybrid_batch import group_from_record

    name = str(config.groups)
    source = get_source(name) if name in list_datasets() else None
    records = getattr(source, "training_groups", None)
    if records is None:
        raise TrainingError(
            f"{name} does not exist; expected groups as JSON Lines, plain or gzipped, or 'sample', the embedded sample"
        )
    return [group_from_record(record, f"{name}, group {record['id']}") for record in records()]


def _write_groups(path: Path, groups: list[Any]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for group in groups:
            record = {"id": group.id, "query": dict(group.query), "passage": dict(group.passage)}
            if group.passage_group is not None:
                record["passage_group"] = group.passage_group
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _language_sizes(data: Any) -> dict[str, int]:
    masks = data._tables.groups.column("mask").to_numpy()
    return {language: int(((masks >> bit) & 1).sum()) for bit, language in enumerate(data.languages)}


def _without_leaks(config: TrainConfig, groups: list[Any], out: Path) -> list[Any]:
    from beir_hybrid.datasets import load_dataset
    from beir_hybrid.training.leak import LeakDetector, find_leaks, leak_report

    leaks = {
        name: find_leaks(groups, LeakDetector(load_dataset(name, config.data_dir))) for name in config.leak_check or ()
    }
    report = leak_report(leaks, len(groups))
    write_json(out / LEAK_FILE, report)
    overlapping = {leak.group for found in leaks.values() for leak in found}
    counts = ", ".join(f"{len({leak.group for leak in found})} with {name}" for name, found in leaks.items())
    sys.stderr.write(f"leak check: of {len(groups):,} groups overlap {counts}; report: {out / LEAK_FILE}\n")
    if overlapping and config.on_leak == "refuse":
        first = next(leak for found in leaks.values() for leak in found)
        # only the report stays, so that the same --out can be used once the data is mended
        shutil.rmtree(out / _WORK, ignore_errors=True)
        raise TrainingError(
            f"{len(overlapping)} training groups overlap an evaluation set ({counts}), the first is {first.group!r} at "
            f"{first.place} ({first.side} in {first.language}, {first.kind}, {first.evaluation_id}); "
            f"{out / LEAK_FILE} lists all; drop them with --on-leak drop"
        )
    return [group for group in groups if group.id not in overlapping]


def _make_base(config: TrainConfig, groups: list[Any], work: Path) -> str:
    """The folder or name the processes load the model from."""
    if config.from_scratch is None:
        return str(config.model)
    from beir_hybrid.training.scratch import load_tokenizer, static_model, train_tokenizer, transformer_folder

    if config.tokenizer:
        tokenizer = load_tokenizer(Path(config.tokenizer))
    else:
        languages = set(config.languages) if config.languages else None
        texts = (
            text
            for group in groups
            for side in (group.query, group.passage)
            for language, text in side.items()
            if languages is None or language in languages
        )
        sys.stderr.write("training the tokenizer\n")
        tokenizer = train_tokenizer(texts, config.vocabulary)
    base = work / "base"
    if config.from_scratch == "static":
        static_model(tokenizer, config.width, config.seed).save(str(base))
    else:
        transformer_folder(
            tokenizer,
            base,
            width=config.width,
            layers=config.layers,
            max_seq_length=config.max_seq_length or _SCRATCH_LENGTH,
            seed=config.seed,
        )
    return str(base)


def _trainer(config: TrainConfig, work: Path, facts: dict[str, Any], state: Any) -> Any:
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import EarlyStoppingCallback

    from beir_hybrid.training.progress import ProgressLine, only_ours
    from beir_hybrid.training.scratch import encoder_model
    from st_hybrid_batch import LazyAdamW, ParallelDataset, hybrid_callbacks, use_sparse_gradients

    base = _pretrained(config, work, facts, state)
    model = encoder_model(base, config.max_seq_length if config.from_scratch != "static" else None)
    model.prompts = {"query": config.query_prompt, "document": config.passage_prompt}
    data = ParallelDataset.load(work / "train")
    if config.code_switch:
        from beir_hybrid.training.code_switch import read_lexicon, switching_view

        data = switching_view(data, read_lexicon(Path(config.lexicon or "")), config.code_switch, config.seed)
    dev = ParallelDataset.load(work / "dev") if facts["dev"] else None
    loss = _loss(config, model)
    sparse = config.from_scratch == "static" and state.num_processes == 1
    if config.from_scratch == "static":
        import torch

        # look-ups and small products: threads spend more time waiting for each other than working
        torch.set_num_threads(1)
    if sparse:
        use_sparse_gradients(model)
    arguments = _arguments(config, work, facts, data, dev, state.num_processes)
    callbacks = [*hybrid_callbacks(loss), ProgressLine()]
    if dev is not None and config.patience:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=config.patience))
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=data,
        eval_dataset=dev,
        loss=loss,
        evaluator=_evaluator(config, work) if dev is not None else None,
        callbacks=callbacks,
        optimizer_cls_and_kwargs=(LazyAdamW, {"lr": arguments.learning_rate}) if sparse else None,
    )
    only_ours(trainer)
    return trainer


def _pretrained(config: TrainConfig, work: Path, facts: dict[str, Any], state: Any) -> str:
    """The base model, after masked-language modelling if that is asked for."""
    if not config.pretrain_text:
        return str(facts["base"])
    from beir_hybrid.training.pretrain import pretrain, read_texts
    from beir_hybrid.training.progress import ProgressLine

    folder = work / "pretrained"
    if not (folder / "config.json").exists():
        pretrain(
            str(facts["base"]),
            read_texts(config.pretrain_text),
            folder,
            steps=config.pretrain_steps,
            batch_size=config.batch_size,
            learning_rate=config.pretrain_learning_rate,
            max_seq_length=config.max_seq_length or _SCRATCH_LENGTH,
            precision=config.precision,
            seed=config.seed,
            callbacks=[ProgressLine("pretraining")],
        )
        state.wait_for_everyone()
    return str(folder)


def _loss(config: TrainConfig, model: Any) -> Any:
    from sentence_transformers.sentence_transformer import losses

    from st_hybrid_batch import CachedMaskedRankingLoss, MaskedRankingLoss

    kinds: dict[tuple[str, bool], Callable[..., Any]] = {
        ("masked", False): MaskedRankingLoss,
        ("masked", True): CachedMaskedRankingLoss,
        ("plain", False): losses.MultipleNegativesRankingLoss,
        ("plain", True): losses.CachedMultipleNegativesRankingLoss,
    }
    cached = config.mini_batch_size is not None
    if cached and config.from_scratch == "static":
        raise TrainingError("--mini-batch-size needs a transformer; a static model takes any batch as it is")
    extra = {"mini_batch_size": config.mini_batch_size} if cached else {}
    loss = kinds[config.loss, cached](model, scale=config.scale, gather_across_devices=config.gather, **extra)
    return losses.MatryoshkaLoss(model, loss, matryoshka_dims=_dims(config, model)) if config.matryoshka else loss


def _dims(config: TrainConfig, model: Any) -> list[int]:
    full = int(model.get_embedding_dimension())
    too_large = [dim for dim in config.matryoshka or () if dim >= full]
    if too_large:
        raise TrainingError(f"--matryoshka {too_large[0]} is not below the model's dimension {full}")
    return sorted({full, *(config.matryoshka or ())}, reverse=True)


def _arguments(config: TrainConfig, work: Path, facts: dict[str, Any], data: Any, dev: Any, processes: int) -> Any:
    import torch
    from sentence_transformers import SentenceTransformerTrainingArguments

    per_step = config.batch_size * config.gradient_accumulation * processes
    steps = config.steps
    if steps is None and config.epochs is None:
        steps = _DEFAULT_STEPS[config.from_scratch]
    total = steps or max(1, int(config.epochs * (facts["groups"] // per_step)))
    every = min(config.evaluate_every or max(1, total // 20), total)
    prompts = {"anchor": config.query_prompt, "positive": config.passage_prompt}
    prompts |= {name: config.passage_prompt for name in data.column_names if name.startswith("negative")}
    validated = dev is not None
    return SentenceTransformerTrainingArguments(
        output_dir=str(work / "checkpoints"),
        max_steps=total,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=_dev_batch(config, dev, processes),
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=config.learning_rate or _LEARNING_RATES[config.from_scratch],
        weight_decay=config.weight_decay,
        warmup_steps=config.warmup if config.warmup < 1 else total,
        bf16=config.precision == "bf16",
        fp16=config.precision == "fp16",
        eval_strategy="steps" if validated else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=validated,
        metric_for_best_model=("eval_loss" if config.best == "loss" else f"eval_dev_{config.best}")
        if validated
        else None,
        greater_is_better=(config.best not in ("loss", "rank_distance")) if validated else None,
        logging_steps=max(1, min(every, 50)),
        seed=config.seed,
        data_seed=config.seed,
        prompts=prompts,
        batch_sampler=_batches(config, facts, per_step, total),
        dataloader_num_workers=config.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
    )


def _batches(config: TrainConfig, facts: dict[str, Any], per_step: int, total: int) -> Any:
    from st_hybrid_batch import Cosine, HybridBatches, Linear

    alpha: Any = config.start_alpha
    if config.alpha_end is not None:
        epochs = total / max(1, facts["groups"] // per_step)
        schedule = Linear if config.alpha_schedule == "linear" else Cosine
        alpha = schedule(config.start_alpha, config.alpha_end, epochs)
    short = [lang for lang, count in facts["groups_of_language"].items() if count < config.batch_size]
    if short and config.start_alpha > 0:
        sys.stderr.write(
            f"{', '.join(short)}: fewer groups than a batch has rows, so they appear in cross-lingual batches only\n"
        )
    return HybridBatches(
        alpha=alpha,
        languages=config.weights(),
        pairing=config.pairing,
        short_languages="cross-only",
        seed=config.seed,
    )


def _dev_batch(config: TrainConfig, dev: Any, processes: int) -> int:
    """A validation batch holds distinct groups too: no more rows than the smallest language has."""
    if dev is None:
        return config.batch_size
    smallest = min(count for count in _language_sizes(dev).values() if count)
    rows: int = max(2, min(config.batch_size, smallest // processes, dev.n_groups // processes))
    return rows


def _evaluator(config: TrainConfig, work: Path) -> Any:
    from st_hybrid_batch import ParallelDataset, ParallelEvaluator, read_jsonl

    return ParallelEvaluator(
        read_jsonl(work / "dev.jsonl"),
        languages=list(ParallelDataset.load(work / "dev").languages),
        max_groups=config.dev_limit,
        name="dev",
        query_prompt=config.query_prompt,
        passage_prompt=config.passage_prompt,
    )


def _finish(
    config: TrainConfig, trainer: Any, out: Path, facts: dict[str, Any], seconds: float, *, first: bool
) -> TrainSummary:
    """Save the model (the best one if there was a validation), its history and the summary."""
    state = trainer.state
    best = state.best_model_checkpoint
    best_step = int(Path(best).name.rpartition("-")[2]) if best else None
    at_best = [entry for entry in state.log_history if entry.get("step") == best_step] if best else []
    validation = {
        key.removeprefix("eval_"): value
        for entry in at_best
        for key, value in entry.items()
        if key.startswith("eval_") and isinstance(value, float) and "runtime" not in key and "per_second" not in key
    }
    last: dict[str, Any] = next((entry for entry in reversed(state.log_history) if "loss" in entry), {})
    sampler = trainer.args.batch_sampler
    per_step = config.batch_size * config.gradient_accumulation * trainer.args.world_size
    summary = TrainSummary(
        out=out,
        steps=int(state.global_step),
        pairs=int(state.global_step) * per_step,
        seconds=round(seconds, 1),
        best_step=best_step,
        best_metric=config.best if best else None,
        best_value=float(state.best_metric) if best else None,
        validation=validation,
        losses={key: last[key] for key in ("loss", "loss_mono", "loss_cross") if key in last},
        alpha=sampler.to_dict()["alpha"],
        languages=facts["languages"],
        groups=facts["groups"],
        dropped_groups=facts["dropped_groups"],
    )
    if not first:
        return summary
    trainer.model.save(str(out))
    checkpoints = Path(trainer.args.output_dir)
    if (checkpoints / "hybrid_batches.json").exists():
        shutil.copyfile(checkpoints / "hybrid_batches.json", out / "hybrid_batches.json")
    write_json(out / LOG_FILE, state.log_history)
    write_json(out / SUMMARY_FILE, {**vars(summary), "out": str(out)})
    shutil.rmtree(out / _WORK, ignore_errors=True)
    return summary
