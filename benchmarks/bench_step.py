"""Step time of the stock trainer: our sampler, view and loss against the stock sampler and loss.

Both train the same model on the same batches of texts: the stock run reads, in order and with integer
indices, the pairs that the hybrid sampler drew, written out beforehand. Short trainings of the two alternate
in one process; a step is timed from one optimizer step to the next, so that drawing, fetching, collating,
forward, backward and update all count. Target: within 3 %.

    python benchmarks/bench_step.py [--groups FILE] [--rounds 6] [--size small|base]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import datasets
import torch
from machine import keep
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch.utils.data import SequentialSampler
from transformers import PreTrainedTokenizerFast, TrainerCallback, XLMRobertaConfig, XLMRobertaModel

from st_hybrid_batch import HybridBatches, MaskedMultipleNegativesRankingLoss, ParallelDataset, read_jsonl

GROUPS = Path(os.environ.get("BEIR_HYBRID_DATA", "data")) / "parallel-train" / "groups.jsonl.gz"
BATCH, STEPS, WARM_UP = 32, 16, 3
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


class StepTimes(TrainerCallback):  # type: ignore[misc]
    """Seconds between the ends of consecutive steps."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._last: float | None = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        # of the processor where it does the work: others may be at work there too
        now = time.perf_counter() if torch.cuda.is_available() else time.process_time()
        if self._last is not None:
            self.times.append(now - self._last)
        self._last = now


def in_order(dataset: Any, batch_size: int, drop_last: bool, **options: Any) -> Any:
    """The stock batch sampler over the rows as they lie."""
    return DefaultBatchSampler(SequentialSampler(dataset), batch_size, drop_last, **options)


def tokenizer_of(texts: list[str]) -> Any:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=8000, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def transformer(tokenizer: Any, folder: Path, size: str) -> Any:
    """A random XLM-R: small for two cores, of the real one's size for a GPU."""
    hidden, layers = (192, 2) if size == "small" else (768, 12)
    config = XLMRobertaConfig(
        vocab_size=8000,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        intermediate_size=4 * hidden,
        max_position_embeddings=66,
    )
    XLMRobertaModel(config).save_pretrained(folder)
    names = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
    tokens = dict(zip(names, SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **tokens).save_pretrained(folder)
    return partial(SentenceTransformer, str(folder))


def seconds_a_step(model: Any, dataset: Any, loss_class: Any, sampler: Any, folder: str) -> list[float]:
    times = StepTimes()
    args = SentenceTransformerTrainingArguments(
        output_dir=folder,
        max_steps=STEPS,
        per_device_train_batch_size=BATCH,
        batch_sampler=sampler,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=1,
    )
    model.model_card_data.generate_widget_examples = False
    SentenceTransformerTrainer(
        model=model, args=args, train_dataset=dataset, loss=loss_class(model), callbacks=[times]
    ).train()
    return times.times[WARM_UP:]


def compare(build: Any, parallel: Any, pairs: Any, hybrid: Any, rounds: int, folder: str) -> dict[str, Any]:
    ours: list[float] = []
    stock: list[float] = []
    ratios = []
    for number in range(rounds):
        runs = [
            (ours, parallel, MaskedMultipleNegativesRankingLoss, hybrid),
            (stock, pairs, MultipleNegativesRankingLoss, in_order),
        ]
        got = {}
        for into, dataset, loss_class, sampler in runs if number % 2 else reversed(runs):
            torch.manual_seed(0)
            steps = seconds_a_step(build(), dataset, loss_class, sampler, folder)
            into += steps
            got[id(into)] = steps
        ratios += [
            mine / theirs for mine, theirs in zip(got[id(ours)], got[id(stock)], strict=True)
        ]  # step by step: the same texts
    return {
        "ours_ms": round(statistics.median(ours) * 1e3, 2),
        "stock_ms": round(statistics.median(stock) * 1e3, 2),
        "ratio_of_medians": round(statistics.median(ours) / statistics.median(stock), 4),
        "median_ratio_of_equal_steps": round(statistics.median(ratios), 4),
        "quartiles_of_ratio": [round(value, 3) for value in statistics.quantiles(ratios, n=4)],
        "steps_each": len(ours),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=Path, default=GROUPS)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--size", choices=["small", "base"], default="small")
    options = parser.parse_args()
    torch.set_num_threads(1 if not torch.cuda.is_available() else 8)
    groups = list(read_jsonl(options.groups, split="train"))[:3000]
    parallel = ParallelDataset.from_groups(groups)
    hybrid = HybridBatches()
    sampler = hybrid(parallel, BATCH, seed=1)
    drawn = [row for batch, _ in zip(sampler, range(STEPS), strict=False) for row in parallel.__getitems__(batch)]
    pairs = datasets.Dataset.from_list([{key: row[key] for key in ("query", "passage")} for row in drawn])
    tokenizer = tokenizer_of([text for group in groups[:600] for text in group.passage.values()])
    with tempfile.TemporaryDirectory() as folder:
        build_transformer = transformer(tokenizer, Path(folder, "model"), options.size)

        def build_static() -> SentenceTransformer:
            return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=256)])

        results = {
            name: compare(build, parallel, pairs, hybrid, options.rounds, folder)
            for name, build in (("transformer", build_transformer), ("static", build_static))
        }
    keep(
        "step",
        {
            "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
            "batch_size": BATCH,
            "transformer_size": options.size,
            **results,
        },
    )


if __name__ == "__main__":
    main()
