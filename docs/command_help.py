"""Fills the page of the command line: the help of every command, as the parser prints it."""

from __future__ import annotations

import argparse
import os
from typing import Any

SLOT = "<!-- help of every command -->"
_COLUMNS = "100"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this with each page before it is rendered."""
    return markdown.replace(SLOT, command_help()) if SLOT in markdown else markdown


def command_help() -> str:
    """Markdown: a heading and the help of each command, in the order of ``beir-hybrid --help``."""
    from beir_hybrid.cli import build_parser

    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _COLUMNS  # argparse breaks lines at the width of the terminal
    try:
        parser = build_parser()
        parts = [_section("beir-hybrid", parser)]
        (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        parts += [_section(name, each) for name, each in commands.choices.items()]
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return "\n\n".join(parts)


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    return f"## {name}\n\n```text\n{parser.format_help().strip()}\n```"
