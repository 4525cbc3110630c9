"""Factors: values told apart by what they mean, and written in few words."""

from __future__ import annotations

from beir_hybrid.studies.analysis.measured import Factor, combination_label, read_measured
from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome


def test_values_that_mean_the_same_are_one() -> None:
    """1 and 1.0; true is not 1, nor is text."""
    factor = Factor("x", (1, True, "1", 0.5))
    assert factor.labels == ("1", "true", "1", "0.5")
    assert [factor.place(value) for value in (1.0, True, "1", 0.5, False, "x")] == [0, 1, 2, 3, None, None]


def test_numbers() -> None:
    """Only numbers are a quantity; booleans are not."""
    assert Factor("alpha", (0, 0.5)).numeric
    assert not Factor("flag", (True, False)).numeric
    assert not Factor("mixed", (0.5, "falling")).numeric


def test_the_order_is_that_of_the_study_file() -> None:
    """What a cell has besides comes after; a factor that does not vary is not in the label."""
    cells = tuple(CellOutcome({"alpha": a, "kind": "k"}, 1, "missing") for a in (2, 1, 0))
    measured = read_measured(StudyOutcome("s", "", "", {"alpha": (0, 1)}, cells))
    assert [factor.values for factor in measured.factors] == [(0, 1, 2), ("k",)]
    assert [measured.label(at) for at in range(3)] == ["alpha=0", "alpha=1", "alpha=2"]
    assert combination_label(measured.factors[1:], (0,)) == "all"
