"""XQuAD-R and MLQA-R: the facts about the published files, and the ids that keep repeated texts apart."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid import Dataset, load_dataset
from beir_hybrid.datasets.beir_view import BeirView

pytestmark = pytest.mark.data

XQUAD_PASSAGES = {
    "ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244,
    "ru": 1219, "th": 852, "tr": 1167, "vi": 1209, "zh": 1196,
}  # fmt: skip
MLQA_PASSAGES = {"ar": 2545, "de": 2362, "en": 6264, "es": 1787, "hi": 2426, "vi": 2828, "zh": 2322}
MLQA_QUESTIONS = {"ar": 517, "de": 512, "en": 1148, "es": 500, "hi": 507, "vi": 511, "zh": 504}


def sizes(blocks: Any) -> dict[str, int]:
    return {language: len(block) for language, block in blocks.items()}


def raw_questions(path: Path) -> Iterator[tuple[str, int, int, list[list[int]]]]:
    """(question id, answer start, answer length, sentence breaks, sentences before the paragraph) of a file."""
    before = 0
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                answer = question["answers"][0]
                yield question["id"], answer["answer_start"], len(answer["text"]), paragraph["sentence_breaks"], before
            before += len(paragraph["sentences"])


def test_xquad_r_has_the_published_passages_and_questions(xquad_r: Dataset) -> None:
    """Every sentence is a passage: the candidate counts of all languages and of the pool."""
    assert sizes(xquad_r.passages) == XQUAD_PASSAGES
    assert sum(sizes(xquad_r.passages).values()) == 13_014
    assert set(sizes(xquad_r.queries).values()) == {1_190}


def test_xquad_r_asks_the_same_questions_in_every_language(xquad_r: Dataset) -> None:
    """Groups are the upstream question ids, equal in all 11 files; they make the parallel queries."""
    groups = {frozenset(block.groups) for block in xquad_r.queries.values()}
    assert len(groups) == 1
    assert all(len(queries) == 11 for queries in xquad_r.groups.values())


def test_xquad_r_answers_every_question_once_a_language(xquad_r: Dataset) -> None:
    """In the pool every question has exactly one relevant passage in each of the 11 languages."""
    assert len(xquad_r.qrels) == 13_090
    for relevant in xquad_r.qrels.values():
        assert sorted(passage[:2] for passage in relevant) == sorted(XQUAD_PASSAGES)
        assert set(relevant.values()) == {1}


def test_mlqa_r_has_the_published_passages_and_questions(mlqa_r: Dataset) -> None:
    """Candidate and question counts of all 7 languages; 1,148 different questions."""
    assert sizes(mlqa_r.passages) == MLQA_PASSAGES
    assert sum(sizes(mlqa_r.passages).values()) == 20_534
    assert sizes(mlqa_r.queries) == MLQA_QUESTIONS
    assert sum(MLQA_QUESTIONS.values()) == 4_199
    assert len(mlqa_r.groups) == 1_148


def test_mlqa_r_questions_exist_in_two_to_four_languages(mlqa_r: Dataset) -> None:
    """65, 263 and 820 questions stand in 2, 3 and 4 languages; mean relevant passages in the pool 3.75."""
    assert Counter(len(queries) for queries in mlqa_r.groups.values()) == {2: 65, 3: 263, 4: 820}
    relevant = [len(judged) for judged in mlqa_r.qrels.values()]
    assert round(sum(relevant) / len(relevant), 2) == 3.75
    for queries in mlqa_r.groups.values():
        for query in queries.values():
            assert sorted(passage[:2] for passage in mlqa_r.qrels[query]) == sorted(queries)


@pytest.mark.parametrize(
    ("name", "moved", "crossing"),
    [("xquad-r", {"zh": 29, "hi": 1}, 112), ("mlqa-r", {"zh": 29, "hi": 3, "vi": 1}, 25)],
)
def test_an_answer_belongs_to_the_sentence_it_begins_in(
    name: str, moved: dict[str, int], crossing: int, data_dir: Path, request: pytest.FixtureRequest
) -> None:
    """begin <= start < end: an inclusive end would move exactly these answers to the sentence before."""
    dataset: Dataset = request.getfixturevalue(name.replace("-", "_"))
    inclusive_differs: Counter[str] = Counter()
    over_the_end = 0
    for language, block in dataset.queries.items():
        query_of = dict(zip(block.groups, block.ids, strict=True))
        for key, start, length, breaks, before in raw_questions(data_dir / name / f"{language}.json"):
            (right,) = (i for i, (begin, end) in enumerate(breaks) if begin <= start < end)
            wrong = next(i for i, (begin, end) in enumerate(breaks) if begin <= start <= end)
            assert dataset.qrels[query_of[key]][dataset.passages[language].ids[before + right]] == 1
            inclusive_differs[language] += wrong != right
            over_the_end += start + length > breaks[right][1]
    assert +inclusive_differs == moved
    assert over_the_end == crossing


def test_turkish_text_is_the_sentence_not_its_slice(xquad_r: Dataset, data_dir: Path) -> None:
    """Two Turkish sentences differ from their slice of the paragraph; the passage is the published sentence."""
    document = json.loads((data_dir / "xquad-r" / "tr.json").read_text(encoding="utf-8"))
    paragraphs = [paragraph for article in document["data"] for paragraph in article["paragraphs"]]
    slices = [p["context"][begin:end] for p in paragraphs for begin, end in p["sentence_breaks"]]
    sentences = [sentence for p in paragraphs for sentence in p["sentences"]]
    assert list(xquad_r.passages["tr"].texts) == sentences
    assert sum(a != b for a, b in zip(slices, sentences, strict=True)) == 2


@pytest.mark.parametrize("name", ["xquad_r", "mlqa_r"])
def test_ids_are_unique_of_fixed_width_and_carry_the_language(name: str, request: pytest.FixtureRequest) -> None:
    """Ids identify over the pool: no two alike, no query like a passage, one width, the language in front."""
    dataset: Dataset = request.getfixturevalue(name)
    passages = [key for block in dataset.passages.values() for key in block.ids]
    queries = [key for block in dataset.queries.values() for key in block.ids]
    assert len({*passages, *queries}) == len(passages) + len(queries)
    assert len({len(key) for key in passages}) == len({len(key) for key in queries}) == 1
    for language in dataset.languages:
        assert all(key.startswith(f"{language}-p-") for key in dataset.passages[language].ids)
        assert all(key.startswith(f"{language}-q-") for key in dataset.queries[language].ids)
        assert list(dataset.passages[language].ids) == sorted(dataset.passages[language].ids)


def test_repeated_texts_stay_apart(xquad_r: Dataset) -> None:
    """Sentence texts repeat in ar, hi, ru, tr and zh; each is a passage of its own, as positions identify."""
    repeated = {lang for lang, block in xquad_r.passages.items() if len(set(block.texts)) < len(block.texts)}
    assert repeated == {"ar", "hi", "ru", "tr", "zh"}
    assert any(len(set(block.texts)) < len(block.texts) for block in xquad_r.queries.values())


def test_all_settings_of_both_data_sets(xquad_r: Dataset, mlqa_r: Dataset) -> None:
    """11 + 110 + 11 and 7 + 42 + 7 tasks, in the order mono, cross, multi."""
    for dataset, expected in ((xquad_r, (11, 110, 11)), (mlqa_r, (7, 42, 7))):
        tasks = dataset.tasks()
        counts = Counter(task.setting for task in tasks)
        assert (counts["mono"], counts["cross"], counts["multi"]) == expected
        assert [task.setting for task in tasks] == sorted(
            (task.setting for task in tasks), key=("mono", "cross", "multi").index
        )
        assert len({task.name for task in tasks}) == sum(expected)


def test_cross_lingual_tasks_ask_only_answered_questions(mlqa_r: Dataset) -> None:
    """A question without an answer in the passage language is not asked; all others are."""
    task = mlqa_r.task("cross", "de", "es")
    shared = set(mlqa_r.queries["de"].groups) & set(mlqa_r.queries["es"].groups)
    asked = [mlqa_r.queries["de"].groups[row] for row in task.rows]
    assert 0 < len(shared) < len(mlqa_r.queries["de"])
    assert set(asked) == shared
    corpus, queries, qrels = BeirView(task).load()
    assert len(corpus) == MLQA_PASSAGES["es"]
    assert queries.keys() == qrels.keys()
    assert all(len(judged) == 1 and set(judged) <= corpus.keys() for judged in qrels.values())


def test_fewer_languages_make_a_smaller_pool(data_dir: Path) -> None:
    """The pool of a selection holds only it, and so do the relevant passages."""
    dataset = load_dataset("xquad-r", data_dir, languages="zh, de")
    task = dataset.task("multi:zh")
    assert dataset.languages == ("de", "zh")
    assert task.n_passages == XQUAD_PASSAGES["de"] + XQUAD_PASSAGES["zh"]
    assert {len(judged) for judged in BeirView(task).load()[2].values()} == {2}


def test_the_published_files_are_recorded_as_such(xquad_r: Dataset, mlqa_r: Dataset) -> None:
    """A result can be traced to its data: every file with its checksum, known to be the pinned one."""
    for dataset in (xquad_r, mlqa_r):
        assert [file.path for file in dataset.files] == [f"{language}.json" for language in dataset.languages]
        assert all(file.pinned and len(file.sha256) == 64 for file in dataset.files)
