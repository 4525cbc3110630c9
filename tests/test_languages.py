"""Language codes however they are written: one code in use each, or a refusal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import beir_hybrid
from beir_hybrid import evaluate, load_dataset
from beir_hybrid.datasets import load_beir_folder
from beir_hybrid.errors import DatasetError, SettingError
from beir_hybrid.languages import AnyLanguage, check_language, find_code, language_code
from beir_hybrid.settings import parse_task_name

PACKAGE = Path(beir_hybrid.__file__).parent
WRITTEN = {
    "de": "de", "deu": "de", "ger": "de", "DE": "de", "de-AT": "de", "cmn": "zh", "zho": "zh", "zh_Hans": "zh",
    "zh-Hans": "zh", "zh-Hant": "zh_Hant", "por-BR": "pt", "swh": "sw", "nob": "nb", "arb": "ar", "arz": "arz",
    "eng_Latn": "en", "kor_Hang": "ko", "ceb": "ceb", "tgl": "tl",
}  # fmt: skip


def test_one_code_for_each_language() -> None:
    """ISO 639-1, -2 and -3, scripts and countries; a script that is not the usual one is kept."""
    assert {given: language_code(given) for given in WRITTEN} == WRITTEN
    for wrong in ("klingon", "xx", "", "de en"):
        with pytest.raises(SettingError, match="is no language code; expected ISO 639-1"):
            language_code(wrong)
        assert wrong not in AnyLanguage()
    assert "de" in AnyLanguage()
    assert "deu" not in AnyLanguage()


def test_codes_of_a_data_set_are_found_however_they_are_written() -> None:
    """Also where the set calls a language by another code of it; what it does not have is refused with what it has."""
    for given, languages, found in (
        ("deu", ("de", "en"), "de"), ("nb", ("no",), "no"), ("nob", ("nb", "no"), "nb"),
        ("zh", ("zh_Hans",), "zh_Hans"),
        ("de", ("deu",), "deu"), ("fil", ("tl",), "tl"), ("zh-TW", ("zh_Hant",), None), ("zh_Hant", ("zh",), None),
        ("sv", ("sw",), None), ("pt", ("pt_BR", "pt_PT"), None),
    ):  # fmt: skip
        if found is None:
            with pytest.raises(SettingError, match=f"unknown language '{given}'.*{languages[0]}"):
                check_language(given, languages)
        else:
            assert check_language(given, languages) == found


def test_a_name_of_a_language_is_answered_with_its_code() -> None:
    """In English or in the language itself, misspelt too; but only with one that the data set has."""
    for given, code in (
        ("German", "de"), ("deutsch", "de"), ("Germn", "de"), ("中文", "zh"), ("farsi", "fa"), ("ไทย", "th"),
        ("Español", "es"), ("Igbo", "ig"),
    ):  # fmt: skip
        with pytest.raises(SettingError, match=f"{given!r} is no language code; did you mean {code!r}"):
            language_code(given)
        with pytest.raises(SettingError, match=f"unknown language {given!r}; did you mean {code!r}. known: {code}$"):
            check_language(given, (code,))
    with pytest.raises(SettingError, match="unknown language 'swedish'; known: de, sw"):
        check_language("swedish", ("de", "sw"))
    named = [line.partition("\t")[0] for line in (PACKAGE / "language_names.tsv").read_text("utf-8").splitlines()]
    assert [code for code in named if find_code(code) is None] == []


def test_names_of_tasks_and_selections() -> None:
    """cross:deu-eng is cross:de-en; so is a choice of languages, in Python and on the command line."""
    assert parse_task_name("cross:deu-eng", ("de", "en")) == ("cross", "de", "en")
    assert parse_task_name("cross:zh-Hans-en", ("en", "zh")) == ("cross", "zh", "en")
    assert parse_task_name("mono:ger", ("de", "en")) == ("mono", "de", None)
    dataset = load_dataset("sample", languages="deu,eng,cmn")
    assert dataset.languages == ("de", "en", "zh")
    assert dataset.task("cross", "deu", "zh_Hans").name == "cross:de-zh"
    with pytest.raises(SettingError, match="unknown language 'fra'"):
        load_dataset("sample", languages="fra")


def test_folders_and_records(tmp_path: Path) -> None:
    """A folder named by ISO 639-3 and records that say ``deu`` are German; ids begin with the code in use."""
    for kind, folder, says in (("folders", "deu/", {}), ("records", "", {"language": "deu"})):
        root = tmp_path / kind
        (root / folder).mkdir(parents=True)
        (root / "qrels").mkdir()
        (root / folder / "corpus.jsonl").write_text(json.dumps({"_id": "d", "text": "Meer", **says}) + "\n")
        (root / folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "Wasser", **says}) + "\n")
        (root / "qrels" / "test.tsv").write_text("q\td\t1\n")
        dataset = load_beir_folder(root, "ger")
        assert dataset.languages == ("de",)
        assert dataset.qrels == {"de-q-q": {"de-p-d": 1}}
    (tmp_path / "records" / "queries.jsonl").write_text('{"_id": "q", "text": "Wasser", "language": "german"}\n')
    with pytest.raises(DatasetError, match=r"queries\.jsonl:1: 'german' is no language code; did you mean 'de'"):
        load_beir_folder(tmp_path / "records")


def test_two_folders_of_one_language_are_refused(tmp_path: Path) -> None:
    """``de`` and ``deu`` side by side."""
    for name in ("de", "deu"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "queries.jsonl").write_text('{"_id": "q", "text": "x"}\n')
    with pytest.raises(DatasetError, match="de and deu are both de; leave one out"):
        evaluate(str(tmp_path), lambda texts: [[1.0]] * len(texts))


def test_texts_beside_folders_of_languages_are_refused(tmp_path: Path) -> None:
    """One of the two would be left out without a word."""
    (tmp_path / "de").mkdir()
    for place in (tmp_path, tmp_path / "de"):
        (place / "corpus.jsonl").write_text('{"_id": "d", "text": "x"}\n')
    with pytest.raises(DatasetError, match=r"holds corpus.jsonl beside folders of languages \(de\).* move it away"):
        load_dataset(tmp_path)
