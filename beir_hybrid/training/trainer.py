"""The stock trainer of sentence-transformers, with the plugin's parts, as the settings say."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from beir_hybrid.errors import TrainingError, first_line
from beir_hybrid.progress import tell
from beir_hybrid.training.config import TrainConfig
from beir_hybrid.training.data import TrainingData, batches_of, training_groups, validation_rows
from beir_hybrid.training.folder import TrainFolder
from beir_hybrid.training.models import adapt, is_static, on_cpu, prompts_of, routes, starting_model
from beir_hybrid.training.prepare import PRETRAINING_TEXT, SCRATCH_LENGTH

_DEFAULT_STEPS = {"static": 3000, "transformer": 10_000, None: 10_000}
_LEARNING_RATES = {"static": 1e-2, "transformer": 5e-4, None: 3e-5}


def build_trainer(config: TrainConfig, folder: TrainFolder, data: TrainingData, state: Any) -> Any:
    """The trainer of a prepared training, with the model it begins with."""
    import sentence_transformers
    import torch
    from transformers import EarlyStoppingCallback

    from beir_hybrid.training.code_switch import CodeSwitched, read_lexicon, translations
    from beir_hybrid.training.progress import ProgressLine
    from st_hybrid_batch import LazyAdamW, ParallelEvaluator, hybrid_callbacks, use_sparse_gradients
    from st_hybrid_batch.evaluator import MOST_PAIRS

    model = begun_with(config, folder)
    lexicon: dict[str, Any] = read_lexicon(Path(config.lexicon or "")) if config.code_switch else {}
    if config.cut_vocabulary:
        switched = translations(lexicon, data.texts()) if lexicon else ()
        _cut_vocabulary(itertools.chain(data.texts(), switched), model, state)
    if config.lora is not None:
        adapt(model, config.lora)
    prompts, train, evaluator = prompts_of(model), data.train, None
    if config.code_switch:
        train = CodeSwitched(train, lexicon, config.code_switch, config.seed)
    if data.dev is not None:
        limit = config.value("dev_limit")
        if config.dev_limit is None and "pair" in prompts:  # a cross encoder scores every pair
            limit = max(1, min(limit, math.isqrt(MOST_PAIRS) // len(data.dev.languages)))
        evaluator = ParallelEvaluator(
            training_groups(config, "dev", data.left_out["dev"]),
            languages=data.dev.languages,
            max_groups=limit,
            name="dev",
            query_prompt=prompts.get("query"),
            passage_prompt=prompts.get("passage"),
        )
        evaluator.check(model)
        if config.best not in ("loss", *evaluator.metrics):
            raise TrainingError(
                f"--best {config.best} needs a validation question with passages in two languages; there is none"
            )
    loss = loss_of(config, model)
    if config.gather and state.num_processes == 1:
        tell("--gather has no effect: there is one process, which has all passages of its batch")
    static = is_static(model)
    sparse = static and state.num_processes == 1
    if static:
        # look-ups and small products: threads spend more time waiting for each other than working
        torch.set_num_threads(1)
    if sparse:
        use_sparse_gradients(model)
    model.model_card_data.language = list(data.train.languages)
    # texts of the data set have no business in the card
    model.model_card_data.set_widget_examples = lambda dataset: None
    arguments = _arguments(config, folder, data, model, state.num_processes)
    callbacks = [*hybrid_callbacks(loss), ProgressLine()]
    if data.dev is not None and (patience := config.value("patience")):
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=patience))
    trainer = getattr(sentence_transformers, f"{type(model).__name__}Trainer")(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=data.dev,
        loss=loss,
        evaluator=evaluator,
        callbacks=callbacks,
        optimizer_cls_and_kwargs=(LazyAdamW, {"lr": arguments.learning_rate}) if sparse else None,
    )
    trainer._load_best_model = lambda: _load_best(trainer)
    if not arguments.should_save:
        # transformers 5 leaves it to this method to do nothing, which that of sentence-transformers 6.2 does not know:
        # all processes would write into one file at once
        trainer._save = lambda *_, **__: None
    return trainer


def begun_with(config: TrainConfig, folder: TrainFolder) -> Any:
    """The model that a training begins with, always the same one; pretrained first, if that is asked for."""
    base = folder.work / "base"
    source = str(base if base.exists() else config.model)
    model = starting_model(config, source)
    if not config.pretrain_text:
        return model
    from beir_hybrid.training.pretrain import load_encoder, pretrain

    out = folder.work / "pretrained"
    if not out.exists():
        texts = json.loads((folder.work / PRETRAINING_TEXT).read_text(encoding="utf-8"))
        length = config.max_seq_length or int(min(model.max_seq_length or SCRATCH_LENGTH, 512))
        pretrain(source, texts, out, folder.work / "pretraining", config, length)
    load_encoder(out, model)
    return model


def loss_of(config: TrainConfig, model: Any) -> Any:
    """The loss of a model. The scale of one that is not dense is its kind's own unless another one is set.

    Raises:
        TrainingError: dimensions to train that the model does not have.
    """
    from sentence_transformers.sentence_transformer import losses
    from sentence_transformers.sparse_encoder.losses import CachedSpladeLoss, SpladeLoss
    from sentence_transformers.util import dot_score

    import st_hybrid_batch

    kind = type(model).__name__
    cached = "" if config.mini_batch_size is None else "Cached"
    options: dict[str, Any] = {"mini_batch_size": config.mini_batch_size} if cached else {}
    gather = {"gather_across_devices": config.gather}
    if kind == "SparseEncoder":
        inner = st_hybrid_batch.MaskedMultipleNegativesRankingLoss(
            model, scale=config.scale or 1.0, similarity_fct=dot_score, **gather
        )
        # the weights of the SPLADE papers' order: passages are many and long
        splade = CachedSpladeLoss if cached else SpladeLoss
        return splade(model, inner, document_regularizer_weight=3e-5, query_regularizer_weight=5e-5, **options)
    if kind == "SentenceTransformer" or config.scale is not None:
        options["scale"] = config.value("scale")
    if kind != "CrossEncoder":
        options |= gather
    if config.loss == "plain":
        loss = getattr(losses, f"{cached}MultipleNegativesRankingLoss")(model, **options)
    else:
        sort = {"SentenceTransformer": "", "MultiVectorEncoder": "MultiVector", "CrossEncoder": "CrossEncoder"}[kind]
        loss = getattr(st_hybrid_batch, f"{cached}Masked{sort}MultipleNegativesRankingLoss")(model, **options)
    if not config.matryoshka:
        return loss
    full = int(model.get_embedding_dimension())
    if too_large := [dim for dim in config.matryoshka if dim >= full]:
        raise TrainingError(f"--matryoshka {too_large[0]} is not below the model's dimension {full}")
    return losses.MatryoshkaLoss(model, loss, matryoshka_dims=sorted({full, *config.matryoshka}, reverse=True))


def one_device(arguments: Any) -> None:
    """One device a process: DataParallel would multiply the batch by the number of GPUs, and count as if it had not."""
    if arguments.n_gpu > 1:
        tell(
            f"one of {arguments.n_gpu} GPUs is used; torchrun --nproc-per-node {arguments.n_gpu} -m beir_hybrid train "
            "uses all of them"
        )
        arguments._n_gpu = 1


def _cut_vocabulary(texts: Iterable[str], model: Any, state: Any) -> None:
    """Train the tokens alone that texts use."""
    from beir_hybrid.training.vocabulary import tokens_in_use, train_tokens_in_use

    if state.is_main_process:
        tell("looking for the tokens in use")
    found = tokens_in_use(model, texts, list(prompts_of(model).values()))
    if state.is_main_process:
        tell(f"vocabulary: {sum(map(len, found)):,} tokens are in use")
    train_tokens_in_use(model, found)


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


def _arguments(config: TrainConfig, folder: TrainFolder, data: TrainingData, model: Any, processes: int) -> Any:
    import sentence_transformers
    import torch

    start = "static" if is_static(model) else config.from_scratch
    # as the trainer counts: the last step of an epoch takes the batches that are left
    updates = -(-(data.train.n_groups // (config.batch_size * processes)) // config.gradient_accumulation)
    steps = config.steps if config.steps or config.epochs else _DEFAULT_STEPS[start]
    total = steps or max(1, round((config.epochs or 0) * updates))
    every = min(config.evaluate_every or max(1, total // 20), total)
    validated: dict[str, Any] = {}
    if data.dev is not None:
        validated = {
            "per_device_eval_batch_size": validation_rows(config, data.dev, processes),
            "eval_strategy": "steps",
            "eval_steps": every,
            "load_best_model_at_end": True,
            "metric_for_best_model": "eval_loss" if config.best == "loss" else f"eval_dev_{config.best}",
            "greater_is_better": config.best not in ("loss", "rank_distance"),
        }
    prompts = prompts_of(model)
    texts: dict[str, Any] = {"prompts": prompts.get("pair")}
    if "pair" not in prompts:
        roles = {column: "query" if column == "query" else "passage" for column in data.train.text_columns}
        mapping = routes(config, model)
        texts = {
            "prompts": {column: prompts[role] for column, role in roles.items() if prompts[role]},
            "router_mapping": {column: mapping[role] for column, role in roles.items() if mapping},
        }
    arguments = getattr(sentence_transformers, f"{type(model).__name__}TrainingArguments")(
        output_dir=str(folder.checkpoints),
        max_steps=total,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=config.learning_rate or _LEARNING_RATES[start],
        weight_decay=config.weight_decay,
        warmup_steps=config.warmup if config.warmup < 1 else total,
        bf16=config.precision == "bf16",
        fp16=config.precision == "fp16",
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        logging_steps=max(1, min(every, 50)),
        seed=config.seed,
        data_seed=config.seed,
        batch_sampler=batches_of(config, total / max(1, updates)),
        dataloader_num_workers=config.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=on_cpu(),
        # so that a resumed training stops early where an uninterrupted one would have
        restore_callback_states_from_checkpoint=True,
        report_to="none",
        disable_tqdm=True,
        ddp_find_unused_parameters=False,
        **texts,
        **validated,
    )
    one_device(arguments)
    return arguments
