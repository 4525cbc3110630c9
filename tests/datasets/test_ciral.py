"""CIRAL from its published layout: English questions of their own for each African language, its corpus beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.cli import main
from beir_hybrid.datasets.catalogue import ciral as source
from beir_hybrid.errors import DatasetError


def write(data: Path, name: str, code: str, topics: str, passages: dict[str, str], *, beside: bool = False) -> None:
    for kind, text in (("topics", topics), ("qrels", "".join(f"7 Q0 {key} {key[-1]}\n" for key in passages))):
        path = data / "ciral" / f"ciral-{name}" / kind / f"{kind}.ciral-v1.0-{code}-test-a.tsv"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    corpus = data / ("ciral-corpus" if beside else "ciral") / "passages-v1.0" / f"{name}_passages.jsonl"
    corpus.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"docid": key, "title": "VOA", "text": text, "url": "u"} for key, text in passages.items()]
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_number_is_another_question_in_each_language(tmp_path: Path) -> None:
    """Query 7 and passage VOA#1#1 of two languages are told apart; judgments stay in their language."""
    write(tmp_path, "hausa", "ha", "7\tWho won?\n9\tUnjudged?\n", {"VOA#1#1": "wani", "VOA#2#0": "wata"})
    write(tmp_path, "yoruba", "yo", "7\tWhat is it?\n", {"VOA#1#1": "kini"}, beside=True)
    found = load_dataset("ciral", tmp_path, "ha,yo")
    assert [task.name for task in found.tasks()] == ["cross:en-ha", "cross:en-yo"]
    assert dict(zip(found.queries["en"].ids, found.queries["en"].texts, strict=True)) == {
        "en-q-ha.7": "Who won?", "en-q-yo.7": "What is it?",
    }  # fmt: skip
    assert found.qrels == {"en-q-ha.7": {"ha-p-VOA#1#1": 1, "ha-p-VOA#2#0": 0}, "en-q-yo.7": {"yo-p-VOA#1#1": 1}}
    assert found.unjudged == 1
    again = load_dataset("ciral", tmp_path, found.languages)  # as results name them, English with them
    assert again.fingerprint == found.fingerprint
    assert len(source.remote_files(tmp_path, source.languages, "test-b")) == 3 * 4


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    write(tmp_path, "hausa", "ha", "7 Who won?\n", {"VOA#1#1": "wani"})
    for languages, said in {
        "ha": "topics.ciral-v1.0-ha-test-a.tsv:1: expected 'query id<TAB>query'",
        "so": "topics.ciral-v1.0-so-test-a.tsv is missing; run: beir-hybrid fetch ciral --languages so",
        "en": "ciral has no passages in en; add to --languages one of those it has passages in: ha, so, sw, yo",
    }.items():
        with pytest.raises(DatasetError, match=re.escape(said)):
            load_dataset("ciral", tmp_path, languages)


def test_its_passages_are_converted_ahead_of_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of all its languages English has none; asked for alone that is said."""
    for code, name in source.called.items():
        write(tmp_path, name, code, "7\tWho won?\n", {"VOA#1#1": "wani"})
    assert main(["convert", "ciral", "--data-dir", str(tmp_path)]) == 0
    assert [line.split("\t")[:2] for line in capsys.readouterr().out.splitlines()] == [[x, "1"] for x in source.called]
    assert main(["convert", "ciral", "--data-dir", str(tmp_path), "--languages", "en"]) == 1
    assert "ciral has no passages in 'en'; choose of ha, so, sw, yo" in capsys.readouterr().err


def test_nothing_of_it_is_there(no_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """English, which has no files of its own, makes no part of it."""
    assert main(["datasets", "ciral"]) == 0
    assert "files      not there" in capsys.readouterr().out
