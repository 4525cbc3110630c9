"""What is read of a corpus is right, by threads too, and not held."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus

pytestmark = pytest.mark.slow


def resident_mb() -> float:
    """Memory of this process, pages of files among it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1024


@pytest.fixture
def large(write_shards: Callable[..., list[Path]], tmp_path: Path) -> ArrowCorpus:
    """50 MB of text."""
    records = [{"docid": str(number), "text": f"{number} " + "word " * 1000} for number in range(10_000)]
    return ArrowCorpus.build(write_shards(records[:5000], records[5000:]), tmp_path / "corpus", id_width=8)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reading_all_of_a_corpus_does_not_hold_it(large: ArrowCorpus) -> None:
    """After every text was read, in order and by id, little of 50 MB is in memory."""
    before = resident_mb()
    assert sum(len(text) for text in large.texts) > 50_000_000
    assert resident_mb() - before < 25
    ids = [f"{(number * 7919) % 10_000:08d}" for number in range(10_000)]
    assert all(large[key]["text"].startswith(f"{int(key)} ") for key in ids)
    assert resident_mb() - before < 25


def test_threads_may_read_at_once(large: ArrowCorpus) -> None:
    """Each gets the passage it asked for, whatever batch another has just read."""

    def read(start: int) -> bool:
        return all(large.texts[at].startswith(f"{at} ") for at in range(start, 10_000, 40))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(8)))
