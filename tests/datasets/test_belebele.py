"""Belebele as retrieval: parallel questions and passages in 122 variants, from files in the published layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import Dataset, evaluate, load_dataset
from beir_hybrid.datasets.catalogue import belebele as source
from beir_hybrid.errors import DatasetError, SettingError
from beir_hybrid.languages import language_code
from tests.datasets.hub_server import Hub

LINKS = ("https://en.wikibooks.org/wiki/Accordion", "https://en.wikinews.org/wiki/Bridge")

Write = Callable[..., Path]


def records(variant: str) -> list[dict[str, Any]]:
    """Two questions on the bridge and one on the accordion, in the order they might be published in."""
    return [
        {
            "link": LINKS[link], "question_number": number, "flores_passage": f"{variant}: passage {link}",
            "question": f"{variant}: question {link}.{number}", "mc_answer1": "a", "mc_answer2": "b", "mc_answer3": "c",
            "mc_answer4": "d", "correct_answer_num": "1", "dialect": variant, "ds": "2023-05-03",
        }
        for link, number in ((1, 1), (0, 1), (1, 2))
    ]  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(*variants: str, folder: str = "data", **content: list[Any]) -> Path:
        root = tmp_path / "sets" / "belebele"
        (root / folder).mkdir(parents=True, exist_ok=True)
        for variant in variants:
            lines = content.get(variant, records(variant))
            (root / folder / f"{variant}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return tmp_path / "sets"

    return written


def load(data_dir: Path, languages: str) -> Dataset:
    return load_dataset("belebele", data_dir, languages)


@pytest.mark.parametrize("folder", ["data", "."])
def test_questions_and_passages_are_parallel(write: Write, folder: str) -> None:
    """Questions that share a passage share what is relevant; the same question of another variant is its group."""
    dataset = load(write("eng_Latn", "zho_Hans", "zho_Hant", folder=folder), "en,zh,zh_Hant")
    assert dataset.languages == ("en", "zh", "zh_Hant")
    assert [len(block) for block in dataset.passages.values()] == [2, 2, 2]
    assert [len(block) for block in dataset.queries.values()] == [3, 3, 3]
    assert list(dataset.queries["en"].groups) == [f"{LINKS[0]}#1", f"{LINKS[1]}#1", f"{LINKS[1]}#2"]
    bridge = {"en-p-0001": 1, "zh-p-0001": 1, "zh_Hant-p-0001": 1}
    assert dataset.qrels["zh_Hant-q-0001"] == dataset.qrels["en-q-0002"] == bridge
    assert dataset.groups[f"{LINKS[1]}#2"] == {"en": "en-q-0002", "zh": "zh-q-0002", "zh_Hant": "zh_Hant-q-0002"}
    texts = dict(zip(dataset.passages["zh_Hant"].ids, dataset.passages["zh_Hant"].texts, strict=True))
    assert texts["zh_Hant-p-0001"] == "zho_Hant: passage 1"


def test_all_three_settings(write: Write) -> None:
    """One relevant passage in mono and cross, one of every variant in multi; codes with a script are languages."""
    dataset = load(write("eng_Latn", "zho_Hans", "zho_Hant"), "en,zh,zh_Hant")
    assert len(dataset.tasks()) == 3 + 6 + 3
    assert {len(task.judged) for task in dataset.tasks("mono,cross")} == {3}
    assert {len(task.judged) for task in dataset.tasks("multi")} == {9}
    assert dataset.task("cross:zh_Hant-zh").query_ids == ["zh_Hant-q-0000", "zh_Hant-q-0001", "zh_Hant-q-0002"]


def test_it_is_evaluated(write: Write, tmp_path: Path) -> None:
    """From files to figures, with variants no facts are known of: ceb and the script variants."""
    data_dir = write("ceb_Latn", "zho_Hans", "zho_Hant")
    dataset = load(data_dir, "ceb,zh,zh_Hant")
    run = tmp_path / "run.trec"
    rows = [(query, passage) for query, judged in dataset.qrels.items() for passage in judged]
    run.write_text("".join(f"{query} Q0 {passage} 1 1.0 x\n" for query, passage in rows))
    results = evaluate(dataset, run, settings="mono,cross,multi", metrics="map", out=tmp_path / "out")
    assert results.value("mono", "map") == results.value("cross", "map") == results.value("multi", "map") == 1.0
    assert set(results.matrix) == {"ceb", "zh", "zh_Hant"}


def test_languages_have_the_shortest_code() -> None:
    """ISO 639-1 where there is one; dialects keep three letters, second scripts follow an underscore."""
    assert len(source.languages) == len(set(source.languages)) == 122
    expected = {
        "eng_Latn": "en", "swh_Latn": "sw", "pes_Arab": "fa", "ceb_Latn": "ceb", "arb_Arab": "ar",
        "arb_Latn": "ar_Latn", "arz_Arab": "arz", "zho_Hans": "zh", "zho_Hant": "zh_Hant", "nob_Latn": "nb",
    }  # fmt: skip
    assert {variant: language_code(variant) for variant in expected} == expected
    assert [code for code in source.languages if "_" in code] == [
        "ar_Latn", "bn_Latn", "hi_Latn", "ne_Latn", "si_Latn", "ur_Latn", "zh_Hant",
    ]  # fmt: skip
    with pytest.raises(SettingError, match="unknown language 'zh_Hang'"):
        load_dataset("belebele", languages="zh_Hang")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"link": None}, ":1: the record has no string 'link'"),
        ({"flores_passage": 1}, ":1: the record has no string 'flores_passage'"),
        ({"question": " "}, ":1: the question is empty"),
        ({"question_number": None}, ":1: the record has no whole 'question_number', got 'None'"),
        ({"question_number": 2}, ":3: question 2 of 'https://en.wikinews.org/wiki/Bridge' appears twice"),
    ],
)
def test_what_is_wrong_is_named_by_line(write: Write, change: dict[str, Any], message: str) -> None:
    """A record of another shape, or a question that stands twice."""
    first, *others = records("eng_Latn")
    with pytest.raises(DatasetError, match=f"eng_Latn.jsonl{message}"):
        load(write("eng_Latn", eng_Latn=[{**first, **change}, *others]), "en")


def test_missing_and_empty_files(write: Write) -> None:
    """A variant that is not there names its file and the command; an empty one is no data set."""
    data_dir = write("eng_Latn", "deu_Latn", deu_Latn=[])
    with pytest.raises(DatasetError, match=r"data/fra_Latn\.jsonl is missing; run: beir-hybrid fetch belebele .*fr"):
        load(data_dir, "en,fr")
    with pytest.raises(DatasetError, match=r"deu_Latn\.jsonl: holds no question"):
        load(data_dir, "de")


def test_it_is_fetched_variant_by_variant(hub: Hub, no_data: Path) -> None:
    """Only what was asked for is fetched."""
    hub.repositories["facebook/belebele"] = {
        f"data/{variant}.jsonl": "".join(json.dumps(line) + "\n" for line in records(variant)).encode()
        for variant in ("eng_Latn", "zho_Hant", "deu_Latn")
    }
    assert len(load_dataset("belebele", languages="en,zh_Hant").queries["en"]) == 3
    assert sorted(hub.fetched) == [
        "facebook/belebele@main/data/eng_Latn.jsonl", "facebook/belebele@main/data/zho_Hant.jsonl",
    ]  # fmt: skip
