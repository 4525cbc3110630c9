"""Results in memory and on disk."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.errors import ResultsError
from beir_hybrid.evaluation.results import Results, read_results
from beir_hybrid.evaluation.scores import Score, mean_or_none

RESULTS = Results(
    "toy-model", "toy", "test", {"type": "dense", "fingerprint": "f"},
    [
        Score("mono", "de", "de", "map", 0.5, 10),
        Score("mono", "en", "en", "map", 1.0, 20, missing_queries=2),
        Score("cross", "de", "en", "map", 0.25, 10),
        Score("multi", "de", "all", "rank_distance", None, 10),
        Score("multi", "en", "all", "rank_distance", 4.0, 20),
    ],
    matrix={"de": {"de": 0.5, "en": 0.25}},
    inputs={"top_k": 5},
    versions={"python": "3.11"},
    seconds=1.23456,
)  # fmt: skip


def test_the_summary_is_the_mean_over_languages_not_queries() -> None:
    """A language counts once, however many queries it has; an undefined one leaves the mean undefined."""
    assert RESULTS.summary == {"mono": {"map": 0.75}, "cross": {"map": 0.25}, "multi": {"rank_distance": None}}


def test_one_number_by_name() -> None:
    """What is not named is averaged over; a name that was not measured is an error."""
    assert RESULTS.value("mono", "map") == 0.75
    assert RESULTS.value("mono", "map", "en") == 1.0
    assert RESULTS.value("cross", "map", "de", "en") == 0.25
    assert RESULTS.value("multi", "rank_distance") is None
    with pytest.raises(ResultsError, match=r"toy-model holds no 'map' of multi:\*"):
        RESULTS.value("multi", "map")
    for asked, said in (
        (("mono", "mpa"), "toy-model holds no metric 'mpa'; did you mean 'map'?"),
        (("mlti", "map"), "toy-model holds no setting 'mlti'; did you mean 'multi'?"),
        (("mono", "map", "german"), "toy-model holds no 'map' of mono:german"),
    ):
        with pytest.raises(ResultsError, match=re.escape(said)):
            RESULTS.value(*asked)


def test_means_of_nothing_and_of_gaps_are_none() -> None:
    """None is never counted as zero or left out."""
    assert mean_or_none([]) is None
    assert mean_or_none([1.0, None]) is None
    assert mean_or_none([1.0, 2.0]) == 1.5


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """The file holds everything, in the documented shape."""
    RESULTS.write(tmp_path)
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["schema"] == 1
    assert record["scores"][0] == {
        "setting": "mono", "query_language": "de", "corpus_language": "de", "metric": "map", "value": 0.5,
        "queries": 10, "missing_queries": 0, "depth": None,
    }  # fmt: skip
    again = read_results(tmp_path)
    assert again.to_json() == {**RESULTS.to_json(), "seconds": 1.235}
    assert again.folder == tmp_path


def changed(**fields: Any) -> str:
    return json.dumps({**RESULTS.to_json(), **fields})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", r"results\.json:1: not valid JSON"),
        ("[]", "has schema None"),
        (changed(schema=2), "has schema 2; this version reads schema 1: upgrade beir-hybrid"),
        (json.dumps({"schema": 1, "name": "x"}), r"lacks or misnames a field \('dataset'\)"),
        (changed(scores=[{"metrik": 1}]), "lacks or misnames a field"),
        (changed(matrix=[1]), "lacks or misnames a field"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: str, problem: str) -> None:
    """Damaged files, other versions' files, files of something else."""
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(ResultsError, match=problem):
        read_results(tmp_path)


def test_a_folder_without_results_says_how_to_get_them(tmp_path: Path) -> None:
    """An empty folder, no folder, and the file where the folder is meant."""
    RESULTS.write(tmp_path / "full")
    for path in (tmp_path, tmp_path / "none", tmp_path / "full" / "results.json"):
        with pytest.raises(ResultsError, match=r"does not exist; give a folder that `beir-hybrid evaluate --out`"):
            read_results(path)
    with pytest.raises(ResultsError, match=r"Results is no folder; name the one that evaluate\(\.\.\., out=FOLDER\)"):
        read_results(RESULTS)  # what `compare` is handed in a notebook


def test_nan_never_gets_into_the_file(tmp_path: Path) -> None:
    """NaN is no JSON: writing it fails rather than making a file only Python reads."""
    bad = Results("x", "toy", "test", {}, [Score("mono", "de", "de", "map", float("nan"), 1)])
    with pytest.raises(ValueError, match="JSON"):
        bad.write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_two_processes_do_not_fill_one_folder(tmp_path: Path) -> None:
    """The second is told to wait; the lock stays, because removing it would let a third one in."""
    from beir_hybrid.evaluation.folder import ResultFolder

    with (
        ResultFolder.opened(tmp_path / "out", {"a": 1}, 100),
        pytest.raises(ResultsError, match="another process is evaluating into"),
        ResultFolder.opened(tmp_path / "out", {"a": 1}, 100),
    ):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.lock", "out"]
