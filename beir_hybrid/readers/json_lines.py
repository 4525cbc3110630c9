"""JSON Lines: one object a line. Used for corpora, queries, judgments and training groups."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beir_hybrid.errors import BeirHybridError, DatasetError, at
from beir_hybrid.readers.lines import read_lines


def read_json_lines(
    path: Path, required: tuple[str, ...] = (), error: type[BeirHybridError] = DatasetError
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a ``.jsonl`` or ``.jsonl.gz`` file with their line numbers.

    Args:
        required: fields that must be strings.
        error: what a malformed file is said with.

    Raises:
        error: a line is no JSON object, lacks a required string, or holds half of a surrogate pair (``path:line``).
    """
    for number, line in read_lines(path, error):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as cause:
            reason = cause.msg if isinstance(cause, json.JSONDecodeError) else str(cause)
            raise error(f"{at(path, number)}: not valid JSON ({reason}): {line[:80]!r}") from cause
        if not isinstance(record, dict):
            raise error(f"{at(path, number)}: expected a JSON object, got {line[:80]!r}")
        for name in required:
            if not isinstance(record.get(name), str):
                raise error(f"{at(path, number)}: the record has no string {name!r}")
        # a file of valid UTF-8 can hold a lone surrogate only as an escape
        if ("\\ud" in line or "\\uD" in line) and not is_text(record):
            raise error(f"{at(path, number)}: holds half of a surrogate pair (an escape \\ud...), which is no text")
        yield number, record


def is_text(record: Any) -> bool:
    """Whether every string of what JSON gave can be written as UTF-8."""
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def as_id(value: Any) -> str | None:
    """An id as a string: a whole number as its digits; None if it is neither that nor a string that is not empty."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value and "\0" not in value else None
