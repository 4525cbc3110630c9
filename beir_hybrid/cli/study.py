"""``beir-hybrid study``: a research question as one file and one command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from beir_hybrid.errors import MissingExtraError
from beir_hybrid.progress import tell
from beir_hybrid.tables import visible


def run(args: argparse.Namespace) -> int:
    """Run a study and write its report; the exit status."""
    try:
        from beir_hybrid.studies import load_study, read_outcome, run_study
        from beir_hybrid.studies.shipped import shipped_titles, study_path
    except ModuleNotFoundError as error:
        raise MissingExtraError("a study", str(error.name), "study") from error
    if args.list:
        titles = shipped_titles()
        width = max(map(len, titles), default=0)
        sys.stdout.write("".join(f"{name.ljust(width)}  {title}\n" for name, title in titles.items()))
        return 0
    if args.study is None:
        args.parser.error("expected a study file, or --list")
    study = load_study(study_path(args.study), args.start)
    if args.show:
        sys.stdout.write(study.content)
        return 0
    out = args.out or Path("studies") / study.name
    if args.dry_run:
        from beir_hybrid.studies.run import render_plan

        sys.stdout.write(render_plan(study, out, args.cells, args.workers) + "\n")
        return 0
    if args.report_only:
        outcome = read_outcome(study, out, cells=args.cells, remember=True)
    else:
        outcome = run_study(
            study, out, cells=args.cells, engine=args.engine, address=args.address, workers=args.workers, say=_say
        )
    failed = [cell for cell in outcome.cells if cell.status == "failed"]
    for cell in failed:
        named = " ".join([*(f"{name}={value}" for name, value in cell.factors.items()), f"seed={cell.seed}"])
        _say(f"failed: {named}: {cell.message}")
    if any(cell.results for cell in outcome.cells):
        _report(outcome, out / "report")
    else:
        _say(f"nothing to report: no cell of {study.name} is done in {out}")
    if failed:
        _say(f"beir-hybrid: {len(failed)} of {len(outcome.cells)} cells failed; run the study again to retry them")
    return 1 if failed else 0


def _report(outcome: Any, folder: Path) -> None:
    from beir_hybrid.studies.analysis import write_report

    sys.stdout.write(write_report(outcome, folder).text.rstrip() + "\n")
    _say(f"report: {folder}/report.md, page.html and tables as CSV")


def _say(line: str) -> None:
    tell(visible(line))
