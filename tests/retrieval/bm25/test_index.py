"""Lucene's search: scores, order, ties, odd texts, threads, Anserini's hits."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from beir_hybrid.retrieval.bm25 import writer
from beir_hybrid.retrieval.bm25.analyzers import standard_analyzer
from beir_hybrid.retrieval.bm25.bridge import java_class
from beir_hybrid.retrieval.bm25.index import LuceneIndex
from beir_hybrid.retrieval.bm25.runtimes import Jvm
from tests.retrieval.bm25.index_made import build, numbered, per_query

pytestmark = pytest.mark.java
ROOT = Path(__file__).parents[3]


def stored_length(length: int) -> int:
    """Lucene keeps a passage's length in one byte (SmallFloat.intToByte4): exact below 40, then 4 bits."""
    if length < 24:
        return length
    rest = length - 24
    shift = max(rest.bit_length() - 4, 0)
    return 24 + (rest >> shift << shift)


def brute_force(texts: Sequence[str], query: str, k1: float, b: float) -> dict[int, float]:
    """BM25 as Lucene defines it, over words split at spaces."""
    words = [text.split() for text in texts]
    average = sum(map(len, words)) / sum(1 for each in words if each)
    scores: dict[int, float] = {}
    for place, each in enumerate(words):
        count = Counter(each)
        for word in query.split():
            if count[word]:
                holding = sum(word in other for other in words)
                filled = sum(1 for other in words if other)
                idf = math.log(1 + (filled - holding + 0.5) / (holding + 0.5))
                norm = k1 * (1 - b + b * stored_length(len(each)) / average)
                scores[place] = scores.get(place, 0.0) + idf * count[word] / (count[word] + norm)
    return scores


@pytest.mark.parametrize(("k1", "b"), [(0.9, 0.4), (1.2, 0.75), (2.0, 0.0)])
def test_scores_are_bm25(jvm: Jvm, tmp_path: Path, k1: float, b: float) -> None:
    """Scores equal the formula, with lossy lengths, repeated query words, and empty passages not counted."""
    rng = np.random.default_rng(7)
    vocabulary = [f"w{number}" for number in range(30)]
    texts = [" ".join(rng.choice(vocabulary, size)) for size in [1, 3, 23, 24, 40, 41, 60, 101, 333, 0, 12]]
    query = "w1 w2 w2 w17 unknown"
    hits = build(texts, tmp_path).search([query], 100, k1=k1, b=b)
    expected = brute_force(texts, query, k1, b)
    found = dict(zip(hits.passages.tolist(), hits.scores.tolist(), strict=True))
    assert found == pytest.approx(expected, rel=1e-5)
    assert hits.scores.tolist() == sorted(found.values(), reverse=True)
    assert (hits.indptr.dtype, hits.passages.dtype, hits.scores.dtype) == (np.int64, np.int32, np.float32)


def test_ties_go_by_descending_id(jvm: Jvm, tmp_path: Path) -> None:
    """Equal passages come in trec_eval's order, and a cut keeps the first of that order."""
    ids = ["10", "9", "a", "b", "c", "d"]
    index = build(["same words"] * 6, tmp_path, ids)
    assert [ids[place] for place in index.search(["words"], 6).passages] == ["d", "c", "b", "a", "9", "10"]
    assert [ids[place] for place in index.search(["words"], 2).passages] == ["d", "c"]


def test_queries_without_terms_find_nothing(jvm: Jvm, tmp_path: Path) -> None:
    """Blank queries, stop words and unknown words give empty rows; the others keep their place."""
    index = build(["the cat", "a dog"], tmp_path, language="en")
    hits = index.search(["", "  \n", "the a", "?!", "zebra", "dogs"], 5)
    assert per_query(hits) == [[], [], [], [], [], [1]]
    assert per_query(index.search([], 5)) == []


def test_query_syntax_means_nothing(jvm: Jvm, tmp_path: Path) -> None:
    """A query is words: operators, fields, wildcards and brackets are neither obeyed nor errors."""
    index = build(["red fox", "red hen", "blue"], tmp_path)
    plain = index.search(["red fox"], 5)
    odd = index.search(['+red AND -(fox)^2 contents:"'], 5)
    assert odd.passages.tolist() == plain.passages.tolist()
    assert index.search(["re*"], 5).passages.size == 0


def test_a_query_may_be_longer_than_lucenes_clause_limit(jvm: Jvm, tmp_path: Path) -> None:
    """1024 distinct words are where Lucene refuses by default."""
    index = build(["w3000", "other"], tmp_path)
    assert index.search([" ".join(f"w{number}" for number in range(5000))], 5).passages.tolist() == [0]


def test_empty_passages_are_never_found(jvm: Jvm, tmp_path: Path) -> None:
    """An empty text keeps its place, so positions stay those of the caller."""
    index = build(["", "cat", "   ", "cat cat"], tmp_path)
    assert sorted(index.search(["cat"], 9).passages.tolist()) == [1, 3]
    assert len(index) == 4


