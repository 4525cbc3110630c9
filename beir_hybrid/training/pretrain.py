"""Domain-adaptive pretraining: masked-language modelling on unlabelled text, before hybrid batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from beir_hybrid.errors import TrainingError

MASKED = 0.15
"""Share of the tokens that are to be predicted, as in BERT."""


def read_texts(paths: Sequence[str]) -> list[str]:
    """The lines of text files.

    Raises:
        TrainingError: a file cannot be read, or all are empty.
    """
    texts: list[str] = []
    for path in paths:
        try:
            texts += [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise TrainingError(f"{path}: cannot be read as text: {error}") from error
    if not texts:
        raise TrainingError(f"{', '.join(paths)}: no line of text; expected one text a line, UTF-8")
    return texts


def pretrain(
    source: str,
    texts: Iterable[str],
    out: Path,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    max_seq_length: int,
    precision: str,
    seed: int,
    callbacks: Sequence[Any] = (),
) -> None:
    """Train a transformers model on masked tokens of ``texts`` and save it to ``out``."""
    import datasets
    from transformers import (
        AutoModelForMaskedLM,
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    set_seed(seed)  # before the model: a head that is not in the folder is drawn
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForMaskedLM.from_pretrained(source)
    rows = datasets.Dataset.from_dict({"text": list(texts)}).map(
        lambda batch: tokenizer(
            batch["text"], truncation=True, max_length=max_seq_length, return_special_tokens_mask=True
        ),
        batched=True,
        remove_columns=["text"],
    )
    arguments = TrainingArguments(
        output_dir=str(out / "checkpoints"),
        max_steps=steps,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=0.01,
        warmup_steps=0.1,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        logging_steps=max(1, steps // 20),
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=seed,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=MASKED),
        callbacks=list(callbacks),
    )
    from beir_hybrid.training.progress import only_ours

    only_ours(trainer)
    trainer.train()
    if trainer.is_world_process_zero():
        trainer.save_model(str(out))
        tokenizer.save_pretrained(str(out))
    trainer.accelerator.wait_for_everyone()
