"""``beir-hybrid fuse``: several evaluated retrievers made one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beir_hybrid.progress import tell


def run(args: argparse.Namespace) -> int:
    """Fuse kept runs and print the table; the exit status."""
    from beir_hybrid.evaluation.table import render_table
    from beir_hybrid.fusion import fuse

    params: dict[str, Any] = dict(args.param)
    if args.weights is not None:
        params["weights"] = args.weights
    folders, tune_on = list(args.folders), args.tune_on
    if tune_on is not None and tune_on[0].startswith("folds:"):
        # what follows folds:N are the folders to fuse
        folders, tune_on = [*folders, *map(Path, tune_on[1:])], tune_on[0]
    if not folders:
        args.parser.error("the following arguments are required: DIR")
    results = fuse(
        folders, args.out, method=args.method, norm=args.norm, params=params, tune_on=tune_on,
        tune_metric=args.tune_metric, standardise=args.standardise, settings=args.settings, metrics=args.metrics,
        name=args.name, data_dir=args.data_dir, seed=args.seed, trec=args.trec,
    )  # fmt: skip
    sys.stdout.write(render_table(results) + "\n")
    if tune_on is not None:
        sys.stdout.write(f"\n{tuned(results.retriever)}\n")
    tell(f"\nresults: {args.out}/results.json, per_query.parquet, runs.parquet")
    return 0


def tuned(retriever: Mapping[str, Any]) -> str:
    """What each setting is fused with: one line a setting, one set of parameters or one a fold."""
    folds = retriever["tuned_on"].get("folds")
    lines = ["each fold is fused with what was tuned on the others"] if folds else []
    for setting, found in retriever["params"].items():
        each = [
            " ".join(f"{name} {value}" for name, value in sorted(params.items()))
            for params in (found if folds else [found])
        ]
        lines.append(f"tuned {setting}: {'; '.join(each)}")
    return "\n".join(lines)
