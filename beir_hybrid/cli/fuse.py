"""``beir-hybrid fuse``: several evaluated retrievers made one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_command(commands: Any) -> None:
    parser = commands.add_parser(
        "fuse",
        help="fuse evaluated retrievers into a new result folder",
        description="Fuse the kept runs of result folders (with ranx) and measure the fusion exactly like them. "
        "Nothing is ever tuned on the queries that are reported.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of: beir-hybrid evaluate --out")
    parser.add_argument(
        "--method", default="rrf", metavar="M", help="rrf (default), wsum, sum, mnz, ... (ranx's names)"
    )
    parser.add_argument(
        "--norm", default="min-max", metavar="N", help="min-max (default), max, sum, zmuv, rank, borda or none"
    )
    parser.add_argument("--weights", type=_numbers, metavar="W,W", help="one a folder (default: all equal)")
    parser.add_argument(
        "--param", action="append", type=_parameter, default=[], metavar="NAME=N", help="of the method, such as k=60"
    )
    parser.add_argument(
        "--tune-on", nargs="+", metavar="X",
        help="tune the parameters: result folders of the same retrievers on another data set or split (one for each "
        "DIR, in their order), or folds:N (each fold of question groups is fused with what the others say)",
    )  # fmt: skip
    parser.add_argument("--tune-metric", default="map", metavar="M", help="what tuning maximises (default map)")
    parser.add_argument("--settings", metavar="S,S", help="mono, cross, multi (default: all that all folders have)")
    parser.add_argument("--metrics", metavar="M,M", help="default: those of the first folder")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where the data set's files are")
    parser.add_argument("--name", metavar="NAME", help="what the results call the fusion")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the folds (default 0)")
    parser.add_argument("--trec", action="store_true", help="also write the runs as TREC files")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the new results folder")
    parser.set_defaults(run=run)


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
    from beir_hybrid.evaluation.table import render_table
    from beir_hybrid.fusion import fuse

    params: dict[str, Any] = dict(args.param)
    if args.weights is not None:
        params["weights"] = args.weights
    tune_on = args.tune_on
    if tune_on is not None and len(tune_on) == 1:
        (tune_on,) = tune_on
    results = fuse(
        args.folders, args.out, method=args.method, norm=args.norm, params=params, tune_on=tune_on,
        tune_metric=args.tune_metric, settings=args.settings, metrics=args.metrics, name=args.name,
        data_dir=args.data_dir, seed=args.seed, trec=args.trec,
    )  # fmt: skip
    sys.stdout.write(render_table(results) + "\n")
    sys.stderr.write(f"\nresults: {args.out}/results.json, per_query.parquet, runs.parquet\n")
    return 0
