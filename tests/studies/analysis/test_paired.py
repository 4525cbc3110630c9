"""Paired tests of a study: the baseline within the other factors, the project's own test, Holm over a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beir_hybrid.comparison import compare
from beir_hybrid.comparison.correction import correct
from beir_hybrid.studies.analysis.measurements import read_measurements
from beir_hybrid.studies.analysis.options import parse_options
from beir_hybrid.studies.analysis.paired import PairedTests, paired_tests
from beir_hybrid.studies.outcome import StudyOutcome
from tests.studies.analysis.made import flat, make_study

TWO = {"alpha": (0.0, 1.0), "encoder": ("small", "large")}


def against_baseline(outcome: StudyOutcome) -> PairedTests:
    measured = read_measurements(outcome)
    return paired_tests(measured, parse_options(outcome.analysis, outcome.factors))


def better_when_mixed(cell: Mapping[str, Any], setting: str, query: str, passage: str) -> float:
    """Hybrid gains .1 with the small encoder, nothing with the large one, which is better by .2."""
    large = cell["encoder"] == "large"
    return 0.4 + 0.2 * large + 0.1 * (cell["alpha"] == 0 and not large)


def test_the_baseline_is_matched_within_the_other_factors(tmp_path: Path) -> None:
    """Each encoder's hybrid is compared with the same encoder's mono, not with another encoder's."""
    outcome = make_study(tmp_path, better_when_mixed, factors=TWO, analysis={"baseline": {"alpha": 1}}, luck=0.001)
    tests = against_baseline(outcome)
    small, large = tests.of("toy", "mono", "map", (0, 0)), tests.of("toy", "mono", "map", (0, 1))
    assert small is not None and large is not None
    assert (small.baseline, large.baseline) == ((1, 0), (1, 1))
    assert small.row.delta == pytest.approx(0.1, abs=0.01)
    assert small.significant and small.agreeing == small.seeds == 3
    assert large.row.delta == pytest.approx(0, abs=0.01)
    assert tests.of("toy", "mono", "map", (1, 0)) is None


def test_with_one_seed_it_is_the_comparison_of_the_folders(tmp_path: Path) -> None:
    """Difference, interval and p are those `compare` gives for the same two folders."""
    outcome = make_study(
        tmp_path, lambda c, s, q, p: 0.5 + 0.01 * c["alpha"], factors={"alpha": (1, 0)}, seeds=(1,),
        settings=("mono", "multi"),
    )  # fmt: skip
    base, other = (cell.results["toy"] for cell in outcome.cells)
    rows = {(r.setting, r.metric): r for r in compare([base, other]).rows if r.is_mean and r.name == other.name}
    for key in (("mono", "map"), ("multi", "map"), ("multi", "rank_distance")):
        test = against_baseline(outcome).of("toy", *key, (1,))
        assert test is not None
        for field in ("delta", "ci_low", "ci_high", "p", "wins", "losses", "queries"):
            assert getattr(test.row, field) == getattr(rows[key], field)


def test_holm_is_over_the_table(tmp_path: Path) -> None:
    """All combinations and settings of one metric's means are one family; the languages of a setting another."""
    outcome = make_study(
        tmp_path, lambda c, s, q, p: 0.5 + 0.01 * c["alpha"], settings=("mono", "multi"), analysis={"draws": 500}
    )
    tests = [test for test in against_baseline(outcome).tests if test.row.metric == "map"]
    means = [test.row for test in tests if test.row.is_mean]
    assert len(means) == 4
    assert [row.p_corrected for row in means] == correct([row.p or 0.0 for row in means], "holm").tolist()
    mono = [test.row for test in tests if not test.row.is_mean and test.row.setting == "mono"]
    assert len(mono) == 12
    assert [row.p_corrected for row in mono] == correct([row.p or 0.0 for row in mono], "holm").tolist()


def test_seeds_are_paired(tmp_path: Path) -> None:
    """Only seeds both have; without any, or without a baseline, the reason is told."""
    outcome = make_study(tmp_path, flat, seeds=(1, 2))
    gone = {(0.0, 2), (1.0, 1)}
    cells = tuple(
        replace(cell, status="failed") if (cell.factors["alpha"], cell.seed) in gone else cell for cell in outcome.cells
    )
    found = against_baseline(replace(outcome, cells=cells))
    half = found.of("toy", "mono", "map", (1,))
    assert half is not None and half.seeds == 1
    assert found.notes == ("toy, alpha=1: not tested, no seed in common with the baseline alpha=0",)
    nothing = tuple(replace(cell, status="failed") if cell.factors["alpha"] == 0 else cell for cell in outcome.cells)
    notes = against_baseline(replace(outcome, cells=nothing)).notes
    assert notes[0] == "toy, alpha=0.5: not tested, its baseline alpha=0 was not measured"


def test_without_scores_by_query_there_is_a_note(tmp_path: Path) -> None:
    """A lost parquet file costs the tests of its data set, not the analysis."""
    outcome = make_study(tmp_path, flat, seeds=(1,))
    (outcome.cells[0].results["toy"] / "per_query.parquet").unlink()
    found = against_baseline(outcome)
    assert found.tests == ()
    assert "toy, against alpha=0: not tested (" in found.notes[0]


def test_a_folder_shared_by_cells_is_no_obstacle(tmp_path: Path) -> None:
    """Cells of equal content are stored once: their folders are the same."""
    outcome = make_study(tmp_path, flat, seeds=(1,), factors={"alpha": (0, 1)})
    shared = outcome.cells[0].results
    cells = tuple(replace(cell, results=shared) for cell in outcome.cells)
    test = against_baseline(replace(outcome, cells=cells)).of("toy", "mono", "map", (1,))
    assert test is not None
    assert (test.row.delta, test.row.p) == (0.0, 1.0)


def test_the_luck_of_a_training_has_no_mark(tmp_path: Path) -> None:
    """Two seeds that differ in sign: beyond chance for these models, and no difference to be marked."""
    outcome = make_study(tmp_path, flat, factors={"alpha": (0, 1)}, seeds=(2, 3), luck=0.1, noise=0.002, questions=14)
    test = against_baseline(outcome).of("toy", "mono", "map", (1,))
    assert test is not None and test.row.p_corrected is not None
    assert test.row.p_corrected < 0.05
    assert (test.agreeing, test.significant) == (1, False)
    assert test.over_seeds.half is not None
    assert test.over_seeds.half > abs(test.row.delta or 0)


def test_seeds_differ_as_their_means_do(tmp_path: Path) -> None:
    """The mean of the seeds' differences is the difference of the averaged queries, in every row."""
    outcome = make_study(tmp_path, lambda c, s, q, p: 0.4 + 0.1 * c["alpha"], settings=("mono", "multi"))
    for test in against_baseline(outcome).tests:
        assert test.over_seeds.value == pytest.approx(test.row.delta, abs=1e-12)
