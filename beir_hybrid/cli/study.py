"""``beir-hybrid study``: a research question as one file and one command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from beir_hybrid.cli.options import positive
from beir_hybrid.errors import MissingExtraError
from beir_hybrid.progress import tell
from beir_hybrid.tables import visible


def add_command(commands: Any) -> None:
    """The options of ``study``."""
    parser = commands.add_parser(
        "study",
        help="answer a research question: a grid of trainings and evaluations",
        description="Run every cell of a study file (factors x seeds) that is not there yet, each in a process of its "
        "own, and report. The same command again goes on where it stopped and retries what failed.",
        examples=["study --list", "study alpha --show", "study regimes --start e5-small --dry-run"],
    )
    parser.add_argument("study", nargs="?", metavar="FILE", help="a study file, or the name of a shipped study")
    parser.add_argument(
        "--start", metavar="NAME",
        help="what models begin as, where the file has several; shipped ones have scratch (the default) and e5-small",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list the shipped studies")
    parser.add_argument("--show", action="store_true", help="print the study file, to change a copy of it")
    parser.add_argument("--dry-run", action="store_true", help="print the grid with estimates of time and disk")
    parser.add_argument("--report-only", action="store_true", help="report what is there; run nothing")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="what runs the cells")
    parser.add_argument("--address", metavar="A", help="of a Ray cluster (default: Ray on this machine)")
    parser.add_argument(
        "--workers", type=positive, metavar="N", help="cells at a time (default: one a GPU, else one a core)"
    )
    parser.add_argument("--cells", type=Path, metavar="DIR", help="keep the cells here, shared with other studies")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder of the study (default: studies/NAME)")
    parser.set_defaults(run=run, parser=parser)


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
    if args.address is not None and args.engine != "ray":
        args.parser.error("--address needs --engine ray")
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
