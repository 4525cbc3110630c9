"""Train a retriever with hybrid batches: the stock sentence-transformers trainer with the plugin's parts."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from beir_hybrid.disk.files import write_json
from beir_hybrid.errors import BeirHybridError, TrainingError
from beir_hybrid.training.config import TrainConfig
from beir_hybrid.training.preparation import (
    PRETRAINING_TEXT,
    SCRATCH_LENGTH,
    SUMMARY_FILE,
    claim,
    last_checkpoint,
    prepare,
    read_facts,
    work_folder,
)

LOG_FILE = "train_log.json"
_DEFAULT_STEPS = {"static": 3000, "transformer": 10_000, None: 10_000}
_LEARNING_RATES = {"static": 1e-2, "transformer": 5e-4, None: 3e-5}
_PATIENCE = timedelta(hours=4)
"""How long processes wait for the first one: a large data set takes a while to prepare."""


class ToldElsewhereError(TrainingError):
    """The first process failed and says why; the others end quietly."""


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
        ToldElsewhereError: in the other processes, when the first one failed to prepare.
    """
    from accelerate import PartialState

    from beir_hybrid.training.progress import quiet_hosts
    from beir_hybrid.training.scratch import on_cpu

    # accelerate looks for processes that share CPUs only when told to
    state = PartialState(cpu=on_cpu(), timeout=_PATIENCE)
    started = time.perf_counter()
    out = Path(config.out or "")
    given = config_file.read_text(encoding="utf-8") if config_file is not None else None
    quiet_hosts(first=bool(state.is_main_process))

    def begin() -> tuple[bool, str | None]:
        done = claim(config, out, resume=resume)
        if not done:
            prepare(config, out, given, int(state.num_processes))
        checkpoint = last_checkpoint(work_folder(out) / "checkpoints") if resume and not done else None
        return done, str(checkpoint) if checkpoint else None

    with _plain_errors(out):
        done, checkpoint = _first_process_does(state, begin)
        if done:
            return read_summary(out)
        facts = read_facts(out)
        trainer = _trainer(config, work_folder(out), facts, state)
        trainer.train(resume_from_checkpoint=checkpoint)
        summary = _finish(config, trainer, out, facts, time.perf_counter() - started, first=bool(state.is_main_process))
        state.wait_for_everyone()
        return summary


def _first_process_does(state: Any, action: Callable[[], Any]) -> Any:
    """What ``action`` returns in the first process, in all of them; if it fails there, all of them end."""
    from accelerate.utils import broadcast_object_list

    told: list[Any] = [False, None]
    try:
        if state.is_main_process:
            told = [True, action()]
    finally:
        # also when it fails, so that no process waits for what will not come
        broadcast_object_list(told)
    if not told[0]:
        raise ToldElsewhereError("the first process could not prepare the training; its message says why")
    return told[1]


@contextlib.contextmanager
def _plain_errors(out: Path) -> Iterator[None]:
    """Errors of the plugin, its hosts, the disk and the device that a user can act on: one line here."""
    import torch
    from safetensors import SafetensorError

    try:
        yield
    except BeirHybridError:
        raise
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"the device is out of memory ({_one_line(error)}); use a smaller --batch-size with "
            "--gradient-accumulation, --mini-batch-size N (the same batch, a part at a time) or --precision bf16, "
            "then go on with --resume"
        ) from error
    except ValueError as error:
        raise TrainingError(_in_our_words(_one_line(error))) from error
    except (OSError, SafetensorError) as error:
        raise TrainingError(_disk(error, out)) from error
    except RuntimeError as error:
        # torch's way to say that a file could not be written
        if "PytorchStreamWriter" not in str(error) and "file write failed" not in str(error):
            raise
        raise TrainingError(_disk(error, out)) from error


