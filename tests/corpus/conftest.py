"""Small source files in the formats corpora are published in, and a cache of each test's own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

WriteShards = Callable[..., list[Path]]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("BEIR_HYBRID_CACHE", str(folder))
    return folder


@pytest.fixture
def write_shards(tmp_path: Path) -> WriteShards:
    """Writes MIRACL-shaped shards below tmp_path/source."""

    def written(*shards: Sequence[Mapping[str, Any]] | bytes) -> list[Path]:
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        paths = []
        for number, records in enumerate(shards):
            lines = records if isinstance(records, bytes) else "".join(json.dumps(r) + "\n" for r in records).encode()
            paths.append(folder / f"docs-{number}.jsonl.gz")
            paths[-1].write_bytes(gzip.compress(lines, mtime=0))
        return paths

    return written


def numbered(begin: int, end: int) -> list[dict[str, str]]:
    """Records in descending order of their ids."""
    return [
        {"docid": f"{i}#{i % 7}", "title": f"T{i}" if i % 3 else "", "text": f"text {i} ü天 " + "x" * (i % 50)}
        for i in reversed(range(begin, end))
    ]


@pytest.fixture(name="numbered")
def numbered_fixture() -> Callable[[int, int], list[dict[str, str]]]:
    return numbered
