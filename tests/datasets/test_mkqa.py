"""MKQA from its one file: parallel questions, found are the answers of a language, each text once."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.errors import DatasetError


def example(number: int, **answers: str | None) -> dict[str, Any]:
    return {
        "example_id": number, "query": "q", "queries": {x: f"{x} {number}?" for x in answers},
        "answers": {x: [{"type": "entity", "text": text, "aliases": ["other"]}] for x, text in answers.items()},
    }  # fmt: skip


def write(data: Path, *lines: Any) -> None:
    (data / "mkqa").mkdir()
    text = "".join(json.dumps(each) + "\n" for each in lines).encode()
    (data / "mkqa" / "mkqa.jsonl.gz").write_bytes(gzip.compress(text))


def test_an_example_is_answered_in_every_language(tmp_path: Path) -> None:
    """Equal answers of a language are one passage; what has no answer is not asked, and counted."""
    write(
        tmp_path, example(-7, en="yes", zh_cn="是"), example(8, en="yes", zh_cn="对"), example(9, en=None, zh_cn=None)
    )
    found = load_dataset("mkqa", tmp_path, "en,zh_cn")
    assert found.passages["en"].texts == ["yes"]
    assert found.queries["zh_cn"].texts == ["zh_cn -7?", "zh_cn 8?"]
    assert found.queries["zh_cn"].groups == ["-7", "8"]
    first, second = (found.passages["zh_cn"].texts.index(text) for text in ("是", "对"))
    assert dict(found.qrels["en-q-00000"]) == {"en-p-00000": 1, f"zh_cn-p-{first:05d}": 1}
    assert dict(found.qrels["zh_cn-q-00001"]) == {"en-p-00000": 1, f"zh_cn-p-{second:05d}": 1}
    assert (found.unjudged, found.settings) == (1, ("mono", "cross", "multi"))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([example(1, en="a"), example(1, en="a")], "mkqa.jsonl.gz:2: the example_id 1 stands twice"),
        ([{"queries": {}}], "mkqa.jsonl.gz:1: the example_id None is no id"),
        ([example(1, de="a")], "mkqa.jsonl.gz:1: expected queries and answers in en, each answer with a text"),
    ],
)
def test_what_is_wrong_is_named_by_line(tmp_path: Path, lines: list[Any], said: str) -> None:
    write(tmp_path, *lines)
    with pytest.raises(DatasetError, match=re.escape(said)):
        load_dataset("mkqa", tmp_path, "en")
