"""Paired tests of a study: the baseline within the other factors, the project's own test, Holm over a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beir_hybrid.comparison import compare
from beir_hybrid.comparison.correction import correct
from beir_hybrid.studies.analysis.measured import read_measured
from beir_hybrid.studies.analysis.options import parse_options
from beir_hybrid.studies.analysis.paired import paired_tests
from beir_hybrid.studies.outcome import StudyOutcome
from tests.studies.analysis.made import flat, make_results, make_study

TWO = {"alpha": (0.0, 1.0), "encoder": ("small", "large")}


Tests = tuple[list[Any], list[str]]


def against_baseline(outcome: StudyOutcome) -> Tests:
    """The tests, with the label of what is tested, and the notes."""
    measured = read_measured(outcome)
    tests, notes = paired_tests(measured, parse_options(outcome.analysis, outcome.factors))
    tests["label"] = [measured.label(at) for at in tests.combination]
    return list(tests.itertuples()), notes


def of(found: Tests, label: str, setting: str = "mono", metric: str = "map") -> Any:
    """The test of a macro mean."""
    wanted = (label, setting, metric, "mean")
    return next(t for t in found[0] if (t.label, t.setting, t.metric, t.query_language) == wanted)


def better_when_mixed(cell: Mapping[str, Any], setting: str, query: str, passage: str) -> float:
    """Hybrid gains .1 with the small encoder, nothing with the large one, which is better by .2."""
    large = cell["encoder"] == "large"
    return 0.4 + 0.2 * large + 0.1 * (cell["alpha"] == 0 and not large)


def test_the_baseline_is_matched_within_the_other_factors(tmp_path: Path) -> None:
    """Each encoder's hybrid is compared with the same encoder's mono, not with another encoder's."""
    outcome = make_study(tmp_path, better_when_mixed, factors=TWO, analysis={"baseline": {"alpha": 1}}, luck=0.001)
    tests = against_baseline(outcome)
    small, large = of(tests, "alpha=0, encoder=small"), of(tests, "alpha=0, encoder=large")
    assert (small.baseline, large.baseline) == ("alpha=1, encoder=small", "alpha=1, encoder=large")
    assert small.delta == pytest.approx(0.1, abs=0.01)
    assert small.mark == "better" and small.seeds_agreeing == small.seeds == 3
    assert large.delta == pytest.approx(0, abs=0.01)
    assert not any(test.label.startswith("alpha=1") for test in tests[0])


def test_with_one_seed_it_is_the_comparison_of_the_folders(tmp_path: Path) -> None:
    """Difference, interval and p are those `compare` gives for the same two folders."""
    outcome = make_study(
        tmp_path, lambda c, s, q, p: 0.5 + 0.01 * c["alpha"], factors={"alpha": (1, 0)}, seeds=(1,),
        settings=("mono", "multi"),
    )  # fmt: skip
    base, other = (cell.results["toy"] for cell in outcome.cells)
    rows = {(r.setting, r.metric): r for r in compare([base, other]).rows if r.is_mean and r.name == other.name}
    for key in (("mono", "map"), ("multi", "map"), ("multi", "rank_distance")):
        test = of(against_baseline(outcome), "alpha=0", *key)
        for field in ("delta", "ci_low", "ci_high", "p", "wins", "losses", "queries"):
            assert getattr(test, field) == getattr(rows[key], field)


def test_holm_is_over_the_table(tmp_path: Path) -> None:
    """All combinations and settings of one metric's means are one family; the languages of a setting another."""
    outcome = make_study(
        tmp_path, lambda c, s, q, p: 0.5 + 0.01 * c["alpha"], settings=("mono", "multi"), analysis={"draws": 500}
    )
    tests = [test for test in against_baseline(outcome)[0] if test.metric == "map"]
    means = [test for test in tests if test.query_language == "mean"]
    mono = [test for test in tests if test.query_language != "mean" and test.setting == "mono"]
    assert (len(means), len(mono)) == (4, 12)
    for family in (means, mono):
        assert [test.p_corrected for test in family] == correct([test.p for test in family], "holm").tolist()


def test_what_could_not_be_marked_is_said(tmp_path: Path) -> None:
    """Too few draws for Holm over twelve tests, or too few question groups."""
    analysis = {"draws": 50}
    outcome = make_study(tmp_path / "a", flat, settings=("mono", "multi"), seeds=(1,), analysis=analysis)
    said = "of 12 tests Holm's correction leaves no p below 0.235 at 50 draws: set more draws"
    assert against_baseline(outcome)[1] == [said]
    few = make_study(tmp_path / "b", flat, questions=4, seeds=(1,))
    assert against_baseline(few)[1] == [
        "toy: with 4 question groups no p can be below 0.125, too few to show a difference"
    ]