def test_no_passages_at_all(jvm: Jvm, tmp_path: Path) -> None:
    """An empty corpus is searched without a crash."""
    assert per_query(build([], tmp_path).search(["cat"], 3)) == [[]]


def test_any_character_survives(jvm: Jvm, tmp_path: Path) -> None:
    """Rare Chinese characters match themselves and nothing else; NUL and half a pair do no harm."""
    index = build(["\U00020bb7 x", "\U00020bb8 y", "nul\x00 \ud800 z", "\U0001f600"], tmp_path)
    assert per_query(index.search(["\U00020bb7", "z", "\U0001f600"], 5)) == [[0], [2], [3]]


def test_threads_change_nothing(jvm: Jvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several indexing and search threads give the same hits in the same order."""
    monkeypatch.setattr(writer, "SMALLEST", 50)
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice([f"w{number}" for number in range(9)], 5)) for _ in range(400)]
    queries = [f"w{number} w{number + 1}" for number in range(8)]
    told: list[int] = []
    threaded = LuceneIndex.open_or_build(
        numbered(texts), texts, standard_analyzer(), cache_dir=tmp_path / "b", threads=3, progress=told.append
    ).search(queries, 50, threads=3)
    single = build(texts, tmp_path / "a").search(queries, 50)
    assert sum(told) == 400
    assert per_query(threaded) == per_query(single)
    assert threaded.scores.tolist() == single.scores.tolist()


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_no_thread_writes_into_the_piece_of_another(jvm: Jvm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every passage is found by its own word and no other, though several threads call the same Java methods."""
    monkeypatch.setattr(writer, "SMALLEST", 100)
    texts = [f"word{number}" for number in range(1000)]
    index = LuceneIndex.open_or_build(numbered(texts), texts, standard_analyzer(), cache_dir=tmp_path, threads=5)
    found = index.search(texts, 5, threads=5)
    assert per_query(found) == [[number] for number in range(1000)]


def test_two_indexes_may_be_searched_at_once(jvm: Jvm, tmp_path: Path, restless: None) -> None:
    """Threads that search different indexes get each its own answers."""
    left, right = build(["cat", "dog"], tmp_path), build(["dog", "cow", "cat"], tmp_path)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(index.search, ["cat", "dog"] * 200, 5) for index in (left, right) * 2]
    assert [per_query(answer.result()) for answer in answers] == [[[0], [1]] * 200, [[2], [0]] * 200] * 2


def test_greek_is_found_in_another_form(jvm: Jvm, tmp_path: Path) -> None:
    """The Greek analyzer is at work on both sides: capitals without accents find the inflected word."""
    index = build(["οι δρόμοι της Αθήνας", "η θάλασσα"], tmp_path, language="el")
    assert per_query(index.search(["ΔΡΟΜΟΣ"], 5)) == [[0]]


@pytest.mark.parametrize("language", ["ar", "de", "en", "hi", "ja", "ru", "zh"])
def test_hits_are_those_of_anserini(jvm: Jvm, tmp_path: Path, language: str) -> None:
    """Same texts, same scores as Anserini's own indexer and searcher, which pyserini calls."""
    texts = {
        "ar": ["الكتاب على الطاولة", "كتب كثيرة", "الطاولة"],
        "de": ["Die Häuser stehen", "Das Haus steht leer", "Ein Baum"],
        "en": ["The houses are standing", "A house stands empty", "A tree"],
        "hi": ["किताबें मेज पर हैं", "किताब मेज", "पेड़"],
        "ja": ["本を読んでいる", "本屋で本を買った", "木"],
        "ru": ["Книги на столе", "Книга лежит", "Дерево"],
        "zh": ["北京是中国的首都", "中国的北京大学", "树"],
    }[language]
    folder = str(tmp_path / "anserini")
    indexer = java_class("io.anserini.index.SimpleIndexer")(
        ["-input", "", "-index", folder, "-collection", "JsonCollection", "-language", language]
    )
    indexer.addRawDocuments([json.dumps({"id": f"p{n:04d}", "contents": text}) for n, text in enumerate(texts)])
    indexer.close()
    searcher = java_class("io.anserini.search.SimpleSearcher")(folder)
    searcher.set_language(language)
    searcher.set_bm25(0.9, 0.4)
    query = texts[0]
    theirs = {int(hit.docid[1:]): hit.score for hit in searcher.search(query, 10)}
    hits = build(texts, tmp_path, language=language).search([query], 10)
    ours = dict(zip(hits.passages.tolist(), hits.scores.tolist(), strict=True))
    assert ours == pytest.approx(theirs, abs=2e-4)  # Anserini rounds scores to break ties
    assert len(ours) > 1
