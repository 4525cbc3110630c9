"""Corrections, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beir_hybrid.comparison.correction import correct


def test_holm_by_hand() -> None:
    """.01 x 4, .02 x 3, .03 x 2 (raised to what is before it), .04 x 1 likewise; in the order given."""
    assert correct([0.04, 0.01, 0.03, 0.02], "holm").tolist() == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_benjamini_hochberg_by_hand() -> None:
    """.01 x 4/1, .02 x 4/2, .03 x 4/3, .2 x 4/4, each lowered to the least of those after it."""
    assert correct([0.2, 0.01, 0.03, 0.02], "bh").tolist() == pytest.approx([0.2, 0.04, 0.04, 0.04])


def test_nothing_to_correct() -> None:
    """No correction leaves p values alone; a family of one or none is its own correction."""
    assert correct([0.04, 0.01], "none").tolist() == [0.04, 0.01]
    for correction in ("holm", "bh", "none"):
        assert correct([0.3], correction).tolist() == [0.3]
        assert correct([], correction).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.sampled_from(["holm", "bh"]))
def test_corrected_values_never_shrink_or_change_order(p: list[float], correction: str) -> None:
    """A corrected p value is at least the p value, at most 1, and smaller p values stay smaller."""
    corrected = correct(p, correction).tolist()
    assert all(one <= other + 1e-12 and other <= 1 for one, other in zip(p, corrected, strict=True))
    order = sorted(range(len(p)), key=lambda at: p[at])
    assert [corrected[at] for at in order] == sorted(corrected)
