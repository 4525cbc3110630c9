"""AfriQA's gold passages: a question and its translation share what answers them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.errors import DatasetError


def line(number: str, question: str, translated: str, context: str, title: str = "T") -> dict[str, Any]:
    return {
        "id": number, "question_lang": question, "question_translated": translated, "context": context, "title": title,
        "answer_pivot": {"answer_start": [0], "text": ["x"]}, "answer_lang": "x",
    }  # fmt: skip


def write(data: Path, code: str, pivot: str, *lines: dict[str, Any]) -> None:
    path = data / "afriqa/data/gold_passages" / code / f"gold_span_passages.afriqa.{code}.{pivot}.test.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))


def test_questions_are_asked_of_the_passages_of_their_pivot(tmp_path: Path) -> None:
    """Bemba and Hausa of English ones, Fon of French ones; a passage of several questions is one; ids are numbers."""
    write(tmp_path, "bem", "en", line("0", "b?", "in bemba?", "A king."), line("10", "c?", "more?", "A queen."))
    write(tmp_path, "hau", "en", line("0", "h?", "in hausa?", "A king."))
    write(tmp_path, "fon", "fr", line("0", "f?", "en fon?", "Un roi.", "Roi"))
    found = load_dataset("afriqa", tmp_path, "bem,ha,fon")
    names = [task.name for task in found.tasks(["mono", "cross"])]
    assert names == ["mono:en", "mono:fr", "cross:bem-en", "cross:fon-fr", "cross:ha-en"]
    assert dict(zip(found.passages["en"].ids, found.passages["en"].texts, strict=True)) == {
        "en-p-00000": "A king.", "en-p-00001": "A queen.",
    }  # fmt: skip
    assert found.passages["fr"].titles == ["Roi"]
    assert found.qrels["ha-q-ha.00000"] == found.qrels["en-q-ha.00000"] == {"en-p-00000": 1}
    assert found.groups["bem.00010"] == {"bem": "bem-q-bem.00010", "en": "en-q-bem.00010"}
    assert load_dataset("afriqa", tmp_path, found.languages).fingerprint == found.fingerprint


@pytest.mark.parametrize(
    ("lines", "languages", "said"),
    [
        ([line("a", "b?", "c?", "d")], "bem", "test.json:1: 'id' is 'a'; expected a whole number"),
        (
            [line("0", "b?", "c?", "d"), line("0", "x?", "c?", "d")],
            "bem",
            "test.json:2: id 0 is another question above",
        ),
        ([{"id": "0", "question_lang": "b?"}], "bem", "test.json:1: the record has no string 'context'"),
        ([], "en", "afriqa asks in bem, fon, ha, ig, rw, sw, tw, yo, zu; add one of them to en"),
    ],
)
def test_what_is_wrong_is_named_by_line(tmp_path: Path, lines: list[Any], languages: str, said: str) -> None:
    write(tmp_path, "bem", "en", *lines)
    with pytest.raises(DatasetError, match=re.escape(said)):
        load_dataset("afriqa", tmp_path, languages)
