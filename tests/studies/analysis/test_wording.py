"""What is said of fits made by hand, word for word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from beir_hybrid.studies.analysis.design import Column, Part
from beir_hybrid.studies.analysis.fits import Estimate, Fit
from beir_hybrid.studies.analysis.formula import Formula, Variable
from beir_hybrid.studies.analysis.wording import method_words, notes, sentences

NOTHING = np.zeros(0)
ALPHA = Part(Variable("alpha"), NOTHING, True, False, low=0.5, high=2.5)
SIZE = Part(Variable("size", "log"), NOTHING, True, False, low=1.0, high=3.0)
LARGE = Part(Variable("encoder"), NOTHING, True, False, "large", "small")
NUMBER = Part(Variable("training_languages"), NOTHING, True, False, low=2, high=4)
JOSHI = Part(Variable("joshi"), NOTHING, False, True, low=1, high=5)
TEXT = Part(Variable("passage_cc100"), NOTHING, False, True, low=1, high=5)
SEEN = Part(Variable("seen"), NOTHING, True, True, "seen", "unseen")
PASSAGE = Part(Variable("passage_seen"), NOTHING, True, True, "seen", "unseen")
CROSS = Part(Variable("setting"), NOTHING, False, False, "cross", "mono")
LATIN = Part(Variable("script"), NOTHING, False, True, "Thai", "Latn")


def fit(
    *effects: tuple[Sequence[Part], float, float | None], metric: str = "map", setting: str = "mono",
    added: Sequence[Part] = (), bent: Mapping[str, float] | None = None, said: Sequence[str] = (),
) -> Fit:  # fmt: skip
    """Effects of parts by value and p; their intervals reach half the value to either side."""
    estimates = [Estimate(Column((), NOTHING), 0.5, 0.4, 0.6, 0.0, 3)]
    for parts, value, p in effects:
        low, high = (None, None) if p is None else sorted((value / 2, value * 3 / 2))
        estimates.append(Estimate(Column(tuple(parts), NOTHING), value, low, high, p, 3))
    estimates += [Estimate(Column((part,), NOTHING, True), 9.0, 8.0, 10.0, 0.0, 3) for part in added]
    formula = Formula(f"{metric} ~ x", metric, None, ())
    random = {"trained model": 0.25, "residual": 0.004}
    return Fit(formula, "toy", setting, True, tuple(said), 60, 15, 4, tuple(estimates), random, bent or {})


@pytest.mark.parametrize(
    ("parts", "value", "p", "said"),
    [
        ([ALPHA], 0.1, 0.02, "from alpha 0.5 to 2.5, map is higher: +0.200 [+0.100, +0.300] (p = 0.020)"),
        ([ALPHA], -0.1, 0.0001, "from alpha 0.5 to 2.5, map is lower: -0.200 [-0.300, -0.100] (p <.001)"),
        ([ALPHA], 0.1, 0.05, "from alpha 0.5 to 2.5, map differs by +0.200 [+0.100, +0.300] (p = 0.050): "
                             "no difference is shown at this size"),
        ([ALPHA], 0.1, None, "from alpha 0.5 to 2.5, map differs by +0.200; how sure that is cannot be told from "
                             "15 trained models and 4 languages"),
        ([JOSHI], 0.1, None, "for each Joshi class more, map differs by +0.100; how sure that is cannot be told from "
                             "4 languages (languages that differ in this differ in much else)"),
        ([SEEN], 0.1, None, "with the query language seen in training instead of unseen, map differs by +0.100; how "
                            "sure that is cannot be told from 15 trained models and 4 languages"),
        ([SIZE], 0.1, 0.02, "from size 2 to 8, map is higher: +0.200 [+0.100, +0.300] (p = 0.020)"),
        ([NUMBER], 0.1, 0.02, "from the number of training languages 2 to 4, map is higher: "
                              "+0.200 [+0.100, +0.300] (p = 0.020)"),
        ([LARGE], 0.1, 0.02, "with encoder = large instead of small, map is higher: "
                             "+0.100 [+0.050, +0.150] (p = 0.020)"),
        ([TEXT], 0.1, 0.02, "for each doubling of the CC-100 text of the passage language, map is higher: "
                            "+0.100 [+0.050, +0.150] (p = 0.020) (languages that differ in this differ in much else)"),
        ([PASSAGE], 0.1, 0.02, "with the passage language seen in training instead of unseen, map is higher: "
                               "+0.100 [+0.050, +0.150] (p = 0.020)"),
        ([LATIN], 0.1, 0.02, "with script = Thai instead of Latn, map is higher: +0.100 [+0.050, +0.150] (p = 0.020) "
                             "(languages that differ in this differ in much else)"),
    ],
)  # fmt: skip
def test_a_main_effect(parts: list[Part], value: float, p: float | None, said: str) -> None:
    """Of a number of the models for its whole range, of one of the languages for a step; how sure it is."""
    assert sentences(fit((parts, value, p))) == [f"toy, mono: {said}."]


@pytest.mark.parametrize(
    ("parts", "p", "said"),
    [
        ([JOSHI, ALPHA], 0.02, "alpha (0.5 to 2.5) changes by +0.200 [+0.100, +0.300] (p = 0.020) for each Joshi class "
                               "more"),
        ([ALPHA, JOSHI], 0.06, "alpha (0.5 to 2.5) changes by +0.200 [+0.100, +0.300] (p = 0.060) for each Joshi class "
                               "more: no difference between high- and low-resource languages is shown at this size"),
        ([ALPHA, CROSS], 0.06, "alpha (0.5 to 2.5) changes by +0.200 [+0.100, +0.300] (p = 0.060) with setting = cross "
                               "instead of mono: no difference between the settings is shown at this size"),
        ([LARGE, SEEN], None, "encoder = large instead of small changes by +0.100 with the query language seen in "
                              "training instead of unseen; how sure that is cannot be told from 15 trained models and "
                              "4 languages"),
        ([JOSHI, LARGE, ALPHA], 0.06, "encoder = large instead of small changes by +0.200 [+0.100, +0.300] (p = 0.060) "
                                      "from alpha 0.5 to 2.5 and for each Joshi class more: no difference is shown at "
                                      "this size"),
        ([SIZE, ALPHA], 0.02, "size (2 to 8) changes by +0.400 [+0.200, +0.600] (p = 0.020) from alpha 0.5 to 2.5"),
        ([JOSHI, LATIN], 0.02, "Joshi class changes by +0.100 [+0.050, +0.150] (p = 0.020) with script = Thai instead "
                               "of Latn"),
    ],
)  # fmt: skip
def test_an_interaction(parts: list[Part], p: float | None, said: str) -> None:
    """What differs is the effect of a factor of the study, where there is one."""
    assert sentences(fit((parts, 0.1, p))) == [f"toy, mono: the effect on map of {said}."]


def test_a_main_effect_beside_interactions() -> None:
    """Told at what the others are; a property of languages by itself is not, nor what was held apart."""
    made = fit(
        ([ALPHA], 0.1, 0.02), ([JOSHI], 0.1, 0.02), ([LARGE], 0.1, 0.02), ([ALPHA, JOSHI], 0.1, 0.02),
        ([ALPHA, SEEN], 0.1, 0.02), ([ALPHA, CROSS], 0.1, 0.02), ([ALPHA, LARGE], 0.1, 0.02),
        metric="rank_distance", setting="mono+cross", added=[NUMBER], bent={"alpha": 0.01}, said=["3 values left out"],
    )  # fmt: skip
    said = sentences(made)
    assert [line.partition(": ")[0] for line in said] == ["toy, all settings"] * 7
    assert all("of alpha (0.5 to 2.5) changes by +0.20 [+0.10, +0.30]" in line for line in said[:4])
    assert said[4:] == [
        "toy, all settings: from alpha 0.5 to 2.5, rank_distance (lower is better) is higher: +0.20 [+0.10, +0.30] "
        "(p = 0.020), at mean Joshi class and in unseen languages and in mono and with encoder = small. A straight "
        "line does not describe this: see the curve.",
        "toy, all settings: with encoder = large instead of small, rank_distance (lower is better) is higher: +0.10 "
        "[+0.05, +0.15] (p = 0.020), at mean alpha.",
        "toy, all settings: 3 values left out.",
    ]
    assert notes(made) == [
        "3 values left out",
        "a straight line does not describe the effect of alpha (p = 0.01): see its curve, or fit C(alpha)",
    ]


@pytest.mark.parametrize(
    ("metric", "said"),
    [("rank_distance", " (lower is better)"), ("map", ""), ("same_language_share@10", "")],
)
def test_which_way_is_better_is_said_where_it_is_not_up(metric: str, said: str) -> None:
    """Of a share neither way is."""
    (line,) = sentences(fit(([ALPHA], 0.1, 0.02), metric=metric))
    assert f", {metric}{said} is higher: " in line


def test_the_method() -> None:
    """What there was, and the spread of what is drawn, in the digits of the metric."""
    assert method_words(fit(([ALPHA], 0.1, 0.02))) == (
        "mixed model, REML (60 values, 15 trained models, 4 query languages); standard deviations: "
        "trained model 0.250, residual 0.0040"
    )
    nothing = Fit(Formula("map ~ x", "map", None, ()), "toy", "mono", False, ())
    assert method_words(nothing) == "not fitted (0 values, 0 trained models, 0 query languages)"
    assert sentences(nothing) == ["toy, mono: map ~ x was not fitted: nothing was measured."]
