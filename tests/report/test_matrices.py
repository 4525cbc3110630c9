"""Squares of query language by passage language."""

from __future__ import annotations

import pytest

from beir_hybrid.report.matrices import Cell, _cell, difference, measures
from tests.systems_made import Made


def test_the_squares_there_are(made: Made) -> None:
    """The pool's reciprocal ranks as measured; mono on the diagonal of the pairs, cross beside it."""
    found = {measure.key: measure for measure in measures(made.contents)}
    assert list(found) == ["multi", "shares", "map", "ndcg@10", "recall@1"]
    wide = made.contents.results[0]
    assert found["multi"].matrices[wide.name]["de", "en"] == wide.matrix["de"]["en"]
    shares = found["shares"].matrices[wide.name]
    assert shares["de", "en"] == wide.value("multi", "language_share@10:en", "de")
    assert sum(shares["de", passage] for passage in wide.languages) == pytest.approx(1.0)
    assert found["map"].matrices[wide.name]["de", "de"] == pytest.approx(wide.value("mono", "map", "de"))
    assert found["map"].matrices[wide.name]["de", "en"] == pytest.approx(wide.value("cross", "map", "de", "en"))


def test_a_difference_needs_both() -> None:
    """What one of them lacks has none."""
    one, two = {("de", "de"): 0.5, ("de", "en"): 1.0}, {("de", "de"): 0.25, ("en", "de"): 1.0}
    assert difference(one, two) == {("de", "de"): 0.25}


@pytest.mark.parametrize(
    ("value", "signed", "cell"),
    [
        (0.5, False, Cell(".50", 12)), (0.7, False, Cell(".70", 18)), (0.996, False, Cell("1", 25)),
        (-0.25, True, Cell("−.25", -12)), (0.5, True, Cell("+.50", 25)),
        (0.004, True, Cell(".00", 0)), (None, True, None),
    ],
)  # fmt: skip
def test_a_number_and_its_colour(value: float | None, signed: bool, cell: Cell | None) -> None:
    """Two decimals, a sign where there is one to see, and a share of all shades."""
    assert _cell(value, 0.5 if signed else 1.0, signed=signed) == cell
