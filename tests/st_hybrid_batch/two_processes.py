"""For test_distributed.py: a training whose batches every rank writes down; torchrun runs it whole and resumed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from accelerate import PartialState
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)

from st_hybrid_batch import (
    HybridBatches,
    MaskedMultipleNegativesRankingLoss,
    ParallelDataset,
    ParallelEvaluator,
    hybrid_callbacks,
    read_jsonl,
)


class RecordingLoss(MaskedMultipleNegativesRankingLoss):
    """Keeps loss and token ids of every batch."""

    def __init__(self, model, **options):
        super().__init__(model, **options)
        self.seen = []

    def forward(self, sentence_features, labels=None):
        features = list(sentence_features)
        loss = super().forward(features, labels)
        training = torch.is_grad_enabled()
        self.seen.append([training, loss.item(), *[column["input_ids"].tolist() for column in features]])
        return loss


def main(bert: str, groups: str, out: str, name: str, resume: str = "") -> None:
    torch.set_num_threads(1)
    state = PartialState(cpu=True)
    torch.manual_seed(0)
    model = SentenceTransformer(bert, device="cpu")
    parallel = ParallelDataset.from_groups(read_jsonl(groups))
    args = SentenceTransformerTrainingArguments(
        output_dir=out,
        batch_sampler=HybridBatches(alpha=0.5),
        num_train_epochs=3,
        # one process sees the whole global batch
        per_device_train_batch_size=8 // state.num_processes,
        per_device_eval_batch_size=8 // state.num_processes,
        learning_rate=1e-2,
        eval_strategy="epoch",
        save_steps=1,
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        seed=3,
    )
    loss = RecordingLoss(model, gather_across_devices=True)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=args,
        train_dataset=parallel,
        eval_dataset=parallel,
        evaluator=ParallelEvaluator(read_jsonl(groups), name="dev"),
        loss=loss,
        callbacks=hybrid_callbacks(loss),
    )
    trainer.train(resume_from_checkpoint=resume or None)
    weights = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    record = {
        "seen": loss.seen,
        "weights": weights.double().sum().item(),
        "logs": [{k: v for k, v in log.items() if "loss" in k} for log in trainer.state.log_history],
    }
    Path(out, f"{name}-{state.process_index}.json").write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    bert, groups, out, interrupted = sys.argv[1:]
    main(bert, groups, out, "whole")
    main(bert, groups, out, "resumed", interrupted)
