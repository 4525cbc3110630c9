"""Mapped files: what is read of them is right, and not held."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.corpus import mapped
from beir_hybrid.corpus.arrow_corpus import ArrowCorpus


def mapped_mb() -> float:
    """Memory of this process that is pages of files."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssFile"].split()[0]) / 1024


@pytest.fixture
def large(write_shards: Callable[..., list[Path]], tmp_path: Path) -> ArrowCorpus:
    """50 MB of text."""
    records = [{"docid": str(number), "text": f"{number} " + "word " * 1000} for number in range(10_000)]
    return ArrowCorpus.build(write_shards(records[:5000], records[5000:]), tmp_path / "corpus", id_width=8)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reading_all_of_a_corpus_does_not_hold_it(large: ArrowCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every text was read, in order and by id, little of the files is mapped."""
    monkeypatch.setattr(mapped, "_READS", 64)
    before = mapped_mb()
    assert sum(len(text) for text in large.texts) > 50_000_000
    assert mapped_mb() - before < 25
    ids = [f"{(number * 7919) % 10_000:08d}" for number in range(10_000)]
    assert all(large[key]["text"].startswith(f"{int(key)} ") for key in ids)
    assert mapped_mb() - before < 25


def test_threads_may_read_while_pages_are_given_back(large: ArrowCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is gone is mapped again by whoever reads it."""
    monkeypatch.setattr(mapped, "_READS", 2)

    def read(start: int) -> bool:
        return all(large.texts[at].startswith(f"{at} ") for at in range(start, 10_000, 40))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(8)))


def test_an_empty_or_missing_file_is_an_error(tmp_path: Path) -> None:
    """What cannot be mapped is said by whoever knows what the file is."""
    files: Any = mapped.MappedFiles()
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        files.open(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        files.open(tmp_path / "none")
