"""Relevance judgments in the three formats they are published in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.corpus.judgments import read_judgments
from beir_hybrid.errors import DatasetError

EXPECTED = [("1", "31715818", 1), ("3", "14717500", 2)]


def parquet(path: Path, **columns: Any) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
    return path


def test_tsv(tmp_path: Path) -> None:
    """BEIR's own format, under its header; the line is kept."""
    path = tmp_path / "test.tsv"
    path.write_text("query-id\tcorpus-id\tscore\n1\t31715818\t1\n3\t14717500\t2\n")
    assert list(read_judgments(path)) == [(2, *EXPECTED[0]), (3, *EXPECTED[1])]


def test_json_lines(tmp_path: Path) -> None:
    """mteb's JSON lines, whose scores are floats."""
    path = tmp_path / "test.jsonl"
    records = [{"query-id": q, "corpus-id": p, "score": float(grade)} for q, p, grade in EXPECTED]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert [judgment[1:] for judgment in read_judgments(path)] == EXPECTED


@pytest.mark.parametrize("number", [False, True])
def test_parquet(tmp_path: Path, number: bool) -> None:
    """Ids as strings or as numbers (BeIR/cqadupstack-qrels has numbers), other columns left alone."""
    path = parquet(
        tmp_path / "test-00000-of-00001.parquet",
        **{
            "query-id": [int(q) if number else q for q, _, _ in EXPECTED],
            "corpus-id": [int(p) if number else p for _, p, _ in EXPECTED],
            "score": [grade for *_, grade in EXPECTED],
            "note": ["", ""],
        },
    )
    assert [judgment[1:] for judgment in read_judgments(path)] == EXPECTED


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"query-id": "1", "corpus-id": "2"}, ":1: expected a record with query-id, corpus-id, score"),
        ([1], ":1: expected a record with query-id, corpus-id, score"),
        ({"query-id": None, "corpus-id": "2", "score": 1}, ":1: 'query-id' is None; expected a string"),
        ({"query-id": "1", "corpus-id": 2.5, "score": 1}, ":1: 'corpus-id' is 2.5; expected a string"),
        ({"query-id": "1", "corpus-id": "2", "score": 0.5}, ":1: 'score' is 0.5; expected a whole number"),
        ({"query-id": "1", "corpus-id": "2", "score": float("nan")}, ":1: 'score' is nan; expected a whole number"),
        ({"query-id": "1", "corpus-id": "2", "score": True}, ":1: 'score' is True; expected a whole number"),
    ],
)
def test_wrong_lines_are_named(tmp_path: Path, record: Any, message: str) -> None:
    """What is not a judgment stops the reading at path:line."""
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps(record) + "\n")
    with pytest.raises(DatasetError, match=re.escape(f"test.jsonl{message}")):
        list(read_judgments(path))


def test_other_columns_and_damage_are_named(tmp_path: Path) -> None:
    """A table of something else says which columns it has; a cut file is one line."""
    path = parquet(tmp_path / "test.parquet", **{"query-id": ["1"], "doc": ["2"], "score": [1]})
    with pytest.raises(DatasetError, match="has the columns query-id, doc, score; expected query-id, corpus-id, score"):
        list(read_judgments(path))
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DatasetError, match=r"test\.parquet: not a readable parquet file"):
        list(read_judgments(path))
