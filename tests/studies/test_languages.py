"""Growing sets of training languages."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from beir_hybrid.errors import StudyError
from beir_hybrid.studies.factors import Order
from beir_hybrid.studies.plan import subset

XQUAD = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")


def test_by_the_size_of_cc100() -> None:
    """English (300.8 GiB) and Russian (278) come first, Hindi (20.2) and Turkish (20.9) last; equal sizes by code."""
    largest = ("en", "ru", "vi", "th", "de", "es", "el", "zh", "ar", "tr", "hi")
    for count in range(1, 12):
        assert subset(XQUAD, count, "largest-first", 1) == tuple(sorted(largest[:count]))
    assert subset(XQUAD, 3, "smallest-first", 1) == ("ar", "hi", "tr")


@pytest.mark.parametrize("order", get_args(Order))
@pytest.mark.parametrize("seed", [1, 2])
def test_subsets_are_nested(order: Order, seed: int) -> None:
    """What a smaller number of languages is trained on, a larger one is too."""
    sets = [set(subset(XQUAD, count, order, seed)) for count in (2, 4, 8, 11)]
    assert all(small < large for small, large in itertools.pairwise(sets))
    assert [len(each) for each in sets] == [2, 4, 8, 11]


def test_a_random_order_is_that_of_its_seed() -> None:
    """The same for all cells of a seed, whatever order the languages are given in; other seeds have others."""
    assert subset(XQUAD, 3, "random", 1) == subset(tuple(reversed(XQUAD)), 3, "random", 1)
    assert len({subset(XQUAD, 3, "random", seed) for seed in range(5)}) == 5


def test_refusals() -> None:
    """More languages than there are, and a language whose size nobody knows."""
    with pytest.raises(StudyError, match="language_count is 3, but there are 2 training languages: de, en"):
        subset(("de", "en"), 3, "random", 1)
    with pytest.raises(StudyError, match="the size of CC-100 in 'xx' is not known; use order = \"random\""):
        subset(("de", "xx"), 1, "largest-first", 1)
    assert subset(("de", "xx"), 2, "random", 1) == ("de", "xx")
