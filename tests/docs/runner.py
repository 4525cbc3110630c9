"""Runs a page of the documentation in the current folder, block by block.

``python -m tests.docs.runner docs/tutorial.md`` runs a page in a new folder and puts what its commands print now into
the blocks of outputs; of one that shows a part, the lines that are near what is printed.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.docs.blocks import Block, commands_of, read_blocks
from tests.docs.outputs import differences, same_line

RUN = ("sh", "python")
"""Languages of blocks that are run; the others are files, outputs, or shown only."""


def run_page(page: Path, seen: Callable[[Block, str], None] | None = None) -> list[str]:
    """Run every block that needs nothing special; what is wrong, as ``page:line: ...``.

    Args:
        page: of the documentation.
        seen: called with every output block and what was printed.
    """
    wrong: list[str] = []
    names: dict[str, Any] = {"__name__": "docs"}
    printed = ""
    for block in read_blocks(page):
        place = f"{page.name}:{block.line}"
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.code + "\n", encoding="utf-8")
        elif block.output is not None:
            if seen:
                seen(block, printed)
            wrong += [f"{place}: {line}" for line in differences(block.code, printed, part=block.output == "part")]
        elif block.needs is None and block.language == "python":
            with captured() as (out, _):
                exec(compile(block.code, place, "exec"), names)
            printed = out.getvalue()
        elif block.needs is None and block.language == "sh":
            parts = []
            for command in commands_of(block):
                status, text, said = run_command(command)
                parts.append(text)
                if status != block.status:
                    wrong.append(f"{place}: {command} ended with {status}: {said.strip()[-500:]}")
            printed = "".join(parts)
    return wrong


def run_command(command: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of one command line: ``beir-hybrid``, ``export NAME=VALUE`` or ``mkdir``."""
    program, *arguments = [part for word in shlex.split(command, comments=True) for part in _globbed(word)]
    if program == "export":
        for name, _, value in (argument.partition("=") for argument in arguments):
            os.environ[name] = value
        return 0, "", ""
    if program == "mkdir":
        for name in arguments:
            Path(name).mkdir(parents=True, exist_ok=True)
        return 0, "", ""
    if program != "beir-hybrid":
        raise ValueError(f"{program!r} is not run here; say in a comment before the block what it needs")
    from beir_hybrid.cli import main

    with captured() as (out, err):
        try:
            status = main(arguments)
        except SystemExit as stop:
            status = int(stop.code or 0)
    return status, out.getvalue(), err.getvalue()


def _globbed(word: str) -> list[str]:
    return sorted(map(str, Path().glob(word))) or [word] if "*" in word else [word]


@contextlib.contextmanager
def captured() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """What is written to stdout and stderr."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        yield out, err


def rewrite(page: Path, *, before: Path | None = None) -> list[str]:
    """Run a page in a new folder (after the page ``before``) and put its outputs into it; what else is wrong."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found: list[tuple[Block, str]] = []
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            if before is not None:
                run_page(before)
            wrong = run_page(page, lambda block, printed: found.append((block, printed)))
        finally:
            os.chdir(home)
    for block, printed in reversed(found):
        size = len(block.code.splitlines())
        now = printed.strip("\n").splitlines()
        if block.output == "part":
            left = iter(now)  # in their order: each line is looked for after the one before
            now = [next((new for new in left if same_line(old, new)), old) for old in block.code.splitlines()]
        lines[block.line - 1 : block.line - 1 + size] = map(str.rstrip, now)
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return wrong


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name).resolve()
        tutorial = path.parents[1 if path.parent.name == "how-to" else 0] / "tutorial.md"
        for line in rewrite(path, before=None if path == tutorial else tutorial):
            sys.stderr.write(f"{line}\n")
