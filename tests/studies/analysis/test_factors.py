"""Factors: values told apart by what they mean, and written in few words."""

from __future__ import annotations

from beir_hybrid.studies.analysis.factors import combination_label, combination_of, factors_of, make_factor
from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome


def test_values_that_mean_the_same_are_one() -> None:
    """1 and 1.0, a list and a tuple, a table in another order; true is not 1."""
    factor = make_factor("x", [1, 1.0, [1, 2], (1.0, 2), {"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True])
    assert factor.values == (1, [1, 2], {"a": 1, "b": 2}, True)
    assert factor.labels == ("1", "1+2", "a=1 b=2", "true")
    assert factor.place(1.0) == 0
    assert factor.place("1") is None


def test_labels_differ_where_values_do() -> None:
    """Two tables of one name, a text too long, a text that reads as a number."""
    factor = make_factor("x", [{"name": "small", "width": 1}, {"name": "small", "width": 2}, "y" * 50, "1", 1])
    assert factor.labels == ("small", "small #2", "y" * 39 + "…", "1", "1 #5")


def test_numbers() -> None:
    """Only numbers are a quantity; booleans are not."""
    assert make_factor("alpha", [0, 0.5]).numeric
    assert not make_factor("flag", [True, False]).numeric
    assert not make_factor("mixed", [0.5, {"alpha": 1, "alpha_end": 0}]).numeric


def test_the_order_is_that_of_the_study_file() -> None:
    """What a cell has besides comes after; a factor that does not vary is not in the label."""
    cells = tuple(CellOutcome({"alpha": a, "kind": "k"}, 1, "missing") for a in (2, 1, 0))
    factors = factors_of(StudyOutcome("s", "", "", {"alpha": (0, 1)}, cells))
    assert [factor.values for factor in factors] == [(0, 1, 2), ("k",)]
    combination = combination_of(factors, cells[0].factors)
    assert combination_label(factors, combination) == "alpha=2"
    assert combination_label(factors[1:], (0,)) == "all"
