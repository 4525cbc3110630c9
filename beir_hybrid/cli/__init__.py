"""The command line: stdout is data, stderr is messages; a domain error is one line and exit 1, a usage error exit 2."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from beir_hybrid.errors import BeirHybridError
from beir_hybrid.progress import at_work
from beir_hybrid.tables import IN_ASCII


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; commands are imported when they run."""
    from beir_hybrid import __version__
    from beir_hybrid.cli import train
    from beir_hybrid.cli.options import Parser, add_options, command_table

    parser = Parser(
        prog="beir-hybrid",
        description="Does a retriever serve every language equally? Evaluation in three language settings.",
        examples=[
            "evaluate sample --bm25 --out results/bm25      measure a retriever",
            "compare results/bm25 results/dense             is one better than the other, and where?",
            "leaderboard xquad-r results/* --format html    beside the published numbers, as a page",
            "doctor                                         what is installed, what is missing",
        ],
    )
    parser.add_argument("--version", action="version", version=f"beir-hybrid {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    table = command_table()
    shared = table.pop("shared")
    for name, about in table.items():
        made = commands.add_parser(
            name, help=about["help"], description=about.get("description"), examples=about["examples"]
        )
        add_options(made, about, shared)
        made.set_defaults(function=about.get("run", f"{name}:run"), resumes=about.get("resumes", False))
    train.add_options(commands.choices["train"])
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    _accept_any_text()
    args = build_parser().parse_args(argv)
    try:
        # whoever calls this from Python is not told what a person at a terminal wants to know
        with at_work(args.command) if argv is None else contextlib.nullcontext():
            module, _, function = args.function.partition(":")
            status: int = getattr(importlib.import_module(f"beir_hybrid.cli.{module}"), function)(args)
        sys.stdout.flush()
        return status
    except BeirHybridError as error:
        sys.stderr.write(f"beir-hybrid: {' '.join(str(error).split())}\n")
        return 1
    except KeyboardInterrupt:
        kept = f"; what was finished is kept, {args.resumes} goes on from there" if args.resumes else ""
        sys.stderr.write(f"beir-hybrid: interrupted{kept}\n")
        return 130
    except BrokenPipeError:
        # the reader of a pipe has gone; leave without the interpreter's complaint at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _accept_any_text() -> None:
    """Where a stream is not UTF-8, what it cannot hold is written in ASCII: no text ever ends a command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=IN_ASCII)
