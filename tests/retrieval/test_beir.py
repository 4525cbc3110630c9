"""Objects with BEIR's search method as retrievers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from beir_hybrid.datasets.dataset import Dataset
from beir_hybrid.errors import RetrieverError, RunError
from beir_hybrid.records import BeirQueries, Corpus, FloatArray
from beir_hybrid.retrieval.beir import BeirSearchRetriever
from beir_hybrid.retrieval.dense.retriever import DenseRetriever
from beir_hybrid.retrieval.recognise import as_retriever

Encode = Callable[[list[str]], FloatArray]


class Scripted:
    """A search object that answers what it was told, after doing to its arguments what BEIR does."""

    def __init__(self, answer: Callable[[Corpus, BeirQueries], Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[int, int, int, str]] = []

    def search(self, corpus: Corpus, queries: BeirQueries, top_k: int, score_function: str) -> Any:
        self.asked.append((len(corpus), len(queries), top_k, score_function))
        found = self.answer(dict(corpus), dict(queries))
        corpus.clear()
        return found


def test_numpy_scores_and_missing_queries_are_taken(partly_parallel: Dataset) -> None:
    """Scores of any number type; queries left out count as missing; arguments are fresh at every call."""
    search = Scripted(lambda corpus, queries: {q: {p: np.float32(1) for p in corpus} for q in list(queries)[1:]})
    rankings = list(BeirSearchRetriever(search, score_function="dot").retrieve(partly_parallel.tasks("mono"), 5))
    assert search.asked[0] == (220, 200, 5, "dot")
    assert [int((ranking.hits.counts == 0).sum()) for ranking in rankings] == [1, 1, 1]
    assert rankings[0].hits.counts.max() == 5  # it returned everything; what was asked for is kept


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"nobody": {"tr-p-000": 1.0}}, "query 'nobody' is not asked in mono:tr"),
        ({"tr-q-000": {"de-p-000": 1.0}}, "passage 'de-p-000' of query 'tr-q-000' is not in the corpus"),
        ({"tr-q-000": {"tr-p-000": float("nan")}}, "score of passage 'tr-p-000' is nan .query 'tr-q-000'"),
        ({"tr-q-000": {"tr-p-000": -1e39}}, r"score of passage 'tr-p-000' is -1e\+39 .query 'tr-q-000'"),
        ({"tr-q-000": {"tr-p-000": "high"}}, "query 'tr-q-000', passage 'tr-p-000': score 'high' is no number"),
        ({"tr-q-000": ["tr-p-000"]}, "query 'tr-q-000' has no object of passages and scores"),
        (None, r"returned a NoneType; expected {query: {passage: score}}"),
    ],
)
def test_answers_that_do_not_fit_are_named(partly_parallel: Dataset, answer: Any, problem: str) -> None:
    """Unknown ids and NaN are the object's fault, and the message says whose and where."""
    with pytest.raises((RetrieverError, RunError), match=rf"Scripted: search\(\):? {problem}"):
        list(BeirSearchRetriever(Scripted(lambda *_: answer)).retrieve([partly_parallel.task("mono:tr")]))


class Model:
    """What BEIR's dense search wants of a model."""

    def __init__(self, encode: Encode) -> None:
        self.encode = encode

    def encode_queries(self, queries: list[str], **_: Any) -> FloatArray:
        return self.encode(queries)

    def encode_corpus(self, corpus: list[dict[str, str]], **_: Any) -> FloatArray:
        return self.encode([record["text"] for record in corpus])


def real_valued(texts: list[str]) -> FloatArray:
    """Vectors whose scores tie only where texts are equal."""
    rows = [np.random.default_rng(list(text.encode())).normal(size=24) for text in texts]
    return np.array(rows, dtype=np.float32)


def test_beir_s_exact_search_agrees_with_the_dense_retriever(partly_parallel: Dataset) -> None:
    """The same vectors through BEIR and through ours rank the judged passages alike, a single query included."""
    from beir.retrieval.search.dense import DenseRetrievalExactSearch

    search = DenseRetrievalExactSearch(Model(real_valued), batch_size=64)
    one = Dataset("one", "test", partly_parallel.passages, partly_parallel.queries,
                  {"tr-q-001": {"tr-p-001": 1, "de-p-001": 1}})  # fmt: skip
    for task in (one.task("mono:tr"), one.task("multi:tr"), partly_parallel.task("mono:en")):
        (theirs,) = BeirSearchRetriever(search).retrieve([task])
        (ours,) = DenseRetriever(real_valued).retrieve([task])
        distinct = np.array([task.passage_ids[p][-3:] for p in task.judged.passage]).astype(int) % 7 != 0
        assert theirs.complete
        assert np.array_equal(theirs.ranks[distinct], ours.ranks[distinct])


def test_results_say_which_object_it_was() -> None:
    """Two objects of one class are not taken for each other; a given identity speaks for itself."""
    searches = [Scripted(lambda *_: {}) for _ in range(2)]
    assert BeirSearchRetriever(searches[0]).describe() == BeirSearchRetriever(searches[0]).describe()
    assert BeirSearchRetriever(searches[0]).describe() != BeirSearchRetriever(searches[1]).describe()
    named = [BeirSearchRetriever(search, identity="v1").describe() for search in searches]
    assert named[0] == named[1]


def test_what_a_user_may_hand_over(encode: Encode, partly_parallel: Dataset) -> None:
    """Every kind of retriever comes in through one door, and other things are refused with a line."""
    dense = DenseRetriever(encode)
    assert as_retriever(dense) is dense
    assert as_retriever(encode).describe()["type"] == "dense"
    assert as_retriever(Scripted(lambda *_: {})).describe()["type"] == "beir-search"
    with pytest.raises(RetrieverError, match="int is no retriever"):
        as_retriever(5)
    with pytest.raises(RetrieverError, match="DenseRetriever is a class; give an object of it"):
        as_retriever(DenseRetriever)
    with pytest.raises(RetrieverError, match="int has no method search"):
        BeirSearchRetriever(5)


def test_beir_methods_that_are_not_needed_say_so(encode: Encode) -> None:
    """BEIR's abstract methods exist and point to the ones to call."""
    with pytest.raises(RetrieverError, match=r"call search\(\) or retrieve\(\)"):
        DenseRetriever(encode).encode({}, {})
    with pytest.raises(RetrieverError, match="reads no embedding files"):
        DenseRetriever(encode).search_from_files()