def test_seeds_are_paired(tmp_path: Path) -> None:
    """Only seeds both have; without any, or without a baseline, the reason is told."""
    outcome = make_study(tmp_path, flat, seeds=(1, 2))
    gone = {(0.0, 2), (1.0, 1)}
    cells = tuple(
        replace(cell, status="failed") if (cell.factors["alpha"], cell.seed) in gone else cell for cell in outcome.cells
    )
    found = against_baseline(replace(outcome, cells=cells))
    assert of(found, "alpha=0.5").seeds == 1
    assert found[1] == ["toy, alpha=1: not tested, no seed in common with the baseline alpha=0"]
    nothing = tuple(replace(cell, status="failed") if cell.factors["alpha"] == 0 else cell for cell in outcome.cells)
    _, notes = against_baseline(replace(outcome, cells=nothing))
    assert notes[0] == "toy, alpha=0.5: not tested, its baseline alpha=0 was not measured"


def test_a_baseline_that_the_grid_leaves_out_is_not_another_one(tmp_path: Path) -> None:
    """Large models were never trained with alpha 1: theirs are not tested, and the reason is told."""
    outcome = make_study(tmp_path, flat, factors=TWO, seeds=(1,), analysis={"baseline": {"alpha": 1.0}, "draws": 20})
    there = tuple(cell for cell in outcome.cells if cell.factors != {"alpha": 1.0, "encoder": "large"})
    found = against_baseline(replace(outcome, cells=there))
    assert {(test.label, test.baseline) for test in found[0]} == {
        ("alpha=0, encoder=small", "alpha=1, encoder=small"),
    }  # fmt: skip
    assert "toy, alpha=0, encoder=large: not tested, its baseline alpha=1, encoder=large was not measured" in found[1]


def test_a_cell_of_more_languages_is_tested_in_those_of_its_baseline(tmp_path: Path) -> None:
    """What the others lack is left out of the test as it is of the means."""
    outcome = make_study(tmp_path, flat, seeds=(1,), languages=("de", "en"), factors={"alpha": (0, 1)})
    wide = make_results(tmp_path / "wide", lambda *_: 0.9, np.random.default_rng(0), languages=("de", "en", "th"))
    one, two = outcome.cells
    tests, _ = against_baseline(replace(outcome, cells=(one, replace(two, results={"toy": wide}))))
    assert [test.query_language for test in tests if test.metric == "map"] == ["mean", "de", "en"]


def test_without_scores_by_query_there_is_a_note(tmp_path: Path) -> None:
    """A lost parquet file costs the tests of its cell, and no others: those are over the seeds that can be read."""
    outcome = make_study(tmp_path, flat, seeds=(1, 2))
    whole = {test.label: test for test in against_baseline(outcome)[0] if test.query_language == "mean"}
    (outcome.cells[2].results["toy"] / "per_query.parquet").unlink()
    found = against_baseline(outcome)
    assert [note.partition(" (")[0] for note in found[1]] == ["toy, alpha=0.5, seed 1: not tested"]
    half, one = of(found, "alpha=0.5"), of(found, "alpha=1")
    assert (half.seeds, one.seeds, one.delta) == (1, 2, whole["alpha=1"].delta)
    only = replace(outcome, cells=outcome.cells[1::2])
    assert half.delta == of(against_baseline(only), "alpha=0.5").delta
    for at in (0, 1):
        (outcome.cells[at].results["toy"] / "per_query.parquet").write_bytes(b"damaged")
    found = against_baseline(outcome)
    assert found[0] == []
    assert found[1][-1] == "toy, alpha=1: not tested, its baseline alpha=0 was not measured"


def test_a_folder_shared_by_cells_is_no_obstacle(tmp_path: Path) -> None:
    """Cells of equal content are stored once: their folders are the same."""
    outcome = make_study(tmp_path, flat, seeds=(1,), factors={"alpha": (0, 1)})
    shared = outcome.cells[0].results
    cells = tuple(replace(cell, results=shared) for cell in outcome.cells)
    test = of(against_baseline(replace(outcome, cells=cells)), "alpha=1")
    assert (test.delta, test.p, test.mark) == (0.0, 1.0, None)


def test_the_luck_of_a_training_has_no_mark(tmp_path: Path) -> None:
    """Two seeds that differ in sign: beyond chance for these models, and no difference to be marked."""
    outcome = make_study(tmp_path, flat, factors={"alpha": (0, 1)}, seeds=(2, 3), luck=0.1, noise=0.002, questions=14)
    test = of(against_baseline(outcome), "alpha=1")
    assert test.p_corrected < 0.05
    assert (test.seeds_agreeing, test.mark) == (1, None)
    assert test.seeds_low < 0 < test.seeds_high


def test_seeds_differ_as_their_means_do(tmp_path: Path) -> None:
    """The mean of the seeds' differences is the difference of the averaged queries, in every row."""
    outcome = make_study(tmp_path, lambda c, s, q, p: 0.4 + 0.1 * c["alpha"], settings=("mono", "multi"))
    for test in against_baseline(outcome)[0]:
        assert (test.seeds_low + test.seeds_high) / 2 == pytest.approx(test.delta, abs=1e-12)
