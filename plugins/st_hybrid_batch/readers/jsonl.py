"""Groups from JSON Lines, and the lines of a text file, however it was saved."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from st_hybrid_batch.group import Group, group_from_record

BOM = b"\xef\xbb\xbf"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, without their ends, and their numbers from 1.

    UTF-8 with or without a byte order mark, lines ended by LF or CRLF, plain or (``.gz``) gzipped.

    Raises:
        ValueError: naming ``path:line``, where the file is damaged or not UTF-8.
        FileNotFoundError: there is none.
    """
    number = 0
    try:
        if path.suffix == ".gz" and path.stat().st_size == 0:
            raise EOFError("it is empty")  # gzip takes no bytes at all for a file of no lines
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = (raw.removeprefix(BOM) if number == 1 else raw).decode("utf-8").rstrip("\r\n")
                if line and not line.isspace():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}:{number}: the file is truncated or damaged ({error})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}:{number}: not UTF-8 ({error.reason}); save the file as UTF-8") from error


def read_jsonl(path: str | Path, *, split: str | None = None) -> Iterator[Group]:
    """Read groups from JSON Lines, plain or gzipped.

    Each line is ``{"id", "query": {language: text}, "passage": {language: text}}`` and may have
    ``"negatives": {language: [text, ...]}``, ``"passage_group"`` and ``"split"``.

    Args:
        path: a ``.jsonl`` or ``.jsonl.gz`` file.
        split: if given, only the groups with this ``split``.

    Raises:
        ValueError: naming ``path:line``, for a line that is not JSON or not a group.
    """
    path = Path(path)
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        try:
            record = json.loads(line, object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError) as error:  # numbers of too many digits, and too deep, as well
            raise ValueError(
                f"{where}: not valid JSON ({error}), so not a JSON object; expected one group a line, "
                '{"id": ..., "query": {"de": ...}, "passage": {"de": ...}}'
            ) from error
        if split is None or (isinstance(record, dict) and record.get("split") == split):
            yield group_from_record(record, where)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; of a key that it has twice the later one would replace the earlier without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a key is twice among {', '.join(key for key, _ in pairs)}")
    return found
