"""Domain-adaptive pretraining: masked-language modelling on unlabelled text, before hybrid batches."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beir_hybrid.disk.files import folder_written_whole
from beir_hybrid.errors import TrainingError, at, first_line
from beir_hybrid.readers.lines import read_lines
from beir_hybrid.training.checkpoints import newest_checkpoint, train_from
from beir_hybrid.training.config import TrainConfig
from beir_hybrid.training.leak import TrainingText

MASKED = 0.15
"""Share of the tokens that are to be predicted, as in BERT."""


def read_pretraining_text(paths: Sequence[str]) -> Iterator[TrainingText]:
    """The lines of text files, without empty ones.

    Raises:
        TrainingError: a file cannot be read, or all are empty.
    """
    found = False
    for path in paths:
        for number, line in read_lines(Path(path), TrainingError):
            found = True
            yield TrainingText(line.strip(), "pretraining", at(path, number))
    if paths and not found:
        raise TrainingError(f"{', '.join(paths)}: no line of text; expected one text a line, UTF-8")


def pretrain(
    source: str, texts: Iterable[str], out: Path, work: Path, config: TrainConfig, max_seq_length: int
) -> None:
    """Train a transformers model on masked tokens of ``texts`` and save it to ``out``, whole or not at all.

    Args:
        source: folder or name of a transformers or sentence-transformers model.
        texts: what to train on.
        out: the trained transformers model.
        work: checkpoints; if there are some, the training goes on from the last one.
        config: the settings: steps, batches, learning rate, precision, seed.
        max_seq_length: tokens read of a text.

    Raises:
        TrainingError: the model has no tokens to mask, or not what a setting is about.
    """
    import datasets
    from transformers import Trainer, TrainingArguments

    from beir_hybrid.training.models import on_cpu, shape
    from beir_hybrid.training.progress import ProgressLine
    from beir_hybrid.training.vocabulary import keep_tokens

    steps = int(config.value("pretrain_steps"))
    masked_model, tokenizer = _masked_model(source, config.seed)
    encoded = tokenizer(list(texts), truncation=True, max_length=max_seq_length, return_special_tokens_mask=True)
    shape(masked_model, config)
    if config.cut_vocabulary:
        keep_tokens(masked_model, np.array(sorted({*tokenizer.all_special_ids}.union(*encoded["input_ids"]))))
    _score_masked_tokens_only(masked_model)
    arguments = TrainingArguments(
        output_dir=str(work),
        max_steps=steps,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.value("pretrain_learning_rate"),
        weight_decay=0.01,
        warmup_steps=0.1,
        bf16=config.precision == "bf16",
        fp16=config.precision == "fp16",
        logging_steps=max(1, steps // 20),
        save_strategy="steps",
        save_steps=max(1, steps // 10),
        save_total_limit=2,
        use_cpu=on_cpu(),
        report_to="none",
        disable_tqdm=True,
        seed=config.seed,
    )
    trainer = Trainer(
        model=masked_model,
        args=arguments,
        train_dataset=datasets.Dataset.from_dict(dict(encoded)),
        data_collator=_masking(tokenizer, config.seed),
        callbacks=[ProgressLine("pretraining")],
    )
    trainer.accelerator.wait_for_everyone()
    train_from(trainer, newest_checkpoint(work, int(arguments.world_size)))
    if trainer.is_world_process_zero():
        with folder_written_whole(out) as part:
            trainer.save_model(str(part))
            tokenizer.save_pretrained(str(part))
    trainer.accelerator.wait_for_everyone()


def _masking(tokenizer: Any, seed: int) -> Any:
    """Masks that depend on the seed and a batch's tokens alone: a resumed training goes on with those it would have had
    (batches are fetched ahead of the step at which a checkpoint keeps the state of chance)."""
    from transformers import DataCollatorForLanguageModeling

    class Masking(DataCollatorForLanguageModeling):  # type: ignore[misc]
        def torch_call(self, examples: Any) -> Any:
            tokens = np.concatenate([example["input_ids"] for example in examples])
            self.generator = self.get_generator(zlib.crc32(tokens.tobytes(), seed))
            return super().torch_call(examples)

    return Masking(tokenizer, mlm_probability=MASKED)


def _score_masked_tokens_only(masked_model: Any) -> None:
    """Let the head score the tokens with a label alone: over a large vocabulary, scores of all take gigabytes."""
    chosen: list[Any] = []

    def choose(_: Any, args: Any, kwargs: Any) -> Any:
        chosen[:] = [kwargs["labels"] != -100]
        return args, {**kwargs, "labels": kwargs["labels"][chosen[0]][None]}

    def leave_out(_: Any, args: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state[chosen[0]][None]
        return output

    masked_model.register_forward_pre_hook(choose, with_kwargs=True)
    masked_model.base_model.register_forward_hook(leave_out)


def load_encoder(folder: Path, model: Any) -> None:
    """Put the weights of a pretrained model into the transformer of a sentence-transformers model.

    What comes after the transformer (pooling, a projection, normalisation) stays as it is.
    """
    from transformers import AutoModelForMaskedLM

    encoder = model[0].auto_model
    weights = AutoModelForMaskedLM.from_pretrained(folder, dtype=encoder.dtype).base_model.state_dict()
    missing = [
        name for name in encoder.load_state_dict(weights, strict=False).missing_keys if not name.startswith("pooler.")
    ]
    if missing:
        raise TrainingError(f"{folder}: masked-language modelling left no weights for {', '.join(missing[:3])}")


def _masked_model(source: str, seed: int) -> tuple[Any, Any]:
    from transformers import AutoModelForMaskedLM, AutoTokenizer, set_seed

    set_seed(seed)  # before the model: a head that is not in the folder is drawn
    modules = Path(source) / "modules.json"
    if modules.exists():  # of sentence-transformers, whose transformer may lie in a folder below
        source = str(Path(source) / json.loads(modules.read_text(encoding="utf-8"))[0]["path"])
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        masked_model = AutoModelForMaskedLM.from_pretrained(source)
    except (ValueError, OSError) as error:
        raise TrainingError(
            f"--pretrain-text needs an encoder that can predict masked tokens, and transformers has no such form of "
            f"{source}: {first_line(error)[:200]}"
        ) from error
    if tokenizer.mask_token is None:
        raise TrainingError(f"--pretrain-text needs a tokenizer with a mask token, and that of {source} has none")
    return masked_model, tokenizer
