"""Mr. TyDi from its raw layout: topics and qrels beside a corpus of its own repository."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import Dataset, load_dataset
from beir_hybrid.cli import main
from beir_hybrid.datasets.catalogue import mr_tydi as source
from beir_hybrid.errors import DatasetError
from tests.datasets.hub_server import Hub

RECORDS = [
    {"docid": "1150#0", "title": "Tanzania", "text": "Nchi ya Afrika."},
    {"docid": "89#4", "title": "Maji", "text": "Maji ni uhai."},
    {"docid": "89#12", "title": "Maji", "text": "Bahari."},
]
TOPICS = "0\tTanzania iko wapi?\n7\tMaji ni nini?\n9\tHaijaulizwa?\n"
QRELS = "0 Q0 1150#0 1\n7 Q0 89#4 1\n7 Q0 89#12 1\n"
BASE = "mrtydi-v1.1-swahili"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(
        topics: str = TOPICS, qrels: str = QRELS, records: list[Any] = RECORDS, corpus: str = "mr-tydi"
    ) -> Path:
        folder = tmp_path / "data" / "mr-tydi" / BASE / "ir-format-data"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "topics.test.txt").write_text(topics, encoding="utf-8")
        (folder / "qrels.test.txt").write_text(qrels, encoding="utf-8")
        (tmp_path / "data" / corpus / BASE).mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(record) + "\n" for record in records).encode()
        (tmp_path / "data" / corpus / BASE / "corpus.jsonl.gz").write_bytes(gzip.compress(lines, mtime=0))
        return tmp_path / "data"

    return written


def load(data_dir: Path) -> Dataset:
    return load_dataset("mr-tydi", data_dir, "sw")


@pytest.mark.parametrize("corpus", ["mr-tydi", "mr-tydi-corpus"])
def test_the_raw_layout_is_read(write: Write, corpus: str) -> None:
    """Corpus in the same folder or in a clone beside it; ids keep their order and carry the language."""
    dataset = load(write(corpus=corpus))
    assert list(dataset.passages["sw"].source_ids) == ["89#4", "89#12", "1150#0"]
    assert dataset.passages["sw"].full_texts()[2] == "Tanzania Nchi ya Afrika."
    assert dict(zip(dataset.queries["sw"].source_ids, dataset.queries["sw"].texts, strict=True)) == {
        "0": "Tanzania iko wapi?", "7": "Maji ni nini?",
    }  # fmt: skip
    first, second, third = dataset.passages["sw"].ids
    assert first == "sw-p-000000000000" + "89#4"
    assert dataset.qrels == {"sw-q-00000000": {third: 1}, "sw-q-00000007": {first: 1, second: 1}}
    assert [task.name for task in dataset.tasks()] == ["mono:sw"]
    assert dataset.settings == ("mono",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"topics": "0 Tanzania\n"}, "topics.test.txt:1: expected 'query id<TAB>query'"),
        ({"qrels": "0 Q0 1150#0 1\n0 Q0 1150\n"}, "qrels.test.txt:2: expected 'query-id Q0 passage-id grade'"),
        ({"qrels": "0 Q0 1150#9 1\n"}, "none of the 1 judged passages is in a corpus; the first is 'sw-p-1150#9'"),
        ({"records": [{"id": "1150#0", "contents": "v1.0"}]}, "corpus.jsonl.gz:1: 'text' is None; expected a string"),
    ],
)
def test_what_is_wrong_is_named_by_line(write: Write, change: dict[str, Any], message: str) -> None:
    """Every malformed or contradictory line is found at path:line."""
    with pytest.raises(DatasetError, match=re.escape(message)):
        load(write(**change))


def test_missing_files_come_with_the_command(write: Write) -> None:
    """A split that is not there names its file and how to fetch it."""
    data_dir = write()
    with pytest.raises(
        DatasetError, match=r"topics\.dev\.txt is missing; run: beir-hybrid fetch mr-tydi .* --split dev"
    ):
        load_dataset("mr-tydi", data_dir, "sw", "dev")


def test_it_is_fetched_from_its_two_repositories(hub: Hub, no_data: Path, write: Write) -> None:
    """Questions and corpus at their pinned revisions; the Finnish corpus has no known checksum, the Swahili one has."""
    folder = write() / "mr-tydi" / BASE
    name = "mrtydi-v1.1-finnish"
    hub.repositories["castorini/mr-tydi"] = {
        f"{name}/ir-format-data/{kind}.test.txt": (folder / "ir-format-data" / f"{kind}.test.txt").read_bytes()
        for kind in ("topics", "qrels")
    }
    hub.repositories["castorini/mr-tydi-corpus"] = {
        f"{name}/corpus.jsonl.gz": (folder / "corpus.jsonl.gz").read_bytes()
    }
    assert len(load_dataset("mr-tydi", languages="fi").queries["fi"]) == 2
    assert sorted(hub.fetched) == [
        f"castorini/mr-tydi-corpus@3a3aa212bbe94a8cc0dc858710a3dad49d532054/{name}/corpus.jsonl.gz",
        f"castorini/mr-tydi@1d43c80218d06d0ef80f5b172ccabd848b948bc1/{name}/ir-format-data/qrels.test.txt",
        f"castorini/mr-tydi@1d43c80218d06d0ef80f5b172ccabd848b948bc1/{name}/ir-format-data/topics.test.txt",
    ]
    assert [bool(file.expected) for file in source.remote_files(Path(), ["sw"], "test")] == [False, False, True]


def test_its_corpora_are_converted_ahead_of_time(
    write: Write, capsys: pytest.CaptureFixture[str], no_data: Path
) -> None:
    """58 million passages are not called small: the command converts a language and prints where it is."""
    assert main(["convert", "mr-tydi", "--languages", "swa", "--data-dir", str(write())]) == 0
    code, passages, folder = capsys.readouterr().out.rstrip("\n").split("\t")
    assert (code, int(passages)) == ("sw", len(RECORDS))
    assert (Path(folder) / "manifest.json").exists()
