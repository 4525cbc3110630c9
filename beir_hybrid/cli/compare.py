"""``beir-hybrid compare``: which retriever is better, where, by how much, and whether it is noise."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from beir_hybrid.cli.options import add_comparison_options, add_output_options, comparison_options, write_output

FORMATS = ("table", "markdown", "latex", "csv", "json", "html")


def add_command(commands: Any) -> None:
    """The options of ``compare``."""
    parser = commands.add_parser(
        "compare",
        help="compare evaluated retrievers, with significance",
        description="Compare retrievers that were measured on the same data, query by query. Queries are paired by "
        "id; tests and intervals permute and resample question groups, since the parallel queries of a group are not "
        "independent. Folders of several data sets (each system once on each) are also compared by their mean.",
        examples=[
            "compare results/bm25 results/dense",
            "compare results/* --baseline bm25 --metrics map,rank_distance --per-language",
            "compare results/* --format html --out page.html",
        ],
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="folders of: beir-hybrid evaluate --out")
    add_comparison_options(parser)
    output = add_output_options(parser, FORMATS)
    output.add_argument(
        "--per-language", action="store_true",
        help="every language and pair of every metric: queries, difference, interval, p, corrected p",
    )  # fmt: skip
    output.add_argument("--data-dir", type=Path, metavar="DIR", help="html: where the texts of the data set are")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare result folders and write the answer; the exit status."""
    from beir_hybrid.comparison import compare

    comparison = compare(args.folders, **comparison_options(args))
    if args.format == "html":
        from beir_hybrid.report.page import render_page

        text = render_page(args.folders, comparison, data_dir=args.data_dir)
    else:
        from beir_hybrid.comparison.render import render

        text = render(comparison, args.format, per_language=args.per_language)
    write_output(text, args.out, args.format)
    return 0
