"""The reader of LAReQA's files: what it makes of them, and what it says of files that are not right."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import load_dataset
from beir_hybrid.datasets.lareqa import read_squad
from beir_hybrid.datasets.parallel import Answer, Question
from beir_hybrid.errors import DatasetError

# two sentences that touch, as Chinese ones do: [0, 5) and [5, 10)
DOCUMENT = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "今天下雨。明天放晴。",
                    "sentences": ["今天下雨。", "明天放晴。"],
                    "sentence_breaks": [[0, 5], [5, 10]],
                    "qas": [
                        {"id": "b1", "question": "明天呢？", "answers": [{"text": "明天", "answer_start": 5}]},
                        {"id": "a2", "question": "今天呢？", "answers": [{"text": "雨", "answer_start": 3}]},
                    ],
                }
            ]
        }
    ]
}


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def read(path: Path, **options: Any) -> tuple[dict[str, Answer], dict[str, Question]]:
    return read_squad(path, question_id_width=4, **options)


def changed(place: tuple[Any, ...], value: Any) -> Any:
    """The document with one value replaced, or removed where the value is Ellipsis."""
    document = copy.deepcopy(DOCUMENT)
    record: Any = document
    for key in place[:-1]:
        record = record[key]
    if value is ...:
        del record[place[-1]]
    else:
        record[place[-1]] = value
    return document


PARAGRAPH = ("data", 0, "paragraphs", 0)
QUESTION = (*PARAGRAPH, "qas", 0)


def test_sentences_become_passages_and_an_exclusive_end_finds_the_answer(tmp_path: Path) -> None:
    """An answer that begins where a sentence ends belongs to the next; ids stand in order and are padded."""
    passages, queries = read(written(tmp_path / "zh.json", DOCUMENT))
    assert passages == {"0000000": Answer("今天下雨。", ["a2"]), "0000001": Answer("明天放晴。", ["b1"])}
    assert queries == {"00b1": Question("明天呢？", "b1"), "00a2": Question("今天呢？", "a2")}


def test_with_paragraph_appends_the_context(tmp_path: Path) -> None:
    """LAReQA's encoders read sentence and paragraph: the option gives both and changes no id."""
    plain, _ = read(written(tmp_path / "zh.json", DOCUMENT))
    found, _ = read(tmp_path / "zh.json", with_paragraph=True)
    texts = [each.text for each in found.values()]
    assert texts == ["今天下雨。 今天下雨。明天放晴。", "明天放晴。 今天下雨。明天放晴。"]
    assert {key: each.about for key, each in found.items()} == {key: each.about for key, each in plain.items()}


def test_paragraphs_can_be_the_passages(tmp_path: Path) -> None:
    """mteb's form of XQuAD: what a question was asked about is its paragraph; the two options exclude each other."""
    (tmp_path / "xquad-r").mkdir()
    first, *_ = DOCUMENT["data"]
    second = {"paragraphs": [{**each, "context": "别的。", "sentences": ["别的。"], "sentence_breaks": [[0, 3]],
                              "qas": [{"id": "c3", "question": "别的呢？", "answers": [{"answer_start": 0}]}]}
                             for each in first["paragraphs"][:1]]}  # fmt: skip
    written(tmp_path / "xquad-r" / "zh.json", {"data": [first, second]})
    whole = load_dataset("xquad-r", tmp_path, "zh", passages="paragraphs")
    assert whole.passages["zh"].texts == ["今天下雨。明天放晴。", "别的。"]
    answers = {query.lstrip("zh-q0"): [*judged] for query, judged in whole.qrels.items()}
    assert answers == {"a2": ["zh-p-0000000"], "b1": ["zh-p-0000000"], "c3": ["zh-p-0000001"]}
    assert dict(whole.options) == {"passages": "paragraphs"}
    for options in ({"passages": "words"}, {"passages": "paragraphs", "with_paragraph": True}):
        with pytest.raises(DatasetError, match=r"expected sentences .* or paragraphs"):
            load_dataset("xquad-r", tmp_path, "zh", **options)


