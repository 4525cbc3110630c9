"""BM25 on the real data sets, every variant, every setting; the figures in the README come from here.

    BEIR_HYBRID_DATA=... python benchmarks/results_bm25.py

Writes ``benchmarks/results/DATASET.bm25-VARIANT.json``, the results.json of
``beir-hybrid evaluate DATASET --bm25 VARIANT``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import machine

from beir_hybrid import BM25Retriever, evaluate
from beir_hybrid.evaluation.table import render_table

VARIANTS = ("language", "standard", "translated")


def main(datasets: list[str]) -> None:
    for dataset in datasets or ["xquad-r", "mlqa-r"]:
        for variant in VARIANTS:
            with tempfile.TemporaryDirectory() as name:
                results = evaluate(dataset, BM25Retriever(variant), out=Path(name) / "out")
                shutil.copy(Path(name) / "out" / "results.json", machine.RESULTS / f"{dataset}.bm25-{variant}.json")
            print(render_table(results), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
