"""The stock trainer of sentence-transformers, with the plugin's parts, as the settings say."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beir_hybrid.disk.arrays import opened_arrays, write_arrays
from beir_hybrid.errors import TrainingError, first_line
from beir_hybrid.progress import tell
from beir_hybrid.training.config import TrainConfig
from beir_hybrid.training.data import batches_of, data_set, training_groups
from beir_hybrid.training.folder import TrainFolder
from beir_hybrid.training.hosts import loss_of, prompts_of, routes
from beir_hybrid.training.leak import texts_of_groups
from beir_hybrid.training.prepare import PRETRAINING_TEXT, SCRATCH_LENGTH

_DEFAULT_STEPS = {"static": 3000, "transformer": 10_000, None: 10_000}
_LEARNING_RATES = {"static": 1e-2, "transformer": 5e-4, None: 3e-5}


@dataclass(frozen=True)
class Built:
    """A trainer, and the weights that its model began with, where they are needed at the end."""

    trainer: Any
    start: dict[str, Any] | None


def build_trainer(config: TrainConfig, folder: TrainFolder, facts: dict[str, Any], state: Any) -> Built:
    """The trainer of a prepared training, with the model it begins with (pretrained first, if that is asked for).

    Args:
        config: the settings.
        folder: what was prepared.
        facts: what the preparation found out.
        state: accelerate's, of the processes.
    """
    import sentence_transformers
    from transformers import EarlyStoppingCallback

    from beir_hybrid.training.models import adapt, is_static, starting_model, weights_of
    from beir_hybrid.training.progress import ProgressLine, only_ours
    from st_hybrid_batch import LazyAdamW, hybrid_callbacks, use_sparse_gradients

    work = folder.work
    source = str(work / "base") if (work / "base").exists() else str(config.model)
    model = starting_model(config, source)
    static = is_static(model)
    if config.pretrain_text:
        _pretrain(config, source, model, work, state)
    if config.cut_vocabulary:
        _cut_vocabulary(config, facts, model, work / "vocabulary.npz", state)
    start = weights_of(model) if config.wise_ft is not None else None
    held = copy.deepcopy(model) if config.distill > 0 else None
    if config.lora is not None:
        adapt(model, config.lora)
    prompts = prompts_of(model)
    data = data_set(config, "train", folder.data, config.languages, facts["left_out"]["train"])
    if config.code_switch:
        from beir_hybrid.training.code_switch import CodeSwitched, read_lexicon

        data = CodeSwitched(data, read_lexicon(Path(config.lexicon or "")), config.code_switch, config.seed)
    dev = None
    if facts["dev_rows"]:
        dev = data_set(config, "dev", folder.data, facts["dev_languages"], facts["left_out"]["dev"]).for_validation()
    host = type(model).__name__
    loss = loss_of(config, model)
    sparse = static and state.num_processes == 1
    if static:
        import torch

        # look-ups and small products: threads spend more time waiting for each other than working
        torch.set_num_threads(1)
    if sparse:
        use_sparse_gradients(model)
    model.model_card_data.language = list(facts["languages"])
    # texts of the data set have no business in the card, nor has another library's progress on the terminal
    model.model_card_data.set_widget_examples = lambda dataset: None
    arguments = _arguments(
        config, work, facts, data, model, prompts, state.num_processes, "static" if static else config.from_scratch
    )
    one_device(arguments)
    callbacks = [*hybrid_callbacks(loss), ProgressLine()]
    if config.distill > 0:
        from beir_hybrid.training.distill import SelfDistillation

        callbacks.append(SelfDistillation(loss, held, config.distill, _directions(config, model)))
    if dev is not None and config.patience:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=config.patience))
    trainer = getattr(sentence_transformers, f"{host}Trainer")(
        model=model,
        args=arguments,
        train_dataset=data,
        eval_dataset=dev,
        loss=loss,
        evaluator=_evaluator(config, facts, prompts) if dev is not None else None,
        callbacks=callbacks,
        optimizer_cls_and_kwargs=(LazyAdamW, {"lr": arguments.learning_rate}) if sparse else None,
    )
    only_ours(trainer)
    trainer._load_best_model = lambda: _load_best(trainer)
    return Built(trainer, start)


def _cut_vocabulary(config: TrainConfig, facts: dict[str, Any], model: Any, kept: Path, state: Any) -> None:
    """Train the tokens alone that the training and validation texts use; the first process looks for them."""
    from beir_hybrid.training.vocabulary import tokens_in_use, train_tokens_in_use

    with state.main_process_first():
        if not kept.exists():
            tell("looking for the tokens in use")
            texts = (
                one.text
                for part, left_out in facts["left_out"].items()
                for one in texts_of_groups(training_groups(config, part, left_out), part, config.languages)
            )
            found = tokens_in_use(model, texts, list(prompts_of(model).values()))
            tell(f"vocabulary: {sum(map(len, found)):,} tokens are in use")
            write_arrays(kept, {str(number): ids for number, ids in enumerate(found)})
    with opened_arrays(kept) as arrays:
        train_tokens_in_use(model, [arrays[str(number)] for number in range(len(arrays))])


def _load_best(trainer: Any) -> None:
    """Load the best checkpoint: the trainer's own way to do it logs a line where it fails, and keeps the last weights.

    Raises:
        TrainingError: it is not there, or damaged.
    """
    from safetensors import SafetensorError

    best = Path(trainer.state.best_model_checkpoint)
    try:
        if not best.is_dir():
            raise FileNotFoundError("it is gone")
        trainer._load_from_checkpoint(str(best))
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise TrainingError(
            f"{best}, the best checkpoint, cannot be loaded: {first_line(error)}; put it back and go on with --resume, "
            "or choose another --out to begin anew"
        ) from error
    trainer.model.model_card_data.set_best_model_step(int(best.name.rpartition("-")[2]))


def one_device(arguments: Any) -> None:
    """One device a process: DataParallel would multiply the batch by the number of GPUs, and count as if it had not."""
    if arguments.n_gpu > 1:
        tell(
            f"one of {arguments.n_gpu} GPUs is used; torchrun --nproc-per-node {arguments.n_gpu} -m beir_hybrid train "
            "uses all of them"
        )
        arguments._n_gpu = 1


def _pretrain(config: TrainConfig, source: str, model: Any, work: Path, state: Any) -> None:
    """Masked-language modelling before the hybrid batches; its weights go into the model's transformer."""
    from beir_hybrid.training.pretrain import load_encoder, pretrain
    from beir_hybrid.training.progress import ProgressLine

    folder = work / "pretrained"
    if not folder.exists():
        pretrain(
            source,
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


def _directions(config: TrainConfig, model: Any) -> Any:
    """Of ``--distill-to``: the directions that are language, orthonormal rows [k, d]; None without it.

    Raises:
        TrainingError: what is there was learnt for vectors of another width, or takes off means of languages.
    """
    if config.distill_to is None:
        return None
    from beir_hybrid.neutralize.transform import read_transform

    transform = read_transform(config.distill_to)
    width = model.get_embedding_dimension()
    if transform.needs_language or transform.width != width:
        raise TrainingError(
            f"--distill-to {config.distill_to}: expected what neutralize --method project has learnt from --model, for "
            f"vectors of {width} values; it is {transform.record['method']} for {transform.width}"
        )
    return transform.removal.everywhere


def _arguments(
    config: TrainConfig,
    work: Path,
    facts: dict[str, Any],
    data: Any,
    model: Any,
    prompts: dict[str, str],
    processes: int,
    start: str | None,
) -> Any:
    import sentence_transformers
    import torch

    from beir_hybrid.training.models import on_cpu

    # as the trainer counts: the last step of an epoch takes the batches that are left
    updates = -(-(facts["groups"] // (config.batch_size * processes)) // config.gradient_accumulation)
    steps = config.steps
    if steps is None and config.epochs is None:
        steps = _DEFAULT_STEPS[start]
    total = steps or max(1, round((config.epochs or 0) * updates))
    every = min(config.evaluate_every or max(1, total // 20), total)
    validated = facts["dev_rows"] is not None
    columns = [name for name in data.column_names if name in ("query", "passage") or name.startswith("negative")]
    texts: dict[str, Any] = {}
    if "pair" in prompts:
        texts["prompts"] = prompts["pair"]
    else:
        by_column = {name: prompts["query" if name == "query" else "passage"] for name in columns}
        texts["prompts"] = {column: prompt for column, prompt in by_column.items() if prompt}
        texts["router_mapping"] = routes(config, model, columns)
    return getattr(sentence_transformers, f"{type(model).__name__}TrainingArguments")(
        output_dir=str(work / "checkpoints"),
        max_steps=total,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=facts["dev_rows"] or config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=config.learning_rate or _LEARNING_RATES[start],
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
        **texts,
        batch_sampler=batches_of(config, total / max(1, updates)),
        dataloader_num_workers=config.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=on_cpu(),
        # so that a resumed training stops early where an uninterrupted one would have
        restore_callback_states_from_checkpoint=True,
        report_to="none",
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
    )


def _evaluator(config: TrainConfig, facts: dict[str, Any], prompts: Mapping[str, str]) -> Any:
    from st_hybrid_batch import ParallelEvaluator

    return ParallelEvaluator(
        training_groups(config, "dev", facts["left_out"]["dev"]),
        languages=facts["dev_languages"],
        max_groups=config.dev_limit,
        name="dev",
        query_prompt=prompts.get("query"),
        passage_prompt=prompts.get("passage"),
    )
