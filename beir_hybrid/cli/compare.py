"""``beir-hybrid compare``: which retriever is better, where, by how much, and whether it is noise."""

from __future__ import annotations

import argparse

from beir_hybrid.cli.options import check_output, comparison_options, write_output


def run(args: argparse.Namespace) -> int:
    """Compare result folders and write the answer; the exit status."""
    from beir_hybrid.comparison import compare

    check_output(args.out, args.format)
    comparison = compare(args.folders, **comparison_options(args))
    if args.format == "html":
        from beir_hybrid.report.page import render_page

        text = render_page(comparison, data_dir=args.data_dir)
    else:
        from beir_hybrid.comparison.render import render

        text = render(comparison, args.format, per_language=args.per_language)
    write_output(text, args.out, args.format)
    return 0
