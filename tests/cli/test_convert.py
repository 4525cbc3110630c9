"""``convert``: corpora converted ahead of time, a line for each language."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A MIRACL of one's own: two shards of Swahili."""
    monkeypatch.setenv("BEIR_HYBRID_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "data" / "miracl"
    for kind, content in (("topics", "1\tMaji?\n"), ("qrels", "1\tQ0\t0#0\t1\n")):
        path = root / "miracl-v1.0-sw" / kind / f"{kind}.miracl-v1.0-sw-dev.tsv"
        path.parent.mkdir(parents=True)
        path.write_text(content)
    shards = root / "miracl-corpus-v1.0-sw"
    shards.mkdir()
    for number in range(2):
        record = {"docid": f"{number}#0", "title": "Maji", "text": "Maji ni uhai."}
        (shards / f"docs-{number}.jsonl.gz").write_bytes(gzip.compress(json.dumps(record).encode()))
    return root.parent


@pytest.mark.slow
def test_each_language_is_a_line(command: Command, data: Path, tmp_path: Path) -> None:
    """Code, passages and folder, tab-separated; the second time nothing is converted."""
    done = command("convert", "miracl", "--languages", "sw", "--data-dir", data, "--workers", 2)
    language, passages, folder = done.out.split()
    assert (done.status, language, passages) == (0, "sw", "2")
    assert Path(folder).is_relative_to(tmp_path / "cache")
    stamp = (Path(folder) / "manifest.json").stat().st_mtime_ns
    assert command("convert", "miracl", "--languages", "sw", "--data-dir", data).out == done.out
    assert (Path(folder) / "manifest.json").stat().st_mtime_ns == stamp


def test_what_is_missing_is_one_line(command: Command, data: Path) -> None:
    """A language whose files are not there ends with the command that fetches them."""
    done = command("convert", "miracl", "--languages", "sw,te", "--data-dir", data)
    assert done.status == 1
    assert done.out.startswith("sw\t2\t")  # what is there is converted all the same
    assert "is missing; run: beir-hybrid fetch miracl --languages te" in done.err
    assert done.err.count("\n") == 1


def test_a_small_data_set_needs_none(command: Command) -> None:
    """Nothing to do is no failure."""
    done = command("convert", "sample")
    assert (done.status, done.out) == (0, "")
    assert "is not converted ahead of time" in done.err
