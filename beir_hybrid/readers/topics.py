"""TREC topics as MIRACL and Mr. TyDi publish them: ``query id<TAB>query``."""

from __future__ import annotations

from pathlib import Path

from beir_hybrid.errors import DatasetError, at
from beir_hybrid.readers.lines import read_lines


def read_topics(path: Path) -> dict[str, str]:
    """``{query id: query}`` of a file of such lines; a query may hold further tabs.

    Raises:
        DatasetError: a line of another shape, an empty query, or a repeated id (``path:line``).
    """
    topics: dict[str, str] = {}
    for number, line in read_lines(path):
        key, tab, text = (part.strip(" ") for part in line.partition("\t"))
        if not tab or not key:
            raise DatasetError(f"{at(path, number)}: expected 'query id<TAB>query', got {line[:80]!r}")
        if not text.strip():
            raise DatasetError(f"{at(path, number)}: query {key!r} is empty")
        if key in topics:
            raise DatasetError(f"{at(path, number)}: query id {key!r} appears twice")
        topics[key] = text.strip()
    return topics
