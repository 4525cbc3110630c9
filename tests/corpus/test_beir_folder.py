"""BEIR folders of any size: those this package exports, and those others publish."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.corpus.beir_folder import load_beir_folder
from beir_hybrid.errors import DatasetError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample's German setting as a BEIR folder."""
    return load_dataset("sample", languages="de").task("mono:de").export(tmp_path / "sample-de")


@pytest.mark.parametrize("packed", [False, True])
def test_an_exported_task_is_read_back(folder: Path, packed: bool) -> None:
    """Same texts, judgments and upstream ids, plain or gzipped; the corpus stays on disk."""
    if packed:
        for name in ("corpus.jsonl", "queries.jsonl"):
            (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
            (folder / name).unlink()
    task = load_beir_folder(folder, "de").task("mono:de")
    corpus, queries, qrels = task.load()
    expected = load_dataset("sample", languages="de").task("mono:de").load()
    assert {key.removeprefix("de-p-"): record for key, record in corpus.items()} == expected[0]
    assert {key.removeprefix("de-q-"): text for key, text in queries.items()} == expected[1]
    assert sum(map(len, qrels.values())) == sum(map(len, expected[2].values()))
    assert task.on_disk
    assert task.dataset == "sample-de"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("de-q-none\tde-p-0000001\t1\n", "test.tsv:2: query 'de-q-none' is not in queries.jsonl"),
        ("a\tb\n", "test.tsv:2: expected 'query-id<TAB>corpus-id<TAB>score', got 'a\\tb'"),
        ("a\tb\tone\n", "test.tsv:2: the grade is 'one'; expected a whole number"),
    ],
)
def test_wrong_judgments_are_named_by_line(folder: Path, line: str, message: str) -> None:
    """Unknown ids and malformed lines stop the reading."""
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + line)
    with pytest.raises(DatasetError, match=re.escape(message)):
        load_beir_folder(folder, "de")


def test_an_unknown_passage_and_missing_files_are_named(folder: Path) -> None:
    """A judgment of no passage; no corpus at all."""
    qrels = folder / "qrels" / "test.tsv"
    first = qrels.read_text().splitlines()[1].split("\t")
    qrels.write_text(f"query-id\tcorpus-id\tscore\n{first[0]}\tnone\t1\n")
    with pytest.raises(DatasetError, match=r"test\.tsv:2: passage 'none' is not in corpus\.jsonl"):
        load_beir_folder(folder, "de")
    (folder / "corpus.jsonl").unlink()
    with pytest.raises(DatasetError, match=r"holds no corpus\.jsonl or corpus\.jsonl\.gz or corpus\.parquet"):
        load_beir_folder(folder, "de")


def test_the_hubs_layout_is_read(folder: Path) -> None:
    """Parquet by configuration, as the hub keeps it, gives the same data set as JSON lines."""
    import pyarrow as pa
    import pyarrow.json
    import pyarrow.parquet as pq

    expected = load_beir_folder(folder, "de")
    for kind in ("corpus", "queries"):
        (folder / kind).mkdir()
        table = pyarrow.json.read_json(folder / f"{kind}.jsonl")
        half = len(table) // 2
        for number, part in enumerate((table.slice(0, half), table.slice(half))):
            pq.write_table(part, folder / kind / f"{kind}-0000{number}-of-00002.parquet")
        (folder / f"{kind}.jsonl").unlink()
    lines = [line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]]
    columns = dict(zip(("query-id", "corpus-id"), zip(*lines, strict=True), strict=False))
    (folder / "data").mkdir()
    judged = {**{k: pa.array(v) for k, v in columns.items()}, "score": [int(line[2]) for line in lines]}
    pq.write_table(pa.table(judged), folder / "data" / "test-00000-of-00001.parquet")
    (folder / "qrels" / "test.tsv").unlink()
    found = load_beir_folder(folder, "de")
    assert found.task("mono:de").load() == expected.task("mono:de").load()
    (folder / "corpus" / "corpus-00001-of-00002.parquet").unlink()
    with pytest.raises(DatasetError, match=r"corpus-00001-of-00002\.parquet is missing; it is one of several"):
        load_beir_folder(folder, "de")


def test_the_split_is_the_one_there_is(folder: Path) -> None:
    """Without a split, test or the only one; a split that is not there is said with those that are."""
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv")
    assert load_beir_folder(folder, "de").split == "dev"
    with pytest.raises(DatasetError, match=r"qrels/test\.tsv is missing: .* it has no split 'test'; known: dev"):
        load_beir_folder(folder, "de", "test")
    (folder / "qrels" / "dev.tsv").unlink()
    with pytest.raises(DatasetError, match=r"qrels/test\.tsv is missing: judgments of the queries$"):
        load_beir_folder(folder, "de")


def test_a_folder_without_judgments_of_its_queries(folder: Path) -> None:
    """A header and nothing else is no data set."""
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(DatasetError, match=r"there is no judgment of a query of queries\.jsonl"):
        load_beir_folder(folder, "de")