def test_with_paragraph_is_a_loading_option_and_is_recorded(tmp_path: Path) -> None:
    """The option reaches the reader through load_dataset, and another text is another fingerprint."""
    (tmp_path / "xquad-r").mkdir()
    written(tmp_path / "xquad-r" / "zh.json", DOCUMENT)
    plain = load_dataset("xquad-r", tmp_path, "zh")
    whole = load_dataset("xquad-r", tmp_path, "zh", with_paragraph=True)
    assert dict(plain.options) == {}
    assert dict(whole.options) == {"with_paragraph": True}
    assert whole.fingerprint != plain.fingerprint
    assert [file.pinned for file in plain.files] == [False]
    with pytest.raises(DatasetError, match=r"no option 'with_paragraphs'; did you mean 'with_paragraph'"):
        load_dataset("xquad-r", tmp_path, "zh", with_paragraphs=True)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "the file has no 'data'"),
        ([], "the file has no 'data'"),
        ({"data": []}, "holds no question"),
        (changed(("data", 0, "paragraphs"), ...), r"data\[0\] has no 'paragraphs'"),
        (changed((*PARAGRAPH, "context"), 7), r"data\[0\]\.paragraphs\[0\] has no 'context' that is a string"),
        (changed((*PARAGRAPH, "sentences"), ...), r"paragraphs\[0\] has no 'sentences' that is a list"),
        (changed((*PARAGRAPH, "sentences"), ["今天下雨。", None]), r"paragraphs\[0\]\.sentences\[1\].*string"),
        (changed((*PARAGRAPH, "sentence_breaks"), ...), r"paragraphs\[0\] has no 'sentence_breaks'"),
        (changed((*PARAGRAPH, "sentence_breaks"), [[0, 5]]), "2 sentences and 1 sentence_breaks"),
        (changed((*PARAGRAPH, "sentence_breaks"), [[0, 5], [6, 9]]), r"qas\[0\].*answer_start 5 lies in no sentence"),
        (changed((*PARAGRAPH, "sentence_breaks"), [0, 5]), r"sentence_breaks must be pairs \[begin, end\)"),
        (changed((*PARAGRAPH, "sentence_breaks"), [{}, {}]), r"sentence_breaks must be pairs \[begin, end\)"),
        (changed((*PARAGRAPH, "sentence_breaks"), [[0, 5], [5]]), r"sentence_breaks must be pairs \[begin, end\)"),
        (changed((*QUESTION, "id"), 7), r"qas\[0\] has no 'id' that is a string"),
        (changed((*QUESTION, "id"), "a2"), r"qas\[1\] repeats question id 'a2'"),
        (changed((*QUESTION, "question"), "  "), r"qas\[0\] \(id 'b1'\) has an empty question"),
        (changed((*QUESTION, "answers"), []), r"qas\[0\] has no answer"),
        (changed((*QUESTION, "answers", 0, "answer_start"), ...), r"answers\[0\] has no 'answer_start'"),
        (changed((*QUESTION, "answers", 0, "answer_start"), 10), "answer_start 10 lies in no sentence"),
        (changed((*QUESTION, "answers", 0, "answer_start"), -1), "answer_start -1 lies in no sentence"),
    ],
)
def test_a_document_of_another_shape_is_refused_by_place(tmp_path: Path, document: Any, message: str) -> None:
    """Whatever is wrong inside the document, the error names the file and the place in it."""
    path = written(tmp_path / "zh.json", document)
    with pytest.raises(DatasetError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_malformed_json_is_named_by_line(tmp_path: Path) -> None:
    """A syntax error is found at path:line."""
    path = tmp_path / "zh.json"
    path.write_text('{\n "data": [\n  {"paragraphs": ]\n', encoding="utf-8")
    with pytest.raises(DatasetError, match=r"zh\.json:3: not valid JSON"):
        read(path)


def test_a_truncated_file_is_named_by_line(tmp_path: Path) -> None:
    """Half a file is a domain error with the line it ends in, and the advice to fetch it again."""
    path = written(tmp_path / "zh.json", DOCUMENT)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    with pytest.raises(DatasetError, match=r"zh\.json:\d+: not valid JSON .*truncated.*fetch it again"):
        read(path)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """A file that is not UTF-8 is refused, not read as something else."""
    path = tmp_path / "zh.json"
    path.write_bytes(json.dumps(DOCUMENT, ensure_ascii=False).encode("gb18030"))
    with pytest.raises(DatasetError, match="not UTF-8"):
        read(path)


def test_a_missing_file_is_a_domain_error(tmp_path: Path) -> None:
    """The reader alone, called on a path that is not there, does not end in a traceback."""
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        read(tmp_path / "zh.json")


def test_half_a_surrogate_pair_is_named_by_line(tmp_path: Path) -> None:
    """A whole pair, and a backslash before it, are text."""
    path = tmp_path / "zh.json"
    text = json.dumps(changed((*PARAGRAPH, "context"), "一 😀 \\ud800 is no escape"), indent=1)
    path.write_text(text)
    read(path)
    path.write_text(text.replace("\\ud83d\\ude00", "\\ud83d"))
    with pytest.raises(DatasetError, match=r"zh\.json:6: holds half of a surrogate pair"):
        read(path)