def _disk(error: Exception, out: Path) -> str:
    return (
        f"a file could not be read or written while training into {out}: {_one_line(error)}; check the disk (free "
        "space, permissions), then go on with --resume"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


_OUR_WORDS = {
    "per_device_train_batch_size (or per_device_eval_batch_size)": "--batch-size",
    ', or keep them for cross-lingual rows only (short_languages="cross-only")': "",
    "leave them out (languages={...})": "leave them out (--languages)",
    "(alpha=1)": "(--sampling mono)",
    "or alpha=1": "or --sampling mono",
    'pairing="batch"': "--pairing batch",
    'pairing="row"': "--pairing row",
    "give negatives=N": "give --negatives N",
    ", or pass SettingsCallback(strict=False) to go on with batches that an uninterrupted run would not have had": "",
}
"""What the plugin calls a setting, and what it is called here."""


def _in_our_words(message: str) -> str:
    for theirs, ours in _OUR_WORDS.items():
        message = message.replace(theirs, ours)
    return message


def read_summary(out: Path) -> TrainSummary:
    """The summary of a finished training."""
    values = json.loads((out / SUMMARY_FILE).read_text(encoding="utf-8"))
    return TrainSummary(**{**values, "out": out})


def _trainer(config: TrainConfig, work: Path, facts: dict[str, Any], state: Any) -> Any:
    from sentence_transformers import SentenceTransformerTrainer
    from transformers import EarlyStoppingCallback

    from beir_hybrid.training.progress import ProgressLine, only_ours
    from beir_hybrid.training.scratch import encoder_model, is_static
    from st_hybrid_batch import LazyAdamW, ParallelDataset, hybrid_callbacks, use_sparse_gradients

    source = str(work / "base") if config.from_scratch else str(config.model)
    model = encoder_model(source, config.max_seq_length, config.seed)
    static = is_static(model)
    if static and config.precision == "fp16":
        raise TrainingError("--precision fp16 needs a transformer; sparse gradients are not scaled, use bf16 or fp32")
    if config.pretrain_text:
        _pretrain(config, source, model, work, state)
    model.prompts = {"query": config.query_prompt, "document": config.passage_prompt}
    data = ParallelDataset.load(work / "train")
    if config.code_switch:
        from beir_hybrid.training.code_switch import read_lexicon
        from beir_hybrid.training.switched_view import CodeSwitched

        data = CodeSwitched.of(data, read_lexicon(Path(config.lexicon or "")), config.code_switch, config.seed)
    dev = ParallelDataset.load(work / "dev") if facts["dev_batch"] else None
    loss = _loss(config, model, static)
    sparse = static and state.num_processes == 1
    if static:
        import torch

        # look-ups and small products: threads spend more time waiting for each other than working
        torch.set_num_threads(1)
    if sparse:
        use_sparse_gradients(model)
    arguments = _arguments(config, work, facts, data, state.num_processes, "static" if static else config.from_scratch)
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


def _pretrain(config: TrainConfig, source: str, model: Any, work: Path, state: Any) -> None:
    """Masked-language modelling before the hybrid batches; its weights go into the model's transformer."""
    from beir_hybrid.training.pretrain import load_encoder, pretrain
    from beir_hybrid.training.progress import ProgressLine

    folder = work / "pretrained"
    if not folder.exists():
        pretrain(
            source,
            model,
            json.loads((work / PRETRAINING_TEXT).read_text(encoding="utf-8")),
            folder,
            work / "pretraining",
            steps=config.pretrain_steps,
            batch_size=config.batch_size,
            learning_rate=config.pretrain_learning_rate,
            max_seq_length=config.max_seq_length or int(min(model.max_seq_length or SCRATCH_LENGTH, 512)),
            precision=config.precision,
            seed=config.seed,
            callbacks=[ProgressLine("pretraining")],
        )
        state.wait_for_everyone()
    load_encoder(folder, model)


def _loss(config: TrainConfig, model: Any, static: bool) -> Any:
    from sentence_transformers.sentence_transformer import losses

    from st_hybrid_batch import CachedMaskedRankingLoss, MaskedRankingLoss

    kinds: dict[tuple[str, bool], Callable[..., Any]] = {
        ("masked", False): MaskedRankingLoss,
        ("masked", True): CachedMaskedRankingLoss,
        ("plain", False): losses.MultipleNegativesRankingLoss,
        ("plain", True): losses.CachedMultipleNegativesRankingLoss,
    }
    cached = config.mini_batch_size is not None
    if cached and static:
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


def _arguments(
    config: TrainConfig, work: Path, facts: dict[str, Any], data: Any, processes: int, kind: str | None
) -> Any:
    import torch
    from sentence_transformers import SentenceTransformerTrainingArguments

    from beir_hybrid.training.scratch import on_cpu

    # as the trainer counts: the last step of an epoch takes the batches that are left
    updates = -(-(facts["groups"] // (config.batch_size * processes)) // config.gradient_accumulation)
    steps = config.steps
    if steps is None and config.epochs is None:
        steps = _DEFAULT_STEPS[kind]
    total = steps or max(1, round((config.epochs or 0) * updates))
    every = min(config.evaluate_every or max(1, total // 20), total)
    validated = facts["dev_batch"] is not None
    prompts = {"anchor": config.query_prompt, "positive": config.passage_prompt}
    prompts |= {name: config.passage_prompt for name in data.column_names if name.startswith("negative")}
    return SentenceTransformerTrainingArguments(
        output_dir=str(work / "checkpoints"),
        max_steps=total,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=facts["dev_batch"] or config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=config.learning_rate or _LEARNING_RATES[kind],
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
        batch_sampler=_batches(config, total / max(1, updates)),
        dataloader_num_workers=config.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=on_cpu(),
        # so that a resumed training stops early where an uninterrupted one would have
        restore_callback_states_from_checkpoint=True,
        report_to="none",
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
    )


def _batches(config: TrainConfig, epochs: float) -> Any:
    from st_hybrid_batch import Cosine, HybridBatches, Linear

    alpha: Any = config.start_alpha
    if config.alpha_end is not None:
        schedule = Linear if config.alpha_schedule == "linear" else Cosine
        alpha = schedule(config.start_alpha, config.alpha_end, epochs)
    return HybridBatches(
        alpha=alpha,
        languages=config.weights(),
        pairing=config.pairing,
        short_languages="cross-only",
        seed=config.seed,
    )


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
    summary = TrainSummary(
        out=out,
        steps=int(state.global_step),
        pairs=_pairs(config, int(state.global_step), facts["groups"], int(trainer.args.world_size)),
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
    shutil.rmtree(work_folder(out), ignore_errors=True)
    return summary


def _pairs(config: TrainConfig, steps: int, groups: int, processes: int) -> int:
    """The (query, passage) pairs of so many steps: the last step of an epoch takes the batches that are left."""
    batches = groups // (config.batch_size * processes)
    epochs, rest = divmod(steps, -(-batches // config.gradient_accumulation))
    return (epochs * batches + rest * config.gradient_accumulation) * config.batch_size * processes
