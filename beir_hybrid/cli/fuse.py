"""``beir-hybrid fuse``: several evaluated retrievers made one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from beir_hybrid.progress import tell


def add_command(commands: Any) -> None:
    """The options of ``fuse``."""
    parser = commands.add_parser(
        "fuse",
        help="fuse evaluated retrievers into a new result folder",
        description="Fuse the kept runs of result folders (with ranx) and measure the fusion exactly like them. "
        "Nothing is ever tuned on the queries that are reported.",
        examples=[
            "fuse results/bm25 results/dense --out results/rrf",
            "fuse results/bm25 results/dense --method wsum --weights 0.3,0.7 --out results/wsum",
            "fuse results/bm25 results/dense --method wsum --tune-on folds:5 --out results/tuned",
        ],
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="DIR", help="folders of: beir-hybrid evaluate --out")
    how = parser.add_argument_group("how they are fused")
    how.add_argument("--method", default="rrf", metavar="M", help="rrf (default), wsum, sum, mnz, ... (ranx's names)")
    how.add_argument(
        "--norm", metavar="N",
        help="min-max (default), max, sum, zmuv, rank, borda or none; methods that look at ranks alone take none",
    )  # fmt: skip
    how.add_argument("--weights", type=_numbers, metavar="W,W", help="one a folder (default: all equal)")
    how.add_argument(
        "--param", action="append", type=_parameter, default=[], metavar="NAME=N", help="of the method, such as k=60"
    )
    how.add_argument(
        "--standardise", action="store_true",
        help="first put the pool's scores on one scale for every passage language (each language's mean and deviation "
        "over the kept hits: keep many, with evaluate --top-k); DIR may then be one folder",
    )  # fmt: skip
    how.add_argument("--name", metavar="NAME", help="what the results call the fusion")
    tuning = parser.add_argument_group("tuning")
    tuning.add_argument(
        "--tune-on", nargs="+", metavar="X",
        help="tune the parameters: result folders of the same retrievers on another data set or split (one for each "
        "DIR, in their order), or folds:N (each fold of question groups is fused with what the others say)",
    )  # fmt: skip
    tuning.add_argument("--tune-metric", default="map", metavar="M", help="what tuning maximises (default map)")
    tuning.add_argument("--seed", type=int, default=0, metavar="N", help="of the folds (default 0)")
    measured = parser.add_argument_group("what is measured")
    measured.add_argument("--settings", metavar="S,S", help="mono, cross, multi (default: all that all folders have)")
    measured.add_argument("--metrics", metavar="M,M", help="default: those of the first folder")
    measured.add_argument("--data-dir", type=Path, metavar="DIR", help="where the data set's files are")
    output = parser.add_argument_group("output")
    output.add_argument("--trec", action="store_true", help="also write the runs as TREC files")
    output.add_argument("--out", type=Path, required=True, metavar="DIR", help="the new results folder")
    parser.set_defaults(run=run, parser=parser)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers like 0.3,0.7") from error


def _parameter(text: str) -> tuple[str, float | int]:
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no parameter like k=60") from error
    return name, int(number) if value.lstrip("-").isdigit() else number


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
    tell(f"\nresults: {args.out}/results.json, per_query.parquet, runs.parquet")
    return 0
