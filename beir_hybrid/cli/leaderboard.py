"""``beir-hybrid leaderboard``: our results and the published numbers side by side, and whether ours reproduce."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from beir_hybrid.cli.options import check_output, comparison_options, write_output
from beir_hybrid.progress import tell

if TYPE_CHECKING:
    from beir_hybrid.evaluation.results import Results
    from beir_hybrid.published.check import Check
    from beir_hybrid.published.leaderboard import Leaderboard


def run(args: argparse.Namespace) -> int:
    """Put results beside published numbers, or check them; the exit status."""
    from beir_hybrid.evaluation.results import read_results, read_results_file

    if args.check and not args.results:
        args.parser.error("--check needs a results folder")
    if args.check and args.format in ("html", "latex"):
        args.parser.error("--check prints as table, markdown, csv or json")
    if args.format == "html" and (args.languages or args.per_language):
        args.parser.error("--languages and --per-language are of the tables; the page has every language")
    if (args.format == "html" or args.figures) and not args.results:
        args.parser.error("the page and its figures need at least one results folder")
    check_output(args.out, "html" if args.figures else args.format)
    results = [read_results_file(path) if path.is_file() else read_results(path) for path in args.results]
    if args.check:
        return _check(args, results)
    from beir_hybrid.published.leaderboard import build_leaderboard

    board = build_leaderboard(
        args.dataset, results, languages=args.languages, split=args.split, settings=args.settings, metrics=args.metrics
    )
    if args.format != "html" and not args.figures:
        write_output(_board(args, board), args.out, args.format)
        return 0
    from beir_hybrid.comparison import compare

    comparison = compare(args.results, **comparison_options(args))
    if args.format == "html":
        from beir_hybrid.report.page import render_page

        write_output(render_page(comparison, data_dir=args.data_dir), args.out, args.format)
    else:
        write_output(_board(args, board), args.out, args.format)
    if args.figures:
        from beir_hybrid.report.figures import write_figures

        for path in write_figures(comparison, args.figures):
            tell(f"figure: {path}")
    return 0


def _board(args: argparse.Namespace, board: Leaderboard) -> str:
    from beir_hybrid.report.leaderboard_tables import language_tables, mean_tables, records
    from beir_hybrid.tables import as_csv, render

    if args.format == "json":
        record = {"dataset": board.dataset, "split": board.split, "notes": board.notes, "rows": records(board)}
        return json.dumps(record, ensure_ascii=False, indent=1)
    if args.format == "csv":
        return as_csv(records(board))
    tables = [*mean_tables(board), *(language_tables(board) if args.per_language else ())]
    return render(tables, args.format, board.notes)


def _check(args: argparse.Namespace, results: list[Results]) -> int:
    from beir_hybrid.errors import ResultsError
    from beir_hybrid.published.check import STATUSES, check, find_expectation, read_expectation
    from beir_hybrid.published.leaderboard import name_in_results

    given = read_expectation(args.expect) if args.expect else None
    dataset = name_in_results(args.dataset, results)
    for each in results:
        if each.dataset != dataset:
            raise ResultsError(f"{each.folder or each.name} holds results of {each.dataset}, not of {dataset}")
    checks = [check(each, given or find_expectation(each)) for each in results]
    write_output(_checked(args.format, checks), args.out, args.format)
    for made in checks:
        counts = ", ".join(f"{made.count(status)} {status}" for status in STATUSES)
        tell(f"{made.name}: {counts}")
    return 0 if all(made.ok for made in checks) else 1


def _checked(form: str, checks: list[Check]) -> str:
    from beir_hybrid.tables import Table, as_csv, render

    records = [
        {
            "name": each.name, "expectation": each.expectation.name, "source": each.expectation.source,
            "dataset": each.expectation.dataset, "setting": row.setting, "query_language": row.query_language,
            "metric": row.metric, "expected": row.expected, "got": row.got, "difference": row.difference,
            "tolerance": each.expectation.tolerance, "status": row.status,
        }
        for each in checks
        for row in each.rows
    ]  # fmt: skip
    if form == "csv":
        return as_csv(records)
    if form == "json":
        return json.dumps({"ok": all(each.ok for each in checks), "rows": records}, ensure_ascii=False, indent=1)
    tables, notes = [], []
    for each in checks:
        wanted = each.expectation
        rows = [
            [
                row.setting, row.query_language, row.metric, f"{row.expected:.4f}",
                "-" if row.got is None else f"{row.got:.4f}",
                "-" if row.difference is None else f"{row.difference:+.4f}", row.status,
            ]
            for row in each.rows
        ]  # fmt: skip
        title = f"{each.name} on {wanted.dataset} ({wanted.split}) against {wanted.name} of {wanted.source or 'a file'}"
        heads = ["setting", "language", "metric", "expected", "got", "difference", "status"]
        tables.append(Table(f"{title}, tolerance {wanted.tolerance:g}", heads, rows, text_columns=3))
        notes += [f"made with: {wanted.command}"] if wanted.command else []
        notes += [f"note: {wanted.note}"] if wanted.note else []
    return render(tables, form, dict.fromkeys(notes))
