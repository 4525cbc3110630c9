"""Groups as JSON Lines."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from st_hybrid_batch.group import Group, group_from_record


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
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
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
