"""Expected against got: OK, FAIL, or not measured."""

from __future__ import annotations

import dataclasses

import pytest

from beir_hybrid.errors import ResultsError
from beir_hybrid.published.check import Expectation, ExpectedScore, check, find_expectation
from beir_hybrid.published.leaderboard import name_in_results
from tests.results_made import made_results, multi_scores

WANTED = Expectation(
    "mine", "a file", "xquad-r", "test", ("ar", "de"),
    (
        ExpectedScore("mono", "mean", "map", 0.5),
        ExpectedScore("mono", "de", "map", 0.4),
        ExpectedScore("multi", "de", "map", 0.2),
    ),
)  # fmt: skip
BM25 = {"type": "bm25", "variant": "language", "k1": 0.9, "b": 0.4}


def test_within_the_tolerance_is_ok_beyond_it_fails() -> None:
    """Half a point either way; a setting that was not evaluated fails nothing."""
    made = check(made_results("x", {"ar": 0.604, "de": 0.404}), WANTED)
    assert [(row.status, row.got) for row in made.rows] == [
        ("OK", pytest.approx(0.504)), ("OK", 0.404), ("not measured", None),
    ]  # fmt: skip
    assert made.ok
    made = check(made_results("x", {"ar": 0.604, "de": 0.394}), WANTED)
    assert [row.status for row in made.rows] == ["OK", "FAIL", "not measured"]
    assert made.rows[1].difference == pytest.approx(-0.006)
    assert not made.ok


def test_a_value_that_is_not_defined_fails() -> None:
    """Measured, and no number: that is not what was expected."""
    assert [row.status for row in check(made_results("x", {"ar": 0.6, "de": None}), WANTED).rows[:2]] == ["FAIL"] * 2


def test_a_lower_bound_is_no_value() -> None:
    """It neither agrees with a number nor differs from it, and nothing is expected of it."""
    results = made_results("x", {"ar": 0.6, "de": 0.4}, metric="recall@100")
    wanted = [ExpectedScore("mono", lang, "recall@100", 0.4) for lang in ("ar", "de", "mean")]
    shallow = dataclasses.replace(results.scores[1], depth=5)
    results = dataclasses.replace(results, scores=[results.scores[0], shallow])
    made = check(results, dataclasses.replace(WANTED, scores=tuple(wanted)))
    assert [row.status for row in made.rows] == ["FAIL", "not measured", "not measured"]


def test_another_pool_gives_other_numbers() -> None:
    """With fewer languages a mean and the pooled setting are not compared, a language's own corpus is."""
    results = made_results("x", {"de": 0.4})
    results = dataclasses.replace(results, scores=[*results.scores, *multi_scores("de", map=0.2)])
    assert [row.status for row in check(results, WANTED).rows] == ["not measured", "OK", "not measured"]


def test_nothing_to_compare_is_an_error() -> None:
    """A check that checked nothing must not look like a success."""
    with pytest.raises(ResultsError, match="holds none of the 3 numbers"):
        check(made_results("x", {"el": 0.4}), WANTED)


def test_another_data_set_is_an_error() -> None:
    """Both data sets and splits are named."""
    with pytest.raises(ResultsError, match=r"x was measured on sample \(test\), but mine is of xquad-r \(test\)"):
        check(made_results("x", {"de": 0.4}, dataset="sample"), WANTED)


def test_the_expectation_is_found_by_what_the_retriever_says() -> None:
    """Default BM25 is known; another k1, another loading option, or another retriever is another experiment."""
    assert find_expectation(made_results("x", {"de": 0.4}, retriever=BM25)).name == "bm25-language"
    for results in (
        made_results("x", {"de": 0.4}, retriever={**BM25, "k1": 1.2}),
        made_results("x", {"de": 0.4}, retriever=BM25, dataset_options={"with_paragraph": True}),
        made_results("x", {"de": 0.4}),
    ):
        with pytest.raises(ResultsError, match=r"nothing is registered for x on xquad-r \(test\).*--expect FILE"):
            find_expectation(results)


def test_a_folder_called_like_a_published_data_set_is_said_to_be_a_folder() -> None:
    """Nothing is registered for it, though something is for the name."""
    results = made_results("x", {"de": 0.4}, retriever=BM25)
    own = dataclasses.replace(results, inputs={**results.inputs, "dataset_folder": "/mine/xquad-r"})
    with pytest.raises(ResultsError, match=r"x was measured on the folder /mine/xquad-r, .* give --expect FILE"):
        find_expectation(own)
    assert name_in_results("/mine/xquad-r", [own]) == "xquad-r"
    assert name_in_results("/mine/xquad-r", [results]) == "/mine/xquad-r"


def test_one_language_of_miracl_can_be_checked() -> None:
    """Whoever has Yoruba alone checks Yoruba; what pyserini published for the others is not measured."""
    results = made_results(
        "x", {"yo": 0.408}, dataset="miracl", split="dev", metric="ndcg@10", retriever=BM25 | {"variant": "anserini"}
    )
    made = check(results, find_expectation(results))
    assert [(row.query_language, row.expected, row.status) for row in made.rows if row.status != "not measured"] == [
        ("yo", 0.4059, "OK")
    ]
    assert made.count("not measured") == 35
