"""Groups as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from st_hybrid_batch.group import Group, group_from_record
from st_hybrid_batch.readers.lines import read_lines


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
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{where}: not a JSON object ({error}); expected one group a line, "
                '{"id": ..., "query": {"de": ...}, "passage": {"de": ...}}'
            ) from error
        if split is None or (isinstance(record, dict) and record.get("split") == split):
            yield group_from_record(record, where)
