"""Options several commands share."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_dataset_options(parser: argparse.ArgumentParser, *, split: bool = True) -> None:
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR",
        help="where the data set's files are (default: $BEIR_HYBRID_DATA, then the cache, which is filled when needed)",
    )  # fmt: skip
    parser.add_argument(
        "--languages", "--language", metavar="L,L", help="ISO 639-1 codes; the pool then holds only these"
    )
    if split:
        parser.add_argument("--split", metavar="NAME", help="default: the data set's first")


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def key_value(text: str) -> tuple[str, Any]:
    """``key=value`` for argparse; the value is JSON (``3``, ``true``) or, if it is none, the text itself."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip().isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    try:
        return key.strip(), json.loads(value)
    except json.JSONDecodeError:
        return key.strip(), value
