"""Lines, topics and JSON Lines, and the place of whatever is wrong in them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from beir_hybrid.datasets.beir_shaped import read_questions
from beir_hybrid.errors import DatasetError, RunError
from beir_hybrid.readers.json_lines import as_id, read_json_lines
from beir_hybrid.readers.lines import read_lines


def read_topics(path: Path) -> dict[str, str]:
    return {key: each.text for key, each in read_questions([path], lambda record, place: "de").items()}


def test_topics(tmp_path: Path) -> None:
    """An id, a tab and the query, which may hold further tabs; blank lines and Windows line ends do no harm."""
    path = tmp_path / "topics.tsv"
    path.write_bytes(b"1#0\tWer?\r\n\n2#0\tWas\tnun?\n")
    assert read_topics(path) == {"1#0": "Wer?", "2#0": "Was\tnun?"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\tWer?\n2 Was?\n", r"topics\.tsv:2: expected 'query id<TAB>query', got '2 Was\?'"),
        ("\tWer?\n", r"topics\.tsv:1: expected 'query id<TAB>query'"),
        ("1\tWer?\n2\t \n", r"topics\.tsv:2: query '2' is empty"),
        ("1\tWer?\n\n1\tWas?\n", r"topics\.tsv:3: query id '1' appears twice"),
    ],
)
def test_malformed_topics(tmp_path: Path, content: str, message: str) -> None:
    """Every error names the line."""
    (tmp_path / "topics.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        read_topics(tmp_path / "topics.tsv")


def test_json_lines(tmp_path: Path) -> None:
    """Plain and gzipped files read alike, with line numbers; a line separator inside a text ends no line."""
    text = '{"docid": "7#0", "text": "a\u2028b\u0085c"}\n\n{"docid": "7#1", "text": ""}\n'
    (tmp_path / "docs.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "docs.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    expected = [(1, {"docid": "7#0", "text": "a\u2028b\u0085c"}), (3, {"docid": "7#1", "text": ""})]
    for name in ("docs.jsonl", "docs.jsonl.gz"):
        assert list(read_json_lines(tmp_path / name, ("docid", "text"))) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"docid": "7#1", "te', "not valid JSON"),
        ('["7#1"]', "expected a JSON object"),
        ('{"docid": "7#1", "text": "\\ud83d"}', "holds half of a surrogate pair"),
        ("[" * 100_000, "not valid JSON"),
        ('{"docid": ' + "7" * 5000 + "}", "not valid JSON"),
        ('{"docid": "7#1"}', "the record has no string 'text'"),
        ('{"docid": 7, "text": ""}', "the record has no string 'docid'"),
    ],
)
def test_malformed_json_lines(tmp_path: Path, line: str, message: str) -> None:
    """A record of another shape is named by path:line, also inside a gzipped file."""
    good = '{"docid": "7#0", "text": "a"}'
    (tmp_path / "docs.jsonl.gz").write_bytes(gzip.compress(f"{good}\n{line}\n".encode()))
    with pytest.raises(DatasetError, match=rf"docs\.jsonl\.gz:2: {message}"):
        list(read_json_lines(tmp_path / "docs.jsonl.gz", ("docid", "text")))


def test_a_line_that_is_not_utf8_is_found(tmp_path: Path) -> None:
    """The line at fault is named, not the first one of the block a decoder happened to read."""
    lines = [f"{number}\tWer?".encode() for number in range(50)]
    lines[42] = "42\tGröße?".encode("latin-1")
    (tmp_path / "topics.tsv").write_bytes(b"\n".join(lines))
    with pytest.raises(DatasetError, match=r"topics\.tsv:43: not UTF-8"):
        read_topics(tmp_path / "topics.tsv")


@pytest.mark.parametrize("damage", [slice(None, -4), slice(None, 200), slice(0, 0)])
def test_a_truncated_gzip_file_is_refused(tmp_path: Path, damage: slice) -> None:
    """Whether the checksum, half the content or all of it is missing, nothing passes for a smaller corpus."""
    whole = gzip.compress(b"".join(b'{"docid": "%d#0", "text": "%d"}\n' % (n, n**9) for n in range(500)))
    (tmp_path / "docs.jsonl.gz").write_bytes(whole[damage])
    with pytest.raises(DatasetError, match=r"docs\.jsonl\.gz.*truncated or damaged.*fetch it again"):
        list(read_json_lines(tmp_path / "docs.jsonl.gz", ("docid", "text")))


def test_damage_inside_a_gzip_file_is_refused(tmp_path: Path) -> None:
    """Flipped bytes and files that are no gzip at all end in a message that names the file."""
    whole = bytearray(gzip.compress(b'{"docid": "1#0", "text": "a"}\n' * 50))
    whole[20] ^= 0xFF
    (tmp_path / "docs-0.jsonl.gz").write_bytes(whole)
    (tmp_path / "docs-1.jsonl.gz").write_bytes(b'{"docid": "1#0", "text": "a"}\n')
    for name in ("docs-0.jsonl.gz", "docs-1.jsonl.gz"):
        with pytest.raises(DatasetError, match=name):
            list(read_json_lines(tmp_path / name, ("docid", "text")))


def test_however_a_file_was_saved(tmp_path: Path) -> None:
    """A byte order mark and Windows line ends are no part of the first id, plain or gzipped; blank lines count."""
    raw = b"\xef\xbb\xbf1\tWer?\r\n\r\n2\tWas?\r\n"
    (tmp_path / "topics.tsv").write_bytes(raw)
    (tmp_path / "topics.tsv.gz").write_bytes(gzip.compress(raw))
    for name in ("topics.tsv", "topics.tsv.gz"):
        assert list(read_lines(tmp_path / name)) == [(1, "1\tWer?"), (3, "2\tWas?")]


def test_the_callers_error_is_raised(tmp_path: Path) -> None:
    """A run file that cannot be read is a RunError: each caller names its own kind."""
    (tmp_path / "a.trec").write_bytes(b"q Q0 \xff 1 1.0 x\n")
    with pytest.raises(RunError, match=r"a\.trec:1: not UTF-8"):
        list(read_lines(tmp_path / "a.trec", RunError))


def test_whole_surrogate_pairs_are_text(tmp_path: Path) -> None:
    """Both halves together are one character, as JSON writes what lies beyond 16 bits."""
    (tmp_path / "a.jsonl").write_text('{"text": "\\ud83d\\ude00"}\n')
    assert list(read_json_lines(tmp_path / "a.jsonl")) == [(1, {"text": "\U0001f600"})]


def test_ids() -> None:
    """A whole number is its digits; what is neither that nor a string with something in it is no id."""
    assert [as_id(value) for value in ("a", 7, -1)] == ["a", "7", "-1"]
    assert [as_id(value) for value in (True, 1.0, None, "", "a\0", ["a"])] == [None] * 6


def test_a_missing_file_is_a_domain_error(tmp_path: Path) -> None:
    """A reader called on a path that is not there names it."""
    with pytest.raises(DatasetError, match=r"topics\.tsv: cannot be read: No such file"):
        read_topics(tmp_path / "topics.tsv")


def test_blanks_around_a_topics_id_are_no_part_of_it(tmp_path: Path) -> None:
    """Judgments are parted by blanks, so no id of theirs has any."""
    (tmp_path / "topics.tsv").write_text("1 \tWho? \n 2\tWhat?\n")
    assert read_topics(tmp_path / "topics.tsv") == {"1": "Who?", "2": "What?"}
