"""The command line: stdout is data, stderr is messages; a domain error is one line and exit 1, a usage error exit 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from beir_hybrid.errors import BeirHybridError


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; commands import what they need when they run."""
    from beir_hybrid import __version__
    from beir_hybrid.cli import compare, convert, data, doctor, evaluate, fuse, leaderboard, study, train

    parser = argparse.ArgumentParser(
        prog="beir-hybrid",
        description="Does a retriever serve every language equally? Evaluation in three language settings.",
    )
    parser.add_argument("--version", action="version", version=f"beir-hybrid {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    evaluate.add_command(commands)
    compare.add_command(commands)
    fuse.add_command(commands)
    data.add_commands(commands)
    convert.add_command(commands)
    leaderboard.add_command(commands)
    train.add_command(commands)
    study.add_command(commands)
    doctor.add_command(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    args = build_parser().parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except BeirHybridError as error:
        sys.stderr.write(f"beir-hybrid: {' '.join(str(error).split())}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("beir-hybrid: interrupted; what was finished is kept, the same command goes on from there\n")
        return 130
    except BrokenPipeError:
        # the reader of a pipe has gone; leave without the interpreter's complaint at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
