"""The embedded sample: parallel, split without overlap, and its own."""

from __future__ import annotations

from collections import Counter

import pytest

from beir_hybrid import Dataset, load_dataset
from beir_hybrid.datasets.sample import sample_documents, sample_groups

XQUAD_LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")


@pytest.mark.parametrize(("split", "passages", "questions"), [("test", 40, 30), ("train", 88, 66)])
def test_the_sample_is_parallel_in_eleven_languages(split: str, passages: int, questions: int) -> None:
    """Every question and every sentence stands in all languages; each question has one answer in each."""
    dataset = load_dataset("sample", split=split)
    assert dataset.languages == XQUAD_LANGUAGES
    assert {len(block) for block in dataset.passages.values()} == {passages}
    assert {len(block) for block in dataset.queries.values()} == {questions}
    assert all(len(queries) == 11 for queries in dataset.groups.values())
    assert all(len(judged) == 11 for judged in dataset.qrels.values())
    assert Counter(task.setting for task in dataset.tasks()) == {"mono": 11, "cross": 110, "multi": 11}


def test_train_and_test_share_nothing() -> None:
    """No passage, question, document or topic of the train split is in the test split."""
    train, test = load_dataset("sample", split="train"), load_dataset("sample", split="test")
    for language in XQUAD_LANGUAGES:
        assert not set(train.passages[language].texts) & set(test.passages[language].texts)
        assert not set(train.queries[language].texts) & set(test.queries[language].texts)
    for key in ("id", "topic"):
        assert not {d[key] for d in sample_documents("train")} & {d[key] for d in sample_documents("test")}


@pytest.mark.parametrize("split", ["test", "train"])
def test_no_text_stands_twice_or_empty(split: str) -> None:
    """Within a language all passages differ, all questions differ, and none has blanks around it."""
    dataset = load_dataset("sample", split=split)
    for blocks in (dataset.passages, dataset.queries):
        for block in blocks.values():
            assert len(set(block.texts)) == len(block)
            assert all(text and text == text.strip() for text in block.texts)


def test_documents_have_four_sentences_and_questions_point_into_them() -> None:
    """The position of an answer is counted in fours: every document has four sentences in every language."""
    for split in ("test", "train"):
        for document in sample_documents(split):
            assert {len(texts) for texts in document["sentences"].values()} == {4}
            assert tuple(sorted(document["sentences"])) == XQUAD_LANGUAGES
            for question in document["questions"]:
                assert 0 <= question["sentence"] < 4
                assert tuple(sorted(question["text"])) == XQUAD_LANGUAGES


def test_training_groups_pair_questions_with_their_answers() -> None:
    """A group is one question and its answer in all languages, under a unique id, in agreement with the qrels."""
    dataset = load_dataset("sample", split="train")
    groups = list(sample_groups("train"))
    assert len({group["id"] for group in groups}) == len(groups) == 66
    for group in groups:
        assert set(group) == {"id", "query", "passage"}
        assert set(group["query"]) == set(group["passage"]) == set(XQUAD_LANGUAGES)
        asked = dataset.groups[group["id"]]
        for language, query in asked.items():
            block = dataset.queries[language]
            assert block.texts[list(block.ids).index(query)] == group["query"][language]
            (answer,) = (p for p in dataset.qrels[query] if p.startswith(f"{language}-"))
            passages = dataset.passages[language]
            assert passages.texts[list(passages.ids).index(answer)] == group["passage"][language]


@pytest.mark.data
def test_the_sample_takes_nothing_from_xquad(xquad_r: Dataset) -> None:
    """The texts were written for this project: none is an XQuAD-R sentence or question."""
    for split in ("test", "train"):
        dataset = load_dataset("sample", split=split)
        for language in XQUAD_LANGUAGES:
            theirs = {*xquad_r.passages[language].texts, *xquad_r.queries[language].texts}
            assert not theirs & {*dataset.passages[language].texts, *dataset.queries[language].texts}
