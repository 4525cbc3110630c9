"""Relevance judgments in the four formats they are published in."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import DatasetError
from beir_hybrid.readers.judgments import read_judgments

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
    assert list(read_judgments(path)) == [(path, 2, *EXPECTED[0]), (path, 3, *EXPECTED[1])]
    assert [judgment.place for judgment in read_judgments(path)] == [f"{path}:2", f"{path}:3"]


def test_json_lines(tmp_path: Path) -> None:
    """mteb's JSON lines, whose scores are floats."""
    path = tmp_path / "test.jsonl"
    records = [{"query-id": q, "corpus-id": p, "score": float(grade)} for q, p, grade in EXPECTED]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert [judgment[2:] for judgment in read_judgments(path)] == EXPECTED


@pytest.mark.parametrize("name", ["qrels.tsv", "qrels.tsv.gz", "qrels.trec"])
def test_trec(tmp_path: Path, name: str) -> None:
    """TREC's four fields, parted by tabs or blanks; grade 0 is a judged negative."""
    raw = b"\xef\xbb\xbf1\tQ0\t7#1\t1\r\n1 Q0 7#2 0\r\n"
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    assert [judgment[1:] for judgment in read_judgments(tmp_path / name)] == [(1, "1", "7#1", 1), (2, "1", "7#2", 0)]


@pytest.mark.parametrize("grade", ["1", "1 ", "+1", "1.0", " 1"])
def test_the_first_judgment_is_never_taken_for_a_header(tmp_path: Path, grade: str) -> None:
    """Without a header the first line counts, however its grade is written; ids may hold blanks between tabs."""
    (tmp_path / "test.tsv").write_text(f"1\ta b\t{grade}\n3\tc\t0\n")
    assert [judgment[2:] for judgment in read_judgments(tmp_path / "test.tsv")] == [("1", "a b", 1), ("3", "c", 0)]


@pytest.mark.parametrize(
    "header", ["query-id\tcorpus-id\tscore", "qid 0 docid rel", "query_id\tdoc_id\tRelevance", '"q"\t"d"\t"score" ']
)
def test_headers(tmp_path: Path, header: str) -> None:
    """A header names the grade's column; anything else there is refused, not skipped."""
    (tmp_path / "test.tsv").write_text(f"{header}\n1\ta\t1\n")
    assert [judgment[2:] for judgment in read_judgments(tmp_path / "test.tsv")] == [("1", "a", 1)]
    (tmp_path / "test.tsv").write_text("1\ta\tyes\n1\tb\t1\n")
    with pytest.raises(DatasetError, match=r"test\.tsv:1: the grade is 'yes'; expected a whole number .or score, in"):
        list(read_judgments(tmp_path / "test.tsv"))


def test_columns_in_another_order_are_refused(tmp_path: Path) -> None:
    """Where both kinds of ids are numbers, swapped columns would be read as other judgments without a word."""
    for name in ("corpus-id", "docid", "pid", "passage_id"):
        (tmp_path / "test.tsv").write_text(f"{name}\tquery-id\tscore\n2\t1\t1\n")
        with pytest.raises(DatasetError, match=f"the passage's column '{name}' stands first; put the query"):
            list(read_judgments(tmp_path / "test.tsv"))


def test_quoted_fields_and_tabs_at_the_end(tmp_path: Path) -> None:
    """What csv writers quote is read as BEIR reads it, and a tab that ends a line is no column."""
    (tmp_path / "test.tsv").write_text('1\t"a ""b"""\t1\n"2"\t"c"\t"0"\n3\td\t1\t\n')
    assert [judgment[2:] for judgment in read_judgments(tmp_path / "test.tsv")] == [
        ("1", 'a "b"', 1), ("2", "c", 0), ("3", "d", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 Q0", "expected 'query-id Q0 passage-id grade', got '1 Q0'"),
        ("1 Q0 7#1 yes", "the grade is 'yes'"),
        ("1 Q0 7#1 0.5", "the grade is '0.5'; expected a whole number"),
        ("1 Q0 7#1 1 more", "expected 'query-id"),
    ],
)
def test_malformed_lines(tmp_path: Path, line: str, message: str) -> None:
    """A line of another shape is named with its number and content."""
    (tmp_path / "qrels.tsv").write_text(f"1 Q0 7#1 1\n{line}\n")
    with pytest.raises(DatasetError, match=re.escape(f"qrels.tsv:2: {message}")):
        list(read_judgments(tmp_path / "qrels.tsv"))


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
    assert [judgment[2:] for judgment in read_judgments(path)] == EXPECTED


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"query-id": "1", "corpus-id": "2"}, ":1: expected a record with query-id, corpus-id, score"),
        ([1], ":1: expected a JSON object, got '[1]'"),
        ({"query-id": None, "corpus-id": "2", "score": 1}, ":1: 'query-id' is None; expected a string"),
        ({"query-id": "1", "corpus-id": 2.5, "score": 1}, ":1: 'corpus-id' is 2.5; expected a string"),
        ({"query-id": "1", "corpus-id": "2", "score": 0.5}, ":1: the grade is 0.5; expected a whole number"),
        ({"query-id": "1", "corpus-id": "2", "score": float("nan")}, ":1: the grade is nan; expected a whole number"),
        ({"query-id": "1", "corpus-id": "2", "score": True}, ":1: the grade is True; expected a whole number"),
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


@pytest.mark.parametrize("grade", ["1e300", "9" * 30, "1_0", "inf", "0.5"])
def test_what_is_no_grade_is_named(tmp_path: Path, grade: str) -> None:
    """Numbers that no column of integers holds, digits that only Python reads, and parts of a whole."""
    (tmp_path / "test.tsv").write_text(f"1\ta\t1\n1\tb\t{grade}\n")
    with pytest.raises(DatasetError, match=rf"test\.tsv:2: the grade is '{grade}'; expected a whole number"):
        list(read_judgments(tmp_path / "test.tsv"))
