"""The paper's question at the size at hand: X-X-mono, X-Y and hybrid batches, from scratch, zero-shot on real data.

    BEIR_HYBRID_DATA=... python benchmarks/results_regimes.py [--alphas 0,.25,.5,.75,1] [--seeds 1,2,3]

Every run is ``beir-hybrid train`` with `SETTINGS` (equal budgets; chosen on the dev part of the training data, never
on the test sets) and ``beir-hybrid evaluate`` on XQuAD-R and MLQA-R. Finished runs are kept in
``benchmarks/results/regimes.json`` and not repeated. The figures in the README come from there.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import machine

LANGUAGES = "ar,de,el,en,es,hi,ru,th,tr,vi,zh"
SETTINGS: dict[str, Any] = {
    "from_scratch": "static",
    "languages": LANGUAGES,
    "batch_size": 256,
    "steps": 800,
    "width": 256,
    "evaluate_every": 400,
    "patience": 0,
    "best": "loss",
}
METRICS = "map,recall@1,recall@10"
DATASETS = ("xquad-r", "mlqa-r")


def run(groups: Path, alpha: float, seed: int, tokenizer: Path, folder: Path) -> dict[str, Any]:
    """One model: trained, and measured on both data sets."""
    from beir_hybrid import DenseRetriever, evaluate
    from beir_hybrid.training.config import config_from
    from beir_hybrid.training.train import train

    out = folder / f"alpha-{alpha}-seed-{seed}"
    given = {"groups": str(groups), "tokenizer": str(tokenizer), "alpha": alpha, "seed": seed, "out": str(out)}
    summary = train(config_from({**SETTINGS, **given}))
    scores = {name: evaluate(name, DenseRetriever(out, cache=False), metrics=METRICS).summary for name in DATASETS}
    return {
        "alpha": alpha,
        "seed": seed,
        "steps": summary.steps,
        "pairs": summary.pairs,
        "seconds": summary.seconds,
        "best_step": summary.best_step,
        "dev": summary.validation,
        "losses": summary.losses,
        "scores": scores,
    }


def _tokenizer(groups: Path, folder: Path) -> Path:
    """The tokenizer is the same for all runs (it depends on the text alone): trained once."""
    from beir_hybrid.training.scratch import train_tokenizer
    from st_hybrid_batch import read_jsonl

    wanted = set(LANGUAGES.split(","))
    texts = (
        text
        for group in read_jsonl(groups, split="train")
        for side in (group.query, group.passage)
        for language, text in side.items()
        if language in wanted
    )
    path = folder / "tokenizer.json"
    train_tokenizer(texts, 64_000).save(str(path))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alphas", default="0,0.25,0.5,0.75,1")
    parser.add_argument("--seeds", default="1,2,3")
    options = parser.parse_args()
    groups = Path(os.environ["BEIR_HYBRID_DATA"]) / "parallel-train" / "groups.jsonl.gz"
    with tempfile.TemporaryDirectory() as name:
        tokenizer = None
        # seed by seed, so that an interrupted experiment still compares all regimes
        for seed in map(int, options.seeds.split(",")):
            for alpha in map(float, options.alphas.split(",")):
                if any((one["alpha"], one["seed"]) == (alpha, seed) for one in _kept()):
                    continue
                tokenizer = tokenizer or _tokenizer(groups, Path(name))
                one = run(groups, alpha, seed, tokenizer, Path(name))
                # read again: another process may have finished a run meanwhile
                runs = sorted([*_kept(), one], key=lambda run: (run["alpha"], run["seed"]))
                machine.keep("regimes", {"settings": SETTINGS, "runs": runs})


def _kept() -> list[dict[str, Any]]:
    file = machine.RESULTS / "regimes.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    runs: list[dict[str, Any]] = kept.get("runs", []) if kept.get("settings") == SETTINGS else []
    return runs


if __name__ == "__main__":
    main()
