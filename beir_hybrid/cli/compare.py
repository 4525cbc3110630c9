"""``beir-hybrid compare``: which retriever is better, where, by how much, and whether it is noise."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

FORMATS = ("table", "markdown", "latex", "csv", "json", "html")


def add_command(commands: Any) -> None:
    parser = commands.add_parser(
        "compare",
        help="compare evaluated retrievers, with significance",
        description="Compare retrievers that were measured on the same data set, query by query. Queries are paired by "
        "id; tests and intervals permute and resample question groups, since the parallel queries of a group are not "
        "independent.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of: beir-hybrid evaluate --out")
    parser.add_argument("--baseline", metavar="NAME", help="a system's name or folder (default: the first folder)")
    parser.add_argument("--settings", metavar="S,S", help="mono, cross, multi (default: all that all folders have)")
    parser.add_argument(
        "--metrics", metavar="M,M", help="such as map,rank_distance or nDCG@10 (default: all that all folders have)"
    )
    parser.add_argument(
        "--test", default="permutation", metavar="T",
        help="permutation (default), student, wilcoxon, or tukey (randomised, over all systems; needs no correction)",
    )  # fmt: skip
    parser.add_argument(
        "--correction", default="holm", metavar="C",
        help="holm (default), bh or none, over the tests of one metric and setting; means and languages apart",
    )  # fmt: skip
    parser.add_argument("--alpha", type=float, default=0.05, metavar="X", help="significance level (default 0.05)")
    parser.add_argument(
        "--intersect", action="store_true", help="compare the tasks and queries all folders have, where they differ"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of permutations and resamples (default 0)")
    parser.add_argument("--draws", type=int, default=10_000, metavar="N", help="of each (default 10000)")
    add_output_options(parser, FORMATS)
    parser.set_defaults(run=run)


def add_output_options(parser: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    parser.add_argument("--format", default="table", choices=formats, help="default: table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there, whole or not at all (default: stdout)")


def run(args: argparse.Namespace) -> int:
    from beir_hybrid.comparison import compare

    comparison = compare(
        args.folders, baseline=args.baseline, settings=args.settings, metrics=args.metrics, test=args.test,
        correction=args.correction, alpha=args.alpha, intersect=args.intersect, seed=args.seed, draws=args.draws,
    )  # fmt: skip
    if args.format == "html":
        try:
            render_page = importlib.import_module("beir_hybrid.report.page").render_page
        except ModuleNotFoundError as error:
            from beir_hybrid.errors import ComparisonError

            raise ComparisonError(f"the page cannot be made here: {error}") from error
        text = render_page(args.folders, comparison)
    else:
        from beir_hybrid.comparison.render import render

        text = render(comparison, args.format)
    write_output(text, args.out)
    return 0


def write_output(text: str, out: Path | None) -> None:
    """To a file, whole or not at all, or to stdout."""
    from beir_hybrid.disk.files import written_whole

    if out is None:
        sys.stdout.write(text)
        return
    with written_whole(out) as part:
        part.write_text(text, encoding="utf-8")
    sys.stderr.write(f"written: {out}\n")
