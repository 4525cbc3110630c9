"""Readers of the line formats retrieval shares: topics, qrels, gzipped JSON lines. Errors say ``path:line``."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beir_hybrid.errors import DatasetError, at


def read_topics(path: Path) -> dict[str, str]:
    """``qid<TAB>query`` lines.

    Raises:
        DatasetError: a line of another shape, an empty query, or a repeated id.
    """
    topics: dict[str, str] = {}
    for number, line in _lines(path):
        key, tab, text = line.partition("\t")
        if not tab or not key.strip():
            raise DatasetError(f"{at(path, number)}: expected 'query id<TAB>query', got {line[:80]!r}")
        if not text.strip():
            raise DatasetError(f"{at(path, number)}: query {key!r} is empty")
        if key in topics:
            raise DatasetError(f"{at(path, number)}: query id {key!r} appears twice")
        topics[key] = text.strip()
    return topics


def read_qrels(path: Path) -> Iterator[tuple[int, str, str, int]]:
    """TREC qrels ``qid Q0 docid grade`` as (line, query id, passage id, grade)."""
    for number, line in _lines(path):
        fields = line.split()
        try:
            query, _, passage, grade = fields
            yield number, query, passage, int(grade)
        except ValueError as error:
            raise DatasetError(
                f"{at(path, number)}: expected 'query-id Q0 passage-id grade', got {line[:80]!r}"
            ) from error


def read_tsv_qrels(path: Path) -> Iterator[tuple[int, str, str, int]]:
    """BEIR's qrels, ``query-id<TAB>corpus-id<TAB>score`` under a header, as (line, query id, passage id, grade)."""
    first = True
    for number, line in _lines(path):
        fields = line.split("\t")
        header, first = first, False
        try:
            query, passage, grade = fields
            if not (header and not grade.lstrip("-").isdigit()):
                yield number, query, passage, int(grade)
        except ValueError as error:
            raise DatasetError(
                f"{at(path, number)}: expected 'query-id<TAB>corpus-id<TAB>score', got {line[:80]!r}"
            ) from error


def read_json_lines(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Records of a ``.jsonl`` or ``.jsonl.gz`` file with their line numbers; ``required`` fields must be strings."""
    for number, line in _lines(path):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DatasetError(f"{at(path, number)}: not valid JSON ({error.msg}): {line[:80]!r}") from error
        for name in required:
            if not isinstance(record, dict) or not isinstance(record.get(name), str):
                raise DatasetError(f"{at(path, number)}: the record has no string {name!r}")
        yield number, record


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Non-blank lines with their numbers."""
    number = 0
    try:
        if path.suffix == ".gz" and path.stat().st_size == 0:
            raise EOFError("it is empty")  # gzip takes no bytes at all for a file of no lines
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            # decoded line by line: a decoder that works on blocks could not say which line is at fault
            for number, raw in enumerate(file, 1):
                line = raw.decode("utf-8").rstrip("\r\n")
                if line.strip():
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(f"{at(path, number)}: the file is truncated or damaged ({error}); fetch it again") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{at(path, number)}: not UTF-8 ({error.reason}); fetch the file again") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
