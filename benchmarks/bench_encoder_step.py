"""Steps an hour and memory of fine-tuning a real encoder with `beir-hybrid train`, beside the stock trainer.

Each recipe trains the same encoder on the same groups in a process of its own, so that its peak memory is its own. A
step is timed from one optimizer step to the next: drawing, collating, forward, backward and update all count. ``stock``
is sentence-transformers' trainer with its own loss and sampler on pairs of the same text, all parameters trained.

    python benchmarks/bench_encoder_step.py [--model e5-small] [--groups FILE] [--batch-size 32] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

GROUPS = Path(os.environ.get("BEIR_HYBRID_DATA", "data")) / "parallel-train" / "groups.jsonl.gz"
WARM_UP = 2
RECIPES: dict[str, dict[str, Any]] = {
    "stock, float32": {"stock": True},
    "stock, bfloat16": {"stock": True, "precision": "bf16"},
    "all parameters, float32": {},
    "all parameters, bfloat16": {"precision": "bf16"},
    "embeddings frozen, bfloat16": {"precision": "bf16", "freeze_embeddings": True},
    "vocabulary cut, bfloat16": {"precision": "bf16", "cut_vocabulary": True},
    "LoRA of rank 16, bfloat16": {"precision": "bf16", "lora": 16},
    "embeddings frozen, bfloat16, GradCache of four times the batch": {
        "precision": "bf16", "freeze_embeddings": True, "mini_batch_size": 32, "times": 4,
    },
}  # fmt: skip


def timed() -> list[float]:
    """The ends of the steps of whatever trainer is made from now on in this process."""
    from transformers import TrainerCallback, trainer

    ends: list[float] = []

    class Ends(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            ends.append(time.perf_counter())

    trainer.DEFAULT_CALLBACKS.append(Ends)
    return ends


def with_the_product(options: argparse.Namespace, settings: dict[str, Any], batch_size: int, folder: str) -> None:
    from beir_hybrid.training.config import TrainConfig
    from beir_hybrid.training.train import train

    train(
        TrainConfig(
            groups=str(options.groups), model=options.model, batch_size=batch_size, steps=options.steps + WARM_UP,
            max_seq_length=options.tokens, evaluate_every=10_000, patience=0, dev_limit=1,
            out=f"{folder}/out", **settings,
        )
    )  # fmt: skip


def with_the_stock_trainer(options: argparse.Namespace, settings: dict[str, Any], folder: str) -> None:
    import datasets
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from beir_hybrid.retrieval.dense.models import load_model
    from st_hybrid_batch import read_jsonl

    model = load_model(options.model, "cpu")
    model.max_seq_length = options.tokens
    wanted = options.batch_size * (options.steps + WARM_UP)
    rows = [
        {"query": group.query[language], "passage": group.passage[language]}
        for group in read_jsonl(options.groups, split="train")
        for language in sorted(group.query)
    ]
    pairs = datasets.Dataset.from_list(rows).shuffle(seed=1).select(range(wanted))
    model.model_card_data.generate_widget_examples = False
    arguments = SentenceTransformerTrainingArguments(
        output_dir=folder, max_steps=options.steps + WARM_UP, per_device_train_batch_size=options.batch_size,
        save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True, use_cpu=True,
        bf16=settings.get("precision") == "bf16", learning_rate=2e-5,
        prompts={"query": "query: ", "passage": "passage: "},
    )  # fmt: skip
    SentenceTransformerTrainer(
        model=model, args=arguments, train_dataset=pairs, loss=MultipleNegativesRankingLoss(model)
    ).train()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One recipe, in this process."""
    import torch

    torch.set_num_threads(options.threads)
    settings = dict(RECIPES[options.recipe])
    batch_size = options.batch_size * settings.pop("times", 1)
    ends = timed()
    with tempfile.TemporaryDirectory() as folder:
        if settings.pop("stock", False):
            with_the_stock_trainer(options, settings, folder)
        else:
            with_the_product(options, settings, batch_size, folder)
    steps = [after - before for before, after in zip(ends[WARM_UP - 1 :], ends[WARM_UP:], strict=False)]
    seconds = statistics.median(steps)
    return {
        "batch_size": batch_size,
        "seconds_a_step": round(seconds, 2),
        "steps_an_hour": round(3600 / seconds),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "steps": len(steps),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="e5-small")
    parser.add_argument("--groups", type=Path, default=GROUPS)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--recipe", choices=list(RECIPES), help="only this one, and print its figures")
    options = parser.parse_args()
    if options.recipe:
        print(json.dumps(measure(options)))
        return
    from machine import keep

    rows = {}
    for recipe in RECIPES:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--recipe", recipe],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": str(options.threads)},
        )
        rows[recipe] = json.loads(done.stdout.splitlines()[-1])
        sys.stderr.write(f"{recipe}: {rows[recipe]}\n")
    keep(
        "encoder_step", {"model": options.model, "tokens": options.tokens, "threads": options.threads, "recipes": rows}
    )


if __name__ == "__main__":
    main()
