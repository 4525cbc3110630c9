"""BM25 as a BEIR search object."""

from __future__ import annotations

from pathlib import Path

import pytest

from beir_hybrid.errors import RetrieverError
from beir_hybrid.retrieval.bm25.retriever import BM25Retriever
from beir_hybrid.retrieval.bm25.runtimes import Jvm

pytestmark = [pytest.mark.java, pytest.mark.slow]

CORPUS = {
    "d1": {"title": "Häuser", "text": "Sie stehen am Fluss."},
    "d2": {"title": "", "text": "Ein Haus im Wald."},
    "d3": {"title": None, "text": "Der Wald."},
}


def test_evaluate_retrieval_works_in_german(jvm: Jvm, tmp_path: Path) -> None:
    """BEIR's own evaluation takes the results as they are: titles count, floats are Python's."""
    from beir.retrieval.evaluation import EvaluateRetrieval

    beir = EvaluateRetrieval(BM25Retriever(language="de", cache=tmp_path), k_values=[1, 3])
    results = beir.retrieve(CORPUS, {"q1": "Haus", "q2": "Wälder", "q3": "Auto"})
    assert {query: set(found) for query, found in results.items()} == {
        "q1": {"d1", "d2"},
        "q2": {"d2", "d3"},
        "q3": set(),
    }
    assert all(type(score) is float for found in results.values() for score in found.values())
    qrels = {"q1": {"d1": 1, "d2": 1}, "q2": {"d3": 1}, "q3": {"d1": 1}}
    assert beir.evaluate(qrels, results, [3])[2]["Recall@3"] == pytest.approx(2 / 3, abs=1e-5)


def test_a_passage_with_the_querys_id_is_left_out(jvm: Jvm, tmp_path: Path) -> None:
    """As in BEIR's dense search, and the cut still has top_k passages."""
    corpus = {name: {"text": "Haus"} for name in ("a", "b", "c")}
    results = BM25Retriever(language="de", cache=tmp_path).search(corpus, {"c": "Haus", "q": "Haus"}, top_k=2)
    assert {query: list(found) for query, found in results.items()} == {"c": ["b", "a"], "q": ["c", "b"]}


def test_what_has_no_meaning_is_a_clear_error(jvm: Jvm, tmp_path: Path) -> None:
    """Embedding calls say what to call instead."""
    search = BM25Retriever(cache=tmp_path)
    with pytest.raises(RetrieverError, match="own cache"):
        search.encode(CORPUS, {})
    with pytest.raises(RetrieverError, match="no embedding files"):
        search.search_from_files("q.pkl", ["c.pkl"], 10)
