"""The files corpora are published in: MIRACL's and BEIR's JSON lines, and parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.corpus.arrow_corpus import ArrowCorpus
from beir_hybrid.errors import DatasetError
from beir_hybrid.readers.passages import read_records


@pytest.fixture
def parquet(tmp_path: Path) -> Any:
    def written(**columns: Any) -> Path:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = tmp_path / "corpus-00000-of-00001.parquet"
        pq.write_table(pa.table(columns), path)
        return path

    return written


def test_beirs_json_lines(tmp_path: Path) -> None:
    """corpus.jsonl with _id; further fields are not read, a null title is empty."""
    path = tmp_path / "corpus.jsonl"
    lines = [{"_id": "d1", "title": None, "text": "x", "metadata": {"a": 1}}, {"_id": "d2", "title": "T", "text": "y"}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert list(read_records(path)) == [(1, "d1", "", "x", "", ""), (2, "d2", "T", "y", "", "")]
    assert ArrowCorpus.build([path], tmp_path / "corpus")["d2"] == {"title": "T", "text": "y"}


def test_numbers_are_ids_everywhere(tmp_path: Path, parquet: Any) -> None:
    """A file written by pandas has whole numbers for ids: they are their digits, as in parquet."""
    (tmp_path / "corpus.jsonl").write_text('{"_id": 7, "text": "x"}\n{"_id": 8, "title": "T", "text": null}\n')
    expected = [("7", "", "x"), ("8", "T", "")]
    assert [record[1:4] for record in read_records(tmp_path / "corpus.jsonl")] == expected
    table = parquet(_id=[7, 8], title=[None, "T"], text=["x", None])
    assert [record[1:4] for record in read_records(table)] == expected
    assert list(ArrowCorpus.build([tmp_path / "corpus.jsonl"], tmp_path / "corpus")) == ["7", "8"]


@pytest.mark.parametrize("key", ["_id", "id", "docid", "corpus-id"])
def test_parquet_by_its_text_columns(parquet: Any, key: str, tmp_path: Path) -> None:
    """Whatever the id column is called; with and without titles; other columns are left alone."""
    path = parquet(**{key: ["b", "a"], "text": ["x", "y"], "title": ["T", None], "image": [b"\x89PNG", b""]})
    assert [record[1:4] for record in read_records(path)] == [("b", "T", "x"), ("a", "", "y")]
    assert list(ArrowCorpus.build([path], tmp_path / "corpus")) == ["a", "b"]
    assert [record.title for record in read_records(parquet(**{key: ["a"], "text": ["x"]}))] == [""]


def test_parquet_of_another_shape_is_named(parquet: Any, tmp_path: Path) -> None:
    """The columns that were found are said, rows without a text are counted, and damage is a line."""
    with pytest.raises(DatasetError, match="has the columns query, answer; expected _id or docid or id"):
        list(read_records(parquet(query=["q"], answer=["a"])))
    with pytest.raises(DatasetError, match=r"\.parquet:2: 'text' is None; expected a string"):
        list(read_records(parquet(_id=["a", "b"], text=["x", None])))
    (tmp_path / "cut.parquet").write_bytes(parquet(_id=["a"], text=["x"]).read_bytes()[:-7])
    with pytest.raises(DatasetError, match=r"cut\.parquet: not a readable parquet file"):
        list(read_records(tmp_path / "cut.parquet"))


def test_a_table_of_what_is_no_text_is_named(tmp_path: Path) -> None:
    """A string column may hold any bytes: those that are not UTF-8 end in one line."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    raw = pa.array([b"a", b"\xff"]).view(pa.string())
    pq.write_table(pa.table({"_id": ["1", "2"], "text": raw}), tmp_path / "corpus.parquet")
    with pytest.raises(DatasetError, match=r"corpus\.parquet: not a readable parquet file .*codec can't decode"):
        list(read_records(tmp_path / "corpus.parquet"))
