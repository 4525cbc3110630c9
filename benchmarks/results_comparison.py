"""BM25 variants, the three regimes and a fusion on the real data sets, compared; the README's table comes from here.

    BEIR_HYBRID_DATA=... python benchmarks/results_comparison.py WORK_DIR

Trains what WORK_DIR does not hold yet (as the shipped study regimes does, seed 1), evaluates it there, and writes the
macro rows of ``beir-hybrid compare`` to ``benchmarks/results/comparison.DATASET.json``. A second call goes on where the
first one stopped.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import machine

from beir_hybrid import BM25Retriever, DenseRetriever, evaluate
from beir_hybrid.comparison import compare
from beir_hybrid.fusion import fuse
from beir_hybrid.retrieval.bm25.retriever import VARIANTS
from beir_hybrid.studies import load_study
from beir_hybrid.studies.shipped import study_path

REGIMES = {"mono": 1.0, "cross": 0.0, "hybrid": 0.5}
DATASETS = ("xquad-r", "mlqa-r")
METRICS = "map,recall@1,recall@10"
SHOWN = ("map", "rank_distance", "same_language_share@10")


def models(work: Path) -> dict[str, Path]:
    """The model of each regime, trained now if it is not there."""
    from beir_hybrid.training.config import config_from
    from beir_hybrid.training.train import train

    settings = dict(load_study(study_path("regimes")).train or {})
    groups = os.path.expandvars(settings.pop("groups"))
    found = {}
    for name, alpha in REGIMES.items():
        out = work / "models" / name
        if not (out / "modules.json").exists():
            given: dict[str, Any] = {"groups": groups, "alpha": alpha, "seed": 1, "out": str(out)}
            train(config_from({**settings, **given}))
        found[name] = out
    return found


def main(work: Path) -> None:
    trained = models(work)
    for dataset in DATASETS:
        out = work / dataset
        for variant in VARIANTS:
            evaluate(dataset, BM25Retriever(variant), metrics=METRICS, out=out / f"bm25-{variant}")
        for name, model in trained.items():
            retriever = DenseRetriever(model, name=f"static-{name}")
            evaluate(dataset, retriever, metrics=METRICS, top_k=1000, out=out / f"static-{name}")
        names = [*(f"bm25-{variant}" for variant in VARIANTS), *(f"static-{name}" for name in trained)]
        if not (out / "fused" / "results.json").exists():
            fuse([out / "bm25-language", out / "static-hybrid"], out / "fused", method="rrf", name="rrf(bm25, hybrid)")
        comparison = compare([*(out / name for name in names), out / "fused"], metrics=SHOWN)
        record = comparison.to_json()
        record["rows"] = [row for row in record["rows"] if row["query_language"] == "mean"]
        machine.keep(f"comparison.{dataset}", record)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
