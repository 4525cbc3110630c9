"""Consistency across query languages: against brute force, the paper's own properties, and rankings made by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beir_hybrid.metrics.consistency import OVERLAP, RBO, consistency, rank_biased_overlap
from beir_hybrid.records import Hits


def hits(rankings: list[list[int]]) -> Hits:
    """Rankings of passage positions, best first."""
    query = np.repeat(np.arange(len(rankings)), [len(each) for each in rankings])
    scores = np.concatenate([-np.arange(len(each), dtype=np.float32) for each in rankings] or [np.empty(0)])
    return Hits.sorted(len(rankings), query, np.array([p for each in rankings for p in each], dtype=np.int32), scores)


def rbo_by_the_book(one: list[int], other: list[int], p: float) -> float:
    """Equation 32 as it stands in the paper: S the shorter list of length s, L the longer of length l."""
    shorter, longer = sorted((one, other), key=len)
    s, n = len(shorter), len(longer)
    if s == 0:
        return 0.0

    def x(d: int) -> int:
        return len({*shorter[:d]} & {*longer[:d]})

    first = sum(x(d) / d * p**d for d in range(1, n + 1))
    second = sum(x(s) * (d - s) / (s * d) * p**d for d in range(s + 1, n + 1))
    return (1 - p) / p * (first + second) + ((x(n) - x(s)) / n + x(s) / s) * p**n


lists = st.lists(st.integers(0, 14), unique=True, max_size=12)


@settings(max_examples=75, deadline=None)
@given(st.lists(st.tuples(lists, lists), min_size=1, max_size=4), st.sampled_from([0.5, 0.9, 0.98]))
def test_rbo_is_the_paper_s_equation(pairs: list[tuple[list[int], list[int]]], p: float) -> None:
    """For lists of any lengths; and it is symmetric and between 0 and 1."""
    one, other = hits([a for a, _ in pairs]), hits([b for _, b in pairs])
    found = rank_biased_overlap(one, other, p)
    assert found == pytest.approx([rbo_by_the_book(a, b, p) for a, b in pairs], abs=1e-12)
    assert rank_biased_overlap(other, one, p) == pytest.approx(found, abs=1e-12)
    assert np.all((found >= 0) & (found <= 1 + 1e-12))


def test_equal_rankings_agree_wholly_and_disjoint_ones_not_at_all() -> None:
    """1 and 0 whatever the length; a swap at the top costs more than one further down."""
    ten = list(range(10))
    found = rank_biased_overlap(
        hits([[1], ten, ten, ten, ten, []]),
        hits([[1], ten, [*ten[5:], 20, 21], [1, 0, *ten[2:]], [*ten[:8], 9, 8], [3]]),
    )
    assert found[[0, 1]] == pytest.approx([1, 1])
    assert 0 < found[2] < found[3] < found[4] < 1
    assert found[5] == 0


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_query_is_compared_with_the_same_question_in_the_other_languages(data: st.DataObject) -> None:
    """Brute force over pairs of languages; a question that nobody else asks has no value."""
    languages = ["de", "en", "th"]
    groups = {
        lang: data.draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=4), label=lang) for lang in languages
    }
    rankings = {lang: [data.draw(lists) for _ in groups[lang]] for lang in languages}
    found = consistency({lang: hits(rankings[lang]) for lang in languages}, groups, 15)
    for lang in languages:
        for row, group in enumerate(groups[lang]):
            pairs = [
                (rankings[lang][row], rankings[other][groups[other].index(group)])
                for other in languages
                if other != lang and group in groups[other]
            ]
            if not pairs:
                assert np.isnan(found[lang][OVERLAP][row]) and np.isnan(found[lang][RBO][row])
                continue
            overlap = np.mean([len({*a[:10]} & {*b[:10]}) / 10 for a, b in pairs])
            assert found[lang][OVERLAP][row] == pytest.approx(overlap)
            assert found[lang][RBO][row] == pytest.approx(np.mean([rbo_by_the_book(a, b, 0.9) for a, b in pairs]))


def test_the_mean_over_languages_is_that_over_pairs_of_parallel_queries() -> None:
    """Three languages, two questions, worked out by hand for the overlap: 3, 1 and 3 shared, then 0, 0 and 10."""
    rankings = {
        "de": [[*range(10)], [*range(10)]],
        "en": [[0, 1, 2, *range(10, 17)], [*range(10, 20)]],
        "th": [[0, 10, 11, *range(20, 27)], [*range(19, 9, -1)]],
    }
    found = consistency(
        {lang: hits(each) for lang, each in rankings.items()}, {lang: ["x", "y"] for lang in rankings}, 100
    )
    pairs = [(0.3, 0.0), (0.1, 0.0), (0.3, 1.0)]  # de-en, de-th, en-th: en and th share 0, 10 and 11
    assert np.mean([np.mean(each[OVERLAP]) for each in found.values()]) == pytest.approx(np.mean(pairs))
    assert found["de"][OVERLAP].tolist() == pytest.approx([0.2, 0.0])
    by_pair = [
        np.mean([rbo_by_the_book(a, b, 0.9) for a, b in zip(rankings[one], rankings[other], strict=True)])
        for one, other in itertools.combinations(rankings, 2)
    ]
    assert np.mean([np.mean(each[RBO]) for each in found.values()]) == pytest.approx(np.mean(by_pair))


def test_a_small_pool_and_short_lists() -> None:
    """A pool of 4 is wholly shared at 4; passages that were not retrieved are not shared; deeper ones are cut."""
    found = consistency({"de": hits([[0, 1, 2, 3]]), "en": hits([[3, 2, 1, 0]])}, {"de": ["x"], "en": ["x"]}, 4)
    assert found["de"][OVERLAP].tolist() == [1.0]
    found = consistency({"de": hits([[0, 1]]), "en": hits([[1]])}, {"de": ["x"], "en": ["x"]}, 400)
    assert found["en"][OVERLAP].tolist() == [0.1]
    deep = {"de": hits([[*range(150)]]), "en": hits([[*range(100), *range(300, 350)]])}
    assert consistency(deep, {"de": ["x"], "en": ["x"]}, 400)["de"][RBO].tolist() == pytest.approx([1.0])
