"""ranx's Report of a comparison: what ranx users do with it, without its traps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid import compare
from beir_hybrid.errors import ComparisonError


def scores(seed: int, better: float = 0.0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    values = (rng.random(30) / 2 + better).tolist()
    distances = (10 + 100 * (0.9 - better) * rng.random(30)).tolist()
    share = rng.random(30).tolist()
    return {"multi:de": {"map": values, "rank_distance": distances, "same_language_share@10": share}}


@pytest.fixture
def comparison(make_folder: Any) -> Any:
    folders = [make_folder("BM25 One", scores(0)), make_folder("dense_2", scores(1, 0.4))]
    return compare(folders, draws=500)


@pytest.mark.slow
def test_bias_metrics_are_first_class(comparison: Any) -> None:
    """Beside map stands the rank distance, and the lower one has the mark; a share has none."""
    report = comparison.to_ranx_report()
    head, _, one, two = str(report).splitlines()
    assert "Rank distance" in head and "MAP" in head and "Same-language share@10" in head
    assert "ᵃ" not in one and "ᵇ" not in one
    assert two.count("ᵃ") == 2


def test_latex_emboldens_the_lower_distance(comparison: Any) -> None:
    """The best of a lower-is-better metric is the least; of a share neither the highest nor the lowest is."""
    latex = comparison.to_ranx_report().to_latex()
    row = {row.metric: row.value for row in comparison.select(name="dense_2", query_language="de")}
    assert f"\\textbf{{{row['rank_distance']:.3f}}}" in latex
    assert f"\\textbf{{{row['map']:.3f}}}" in latex
    assert latex.count("\\textbf{0.") + latex.count(f"\\textbf{{{row['rank_distance']:.3f}}}") == 2
    shares = [f"{each.value:.3f}" for each in comparison.select("multi", "same_language_share@10", query_language="de")]
    assert all(share in latex and f"\\textbf{{{share}}}" not in latex for share in shares)


def test_means_and_p_values_are_ours(comparison: Any) -> None:
    """The report says what the rows say."""
    report = comparison.to_ranx_report("multi").to_dict()
    (row,) = comparison.select("multi", "map", "dense_2", "mean")
    assert report["dense_2"]["scores"]["map"] == row.value
    assert report["dense_2"]["comparisons"]["BM25 One"]["map"] == pytest.approx(row.p)
    assert report["dense_2"]["win_tie_loss"]["BM25 One"]["map"] == {"W": row.wins, "T": row.ties, "L": row.losses}
    assert (
        report["BM25 One"]["win_tie_loss"]["dense_2"]["rank_distance"]["W"]
        == comparison.select("multi", "rank_distance", "dense_2", "mean")[0].losses
    )
    assert comparison.to_ranx_report().to_dataframe().shape == (2, 4)


@pytest.mark.parametrize("test", ["permutation", "student", "tukey"])
def test_identical_runs_save_valid_json(make_folder: Any, tmp_path: Path, test: str) -> None:
    """ranx's Student p of identical runs is NaN, and its file then is no JSON."""
    report = compare([make_folder("a", scores(0)), make_folder("b", scores(0))], test=test, draws=100).to_ranx_report()
    report.save(str(tmp_path / "report.json"))
    saved = json.loads((tmp_path / "report.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert saved["a"]["comparisons"]["b"]["map"] == 1.0
    assert saved["stat_test"] == test
    assert report.to_latex()


def test_names_keep_their_case_and_same_names_their_rows(make_folder: Any) -> None:
    """ranx merges runs of one name into one row."""
    folders = [make_folder("x/out", scores(0), name="BM25"), make_folder("y/out", scores(1), name="BM25")]
    assert compare(folders, draws=100).to_ranx_report().model_names == ["BM25 (x/out)", "BM25 (y/out)"]


@pytest.mark.slow
def test_more_than_26_systems(make_folder: Any) -> None:
    """ranx has 26 letters: the next ones have a digit."""
    rng = np.random.default_rng(0)
    tasks = [
        {"mono:de": {"map": (rng.random(30) / 9 + (0.5 if at > 25 else 0.8 * (at == 0))).tolist()}} for at in range(28)
    ]
    report = compare(
        [make_folder(f"s{at}", task) for at, task in enumerate(tasks)], draws=100, test="student"
    ).to_ranx_report()
    lines = str(report).splitlines()
    assert lines[-1].split()[0] == "b1"
    assert "ᵇᶜ" in lines[-1] and next(line for line in lines if line.startswith("a ")).endswith("ʸᶻᵃ¹ᵇ¹")
    assert "a1 &\ns26 &" in report.to_latex()


def test_a_single_system_and_a_single_query(make_folder: Any) -> None:
    """No pair, and no spread: still a table."""
    folder = make_folder("a", {"mono:de": {"map": [0.5]}})
    assert "0.5" in str(compare([folder]).to_ranx_report())
    other = make_folder("b", {"mono:de": {"map": [0.25]}})
    report = compare([folder, other], test="student").to_ranx_report()
    assert report.to_dict()["a"]["comparisons"]["b"]["map"] is None
    assert "0.25" in str(report)


def test_the_same_numbers_every_time(comparison: Any) -> None:
    """ranx's own randomisation test ignores its seed across threads; ours does not."""
    assert comparison.to_ranx_report().to_dict() == comparison.to_ranx_report().to_dict()


def test_what_was_not_compared(comparison: Any) -> None:
    """A setting or language that is not there."""
    with pytest.raises(ComparisonError, match="mono:\\* was not compared"):
        comparison.to_ranx_report("mono")
    with pytest.raises(ComparisonError, match="multi:fr was not compared"):
        comparison.to_ranx_report("multi", "fr")


def test_what_has_no_value_by_query_is_left_out(make_folder: Any) -> None:
    """PEER is of all queries at once; a rank distance of one query is not known."""
    folders = []
    for name, seed in (("a", 0), ("b", 1)):
        task = scores(seed)
        task["multi:de"]["rank_distance"][3] = None
        folders.append(make_folder(name, task, overall={"peer": 0.5}))
    assert compare(folders, draws=100).to_ranx_report().metrics == ["map", "same_language_share@10"]


def test_it_marks_what_compare_marks(make_folder: Any) -> None:
    """In one language of many the correction is that of the comparison, with all languages in the family."""
    rng = np.random.default_rng(4)
    languages = ["ar", "de", "en", "es", "hi", "ru", "th", "zh"]
    one = {f"mono:{x}": {"map": rng.random(40).tolist()} for x in languages}
    two = {task: {"map": (np.array(own["map"]) + rng.normal(0.09, 0.22, 40)).tolist()} for task, own in one.items()}
    folders = [make_folder(name, task, inputs={"languages": languages}) for name, task in (("a", one), ("b", two))]
    comparison = compare(folders, draws=1000)
    marks = []
    for language in languages:
        (row,) = comparison.select("mono", "map", "b", language)
        report = comparison.to_ranx_report("mono", language)
        assert report.to_dict()["b"]["comparisons"]["a"]["map"] == row.p
        marked = "ᵃ" in str(report).splitlines()[-1] or "ᵇ" in str(report).splitlines()[-2]
        assert marked == comparison.is_significant(row)
        marks.append((marked, row.p <= 0.05))
    assert (True, True) in marks
    assert (False, True) in marks, "one that is marked only without the correction"


def test_every_mean_and_count(make_folder: Any) -> None:
    """Of one pair of languages, of one query language and of all; wins, ties and losses by query, none of a share."""
    a, b = [0.5, 0.5, 0.5, 0.2], [0.5, 0.7, 0.9, 0.1]
    made = [
        make_folder(name, {"cross:de-en": {"map": one, "same_language_share@10": one}, "cross:en-de": {"map": two},
                           "cross:en-fr": {"map": one}})
        for name, one, two in (("a", a, b), ("b", b, a))
    ]  # fmt: skip
    comparison = compare(made, draws=100)
    found = [comparison.to_ranx_report("cross", *only).to_dict() for only in (("de", "en"), ("en",), (None, "de"), ())]
    means = [[round(each[name]["scores"]["map"], 9) for name in "ab"] for each in found]
    assert means == [[0.425, 0.55], [0.4875, 0.4875], [0.55, 0.425], [round(1.4 / 3, 9), round(1.525 / 3, 9)]]
    counts = [[each[one]["win_tie_loss"][two]["map"] for one, two in ("ab", "ba")] for each in found]
    won, lost = {"W": 2, "T": 1, "L": 1}, {"W": 1, "T": 1, "L": 2}
    both = {"W": 3, "T": 2, "L": 3}
    assert counts == [[lost, won], [both, both], [won, lost], [{"W": 4, "T": 3, "L": 5}, {"W": 5, "T": 3, "L": 4}]]
    assert found[0]["b"]["win_tie_loss"]["a"]["same_language_share@10"] == {"W": 0, "T": 0, "L": 0}
