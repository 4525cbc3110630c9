"""Expectations: carried ones, and those of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import ResultsError
from beir_hybrid.evaluation.results import read_results_file
from beir_hybrid.published.check import expectations, read_expectation

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.bm25-*.json")), ids=lambda path: path.stem)
def test_our_committed_results_are_what_is_expected(path: Path) -> None:
    """The facts in the package are those of benchmarks/results, and are found by what the retriever says."""
    results = read_results_file(path)
    (found,) = (each for each in expectations() if each.is_about(results))
    assert set(found.languages) == set(results.languages)
    for score in found.scores:
        language = None if score.query_language == "mean" else score.query_language
        assert score.value == pytest.approx(results.value(score.setting, score.metric, language), abs=5.1e-5)


def test_miracl_expects_what_pyserini_published() -> None:
    """18 languages, both published metrics, of the analyzers that pyserini had, and a command to make them."""
    found = {each.match["variant"]: each for each in expectations() if each.dataset == "miracl"}
    assert len(found["anserini"].scores) == 36
    assert found["anserini"].source == "pyserini-1.6.0"
    assert "evaluate miracl --bm25 anserini" in found["anserini"].command


def test_miracl_expects_nothing_of_languages_that_are_read_otherwise() -> None:
    """Our default lower-cases Swahili and Yoruba, pyserini's run does not: other numbers are no failure."""
    found = {each.match["variant"]: each for each in expectations() if each.dataset == "miracl"}
    theirs, ours = (set(found[variant].languages) for variant in ("anserini", "language"))
    assert theirs - ours == {"sw", "yo"}
    assert {score.query_language for score in found["language"].scores} == ours
    assert "--bm25 anserini" in found["language"].note


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    """The least a file needs; the tolerance is half a point unless it says otherwise."""
    record: dict[str, Any] = {
        "name": "mine", "dataset": "sample", "split": "test", "languages": ["de"],
        "scores": [{"setting": "mono", "query_language": "de", "metric": "map", "value": 0.5}],
    }  # fmt: skip
    (tmp_path / "e.json").write_text(json.dumps(record))
    found = read_expectation(tmp_path / "e.json")
    assert found.scores[0].value == 0.5
    assert [found.allows(0.5, got) for got in (0.495, 0.505, 0.494, 0.506)] == [True, True, False, False]
    assert found.allows(400, 401.9)
    assert not found.allows(400, 402.1)


def test_the_results_of_another_run(tmp_path: Path) -> None:
    """A colleague's results.json is an expectation too: its means and its languages."""
    found = read_expectation(RESULTS / "xquad-r.bm25-language.json")
    there = {(score.setting, score.query_language, score.metric): score.value for score in found.scores}
    assert there["mono", "mean", "map"] == pytest.approx(0.7786, abs=5e-5)
    assert there["multi", "de", "same_language_share@10"] == pytest.approx(0.4727, abs=5e-5)
    assert ("multi", "mean", "rank_distance") not in there


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "e.json:1: not valid JSON"),
        ("[]", "e.json is no expectation"),
        ('{"name": "x"}', "is no expectation .KeyError: 'scores'"),
        ('{"name": "x", "dataset": "d", "split": "s", "languages": [], "scores": []}', "no scores"),
        ('{"scores": [{"setting": "duo", "query_language": "de", "metric": "map", "value": 1}]}', "setting 'duo'"),
    ],
)  # fmt: skip
def test_what_is_no_expectation_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The file is named, and what it should hold."""
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(ResultsError, match=message):
        read_expectation(tmp_path / "e.json")
    with pytest.raises(ResultsError, match=r"none\.json is not a file"):
        read_expectation(tmp_path / "none.json")
