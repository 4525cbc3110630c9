"""Fits of a study: what was planted is found, what was not is not, and how sure that is is told honestly."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from beir_hybrid.published.languages import languages
from beir_hybrid.studies.analysis import fits as fits_module
from beir_hybrid.studies.analysis.fits import Estimate, Fit, fits
from beir_hybrid.studies.analysis.measured import read_measured
from beir_hybrid.studies.analysis.options import parse_options
from beir_hybrid.studies.analysis.wording import method_words, notes, sentences
from beir_hybrid.studies.outcome import StudyOutcome
from tests.studies.analysis.made import LANGUAGES, flat, make_study

ALPHAS = {"alpha": (0.0, 0.25, 0.5, 0.75, 1.0)}


def fitted(outcome: StudyOutcome, formula: str | list[str], **analysis: Any) -> list[Fit]:
    outcome = replace(outcome, analysis={"fit": formula, **analysis})
    return fits(read_measured(outcome), parse_options(outcome.analysis, outcome.factors))


def estimate(fit: Fit, term: str) -> Estimate:
    return next(each for each in fit.estimates if each.column.name == term)


def within(each: Estimate, value: float) -> bool:
    assert each.low is not None and each.high is not None
    return each.low <= value <= each.high


def poor_lose(cell: Mapping[str, Any], setting: str, query: str, passage: str) -> float:
    """Alpha costs .05, and .04 less for every Joshi class above 4."""
    base = {"de": 0.5, "el": 0.3, "en": 0.6, "hi": 0.35, "ru": 0.55, "th": 0.45}[query]
    return base - 0.05 * cell["alpha"] + 0.04 * cell["alpha"] * (languages()[query].joshi_class - 4)


def test_a_planted_interaction_is_found(tmp_path: Path) -> None:
    """Main effect at the mean class, and the interaction, in their intervals; intervals that exclude nothing at all."""
    outcome = make_study(tmp_path, poor_lose, factors=ALPHAS)
    fit = fitted(outcome, "map ~ alpha * joshi")[0]
    assert (fit.fitted, fit.values, fit.models, fit.languages) == (True, 90, 15, 6)
    main, both = estimate(fit, "alpha"), estimate(fit, "alpha × joshi")
    assert within(main, -0.05) and within(both, 0.04)
    assert both.p is not None and both.p < 0.01
    assert both.value == pytest.approx(0.04, abs=0.015)
    # 6 languages, one property of them; 15 models, one factor
    assert (both.freedom, estimate(fit, "joshi").freedom) == (4, 4)
    assert {"query language", "trained model", "alpha by query language", "residual"} == set(fit.random)
    said = sentences(fit)
    assert len(said) == 2
    assert said[0].startswith("toy, mono: the effect on map of alpha (0 to 1) changes by +0.0")
    assert said[0].endswith(" for each Joshi class more.")
    assert said[1].startswith("toy, mono: from alpha 0 to 1, map is lower: -0.0")
    assert said[1].endswith(", at mean Joshi class.")


def test_an_effect_is_told_for_the_whole_range(tmp_path: Path) -> None:
    """.05 a step, from 2 to 4: .1, alone, beside an interaction, and with a logarithm (from 1 to 2)."""
    outcome = make_study(tmp_path, lambda c, *_: 0.1 + 0.05 * c["size"], factors={"size": (2, 4)}, luck=0.001)
    for formula in ("map ~ size", "map ~ log(size)", "map ~ size * joshi"):
        said = sentences(fitted(outcome, formula)[0])[-1]
        assert re.match(r"toy, mono: from size 2 to 4, map is higher: \+0\.(09[6-9]|10[0-4]) ", said), said


def test_the_unit_of_a_factor_does_not_matter(tmp_path: Path) -> None:
    """A rate of a billionth has the effect that it would have as a whole number."""
    outcome = make_study(
        tmp_path, lambda c, *_: 0.1 + 1e8 * c["rate"], factors={"rate": (1e-9, 2e-9)}, luck=0.001, questions=3
    )
    said = sentences(fitted(outcome, "map ~ rate * joshi")[0])[-1]
    assert re.match(r"toy, mono: from rate 1e-09 to 2e-09, map is higher: \+0\.(09|10|11)\d ", said), said


def test_what_is_not_there_is_not_claimed(tmp_path: Path) -> None:
    """No effect: the sentence says that no difference is shown, and at what size."""
    outcome = make_study(tmp_path, flat, factors=ALPHAS)
    fit = fitted(outcome, "map ~ alpha * joshi")[0]
    said = sentences(fit)
    assert said[0].endswith("no difference between high- and low-resource languages is shown at this size.")
    assert said[1].endswith("at mean Joshi class: no difference is shown at this size.")


def test_languages_are_not_counted_as_often_as_they_are_asked(tmp_path: Path) -> None:
    """Slopes that differ between languages by chance are no interaction, however many models repeat them."""
    rng = np.random.default_rng(3)
    found = 0
    for trial in range(12):
        slopes = dict(zip(LANGUAGES, rng.normal(0, 0.05, len(LANGUAGES)), strict=True))
        outcome = make_study(
            tmp_path / str(trial), lambda c, s, q, p, slopes=slopes: 0.5 + slopes[q] * c["alpha"],
            factors={"alpha": (0.0, 1.0)}, questions=2, noise=0.01,
        )  # fmt: skip
        p = estimate(fitted(outcome, "map ~ alpha * joshi")[0], "alpha × joshi").p
        found += p is not None and p < 0.05
    assert found <= 2


def test_the_luck_of_a_training_is_not_taken_for_an_effect(tmp_path: Path) -> None:
    """Two models, one a value: whatever their difference, nothing is said of how sure it is."""
    outcome = make_study(tmp_path, flat, factors={"alpha": (0.0, 1.0)}, seeds=(1,), luck=0.1)
    fit = fitted(outcome, "map ~ alpha")[0]
    assert estimate(fit, "alpha").p is None
    assert "cannot be told from 2 trained models" in sentences(fit)[0]


@pytest.mark.parametrize(
    ("formula", "factors", "seeds", "freedom"),
    [
        ("map ~ alpha", {"alpha": (0.0, 1.0)}, (1, 2), 4 - 1 - 1),
        ("map ~ alpha", {"alpha": (0.0, 1.0), "size": (1, 2)}, (1,), 4 - 1 - 2),
        ("map ~ alpha", {"alpha": (0.0, 1.0)}, (1, 2, 3, 4), 6 - 1),
        # six languages, in which two properties of theirs are told apart; four models, one effect of theirs
        ("map ~ joshi", {"alpha": (0.0, 1.0)}, (1, 2), 6 - 1 - 1),
        ("map ~ joshi + cc100", {"alpha": (0.0, 1.0)}, (1, 2), 6 - 1 - 2),
        ("map ~ alpha * joshi", {"alpha": (0.0, 1.0)}, (1, 2), 4 - 1 - 1),
    ],
)
def test_an_effect_is_as_sure_as_there_are_models(
    tmp_path: Path, formula: str, factors: Mapping[str, Any], seeds: tuple[int, ...], freedom: int
) -> None:
    """Models less one and their effects, held apart or not; or languages less one and theirs, where these are fewer."""
    (fit,) = fitted(make_study(tmp_path, flat, factors=factors, seeds=seeds, questions=2), formula)
    assert fit.estimates[1].freedom == freedom
    of_models = sum(column.by_model and not column.by_language for column in (each.column for each in fit.estimates))
    of_languages = sum(each.column.by_language and not each.column.by_model for each in fit.estimates)
    assert fit.estimates[0].freedom == min(fit.models - 1 - of_models, 6 - 1 - of_languages), "a mean needs both"


def test_what_is_held_apart_is_as_sure_as_there_are_models(tmp_path: Path) -> None:
    """It is no part of the question, which is asked in six languages: twelve models less one and two effects."""
    factors = {"alpha": (0.0, 1.0), "size": ("s", "l")}
    fit = fitted(make_study(tmp_path, flat, factors=factors, questions=2), "map ~ alpha")[0]
    assert {each.column.name: each.freedom for each in fit.estimates} == {
        "intercept": 5, "alpha": 5, "C(size) = l": 12 - 1 - 2,
    }  # fmt: skip
    # where it always goes with the other, neither can be told from the other: the question's goes first, silently
    outcome = make_study(tmp_path / "aliased", flat, factors=factors, questions=2)
    cells = tuple(cell for cell in outcome.cells if (cell.factors["alpha"] == 1) == (cell.factors["size"] == "l"))
    fit = fitted(replace(outcome, cells=cells), "map ~ alpha")[0]
    assert ([each.column.name for each in fit.estimates], fit.notes) == (["intercept", "alpha"], ())
    fit = fitted(replace(outcome, cells=cells), "map ~ alpha + size")[0]
    assert fit.notes == ("left out, because the data cannot tell the effect apart from those of other terms: size = l",)


def test_an_effect_that_nothing_tells_how_sure_it_is_has_no_degrees_of_freedom(tmp_path: Path) -> None:
    """Two properties of the languages of a pair, and two languages to see them in."""
    outcome = make_study(tmp_path, flat, languages=("de", "hi"), settings=("cross",), questions=2)
    (fit,) = fitted(outcome, "map ~ joshi")
    assert [(each.p, each.freedom) for each in fit.estimates if each.column.by_language] == [(None, 0)]


def test_every_setting_by_itself_or_all_at_once(tmp_path: Path) -> None:
    """Without ``setting`` in it a formula is fitted three times; with it once, and the settings are compared."""

    def value(cell: Mapping[str, Any], setting: str, query: str, passage: str) -> float:
        return {"mono": 0.6, "cross": 0.3 - 0.2 * cell["alpha"], "multi": 0.4}[setting]

    outcome = make_study(tmp_path, value, settings=("mono", "cross", "multi"), languages=("de", "en", "hi", "th"))
    apart = fitted(outcome, "map ~ alpha")
    assert [(fit.setting, fit.values) for fit in apart] == [("mono", 36), ("cross", 108), ("multi", 36)]
    assert {"passage language", "language pair"} <= set(apart[1].random)
    (one,) = fitted(outcome, "map ~ alpha * setting")
    assert one.setting == "mono+cross+multi"
    assert within(estimate(one, "alpha × setting = cross"), -0.2)
    drawn = ("query language", "passage language", "language pair", "query language in a setting", "trained model")
    assert set(one.random) == {*drawn, "alpha by query language", "alpha by passage language", "residual"}
    (cross,) = fitted(outcome, "cross:map ~ alpha * passage_joshi")
    assert cross.setting == "cross"
    assert "alpha by passage language" in cross.random


def test_categories_against_the_baseline(tmp_path: Path) -> None:
    """The baseline's value comes first; the others are told instead of it; a number can be taken as a category."""

    def value(cell: Mapping[str, Any], *task: str) -> float:
        return 0.5 + {"small": 0.0, "large": 0.1}[cell["encoder"]] + 0.05 * (cell["alpha"] == 0.5)

    factors = {"encoder": ("large", "small"), "alpha": (0.0, 0.5, 1.0)}
    outcome = make_study(tmp_path, value, factors=factors, luck=0.005)
    fit = fitted(outcome, "map ~ encoder + C(alpha)", baseline={"encoder": "small", "alpha": 1.0})[0]
    assert estimate(fit, "encoder = large").value == pytest.approx(0.1, abs=0.01)
    assert estimate(fit, "C(alpha) = 0.5").value == pytest.approx(0.05, abs=0.01)
    assert "with encoder = large instead of small, map is higher: +0." in sentences(fit)[0]
    apart = fitted(outcome, "map ~ C(alpha)", baseline={"encoder": "small"})[0]
    assert estimate(apart, "C(encoder) = large").column.added
    assert all("encoder" not in line for line in sentences(apart))


def test_a_bend_is_told(tmp_path: Path) -> None:
    """A straight line through a hill finds nothing; that it is a hill is said."""
    outcome = make_study(tmp_path, lambda c, *task: 0.5 - 0.4 * (c["alpha"] - 0.5) ** 2, factors=ALPHAS)
    hill = fitted(outcome, "map ~ alpha")[0]
    assert notes(hill)[0].startswith("a straight line does not describe the effect of alpha (p = ")
    assert sentences(hill)[0].endswith("is shown at this size. A straight line does not describe this: see the curve.")
    straight = make_study(tmp_path / "straight", lambda c, *task: 0.5 - 0.1 * c["alpha"], factors=ALPHAS)
    assert notes(fitted(straight, "map ~ alpha")[0]) == []


def test_a_bend_is_the_lack_of_fit(tmp_path: Path) -> None:
    """By hand: what the means of the values leave of a line, against what models of one value differ by."""
    outcome = make_study(tmp_path, lambda c, *task: 0.5 - 0.1 * (c["alpha"] - 0.5) ** 2, factors=ALPHAS, luck=0.005)
    means = read_measured(outcome).scores.groupby("run").value.mean().to_numpy().reshape(5, 3)
    of_level = means.mean(axis=1)
    line = np.polyval(np.polyfit(ALPHAS["alpha"], of_level, 1), ALPHAS["alpha"])
    bend, luck = 3 * ((of_level - line) ** 2).sum(), ((means - of_level[:, None]) ** 2).sum()
    p = stats.f.sf(bend / (5 - 2) / (luck / (15 - 5)), 5 - 2, 15 - 5)
    assert fitted(outcome, "map ~ alpha")[0].bent == {"alpha": pytest.approx(p, rel=1e-6)}
    # another factor that is held apart takes a model more for each of its effects
    both = make_study(
        tmp_path / "2", lambda c, *task: 0.5 - 0.1 * (c["alpha"] - 0.5) ** 2, factors=ALPHAS | {"size": ("s", "l")},
        luck=0.005,
    )  # fmt: skip
    means = read_measured(both).scores.groupby("run").value.mean().to_numpy().reshape(5, 2, 3)
    left = means - means.mean(axis=(0, 2), keepdims=True)
    of_level = left.mean(axis=(1, 2))
    line = np.polyval(np.polyfit(ALPHAS["alpha"], of_level, 1), ALPHAS["alpha"])
    bend, luck = 6 * ((of_level - line) ** 2).sum(), ((left - of_level[:, None, None]) ** 2).sum()
    p = stats.f.sf(bend / (5 - 2) / (luck / (30 - 5 - 1)), 5 - 2, 30 - 5 - 1)
    assert fitted(both, "map ~ alpha")[0].bent == {"alpha": pytest.approx(p, rel=1e-6)}


@pytest.mark.parametrize("formula", ["map ~ alpha", "map ~ alpha * joshi"])
@pytest.mark.parametrize(("models", "told"), [(5, True), (4, True), (3, False)])
def test_a_bend_of_three_values(tmp_path: Path, models: int, told: bool, formula: str) -> None:
    """Three values can bend, where at least one model more tells how much luck there is; languages do not."""
    hill = make_study(
        tmp_path, lambda c, *task: 0.5 - 0.2 * (c["alpha"] - 0.5) ** 2, factors={"alpha": (0.0, 0.5, 1.0)},
        seeds=(1, 2), luck=1e-6, noise=1e-6,
    )  # fmt: skip
    left_out = [cell for cell in hill.cells if cell.seed == 2][: 6 - models]
    cells = tuple(replace(cell, status="failed") if cell in left_out else cell for cell in hill.cells)
    assert (list(fitted(replace(hill, cells=cells), formula)[0].bent) == ["alpha"]) == told


def test_two_languages_differ_by_chance(tmp_path: Path) -> None:
    """Two languages, of questions or of passages, are as much drawn as many are."""
    outcome = make_study(tmp_path, lambda c, *task: 0.5, languages=("de", "en"), settings=("cross",))
    slopes = {"alpha by query language", "alpha by passage language"}
    assert {"query language", "passage language", *slopes} <= set(fitted(outcome, "map ~ alpha")[0].random)


def test_seen_languages_that_change_from_model_to_model(tmp_path: Path) -> None:
    """The gain of being trained on, apart from that of the number of languages."""
    made = make_study(tmp_path, flat, factors={"count": (2, 4, 6)})
    cells = []
    for cell in made.cells:
        trained = LANGUAGES[: cell.factors["count"]]
        again = make_study(
            tmp_path / f"{cell.factors['count']}-{cell.seed}",
            lambda c, s, q, p, trained=trained: 0.4 + 0.1 * (q in trained), factors={"count": (1,)}, seeds=(cell.seed,),
        )  # fmt: skip
        cells.append(replace(cell, results=again.cells[0].results, trained_languages=trained))
    fit = fitted(replace(made, cells=tuple(cells)), "map ~ training_languages + seen")[0]
    assert within(estimate(fit, "seen = seen"), 0.1)
    slopes = {"training_languages by query language"}  # which are seen is a matter of the languages too
    assert {name for name in fit.random if " by " in name} == slopes
    assert within(estimate(fit, "training_languages"), 0.0)
    assert any("with the query language seen in training instead of unseen, map is higher" in s for s in sentences(fit))


@pytest.mark.parametrize(
    ("formula", "note"),
    [
        ("map ~ only", "only has one value only here"),
        ("map ~ only", "no term of it varies in what was measured"),
        ("map ~ seen", "seen has one value only here"),
        ("map ~ joshi + cc100 + script + family", "left out, because the data cannot tell the effect apart"),
        ("recall@10 ~ alpha", "recall@10 was not measured"),
        ("cross:map ~ alpha", "map was not measured in cross"),
    ],
)
def test_what_cannot_be_fitted_is_a_note(tmp_path: Path, formula: str, note: str) -> None:
    """A term that does not vary, terms that say the same, a metric nobody measured: told, not raised."""
    outcome = make_study(tmp_path, flat, factors={"alpha": (0.0, 1.0), "only": (1,)})
    (fit,) = fitted(outcome, formula)
    assert len(fit.notes) <= 2 and any(note in each for each in fit.notes)
    assert any(note in each for each in sentences(fit))
    if "measured" in note:
        values = "0 values, 0 trained models, 0" if "was not" in note else "36 values, 6 trained models, 6"
        assert method_words(fit) == f"not fitted ({values} query languages)"


@pytest.mark.parametrize(
    ("value", "formula", "why"),
    [(0.5, "map ~ alpha", "do not differ"), (0.1, "map ~ C(alpha)", "are too few for its terms")],
)
def test_values_that_say_nothing_are_not_fitted(tmp_path: Path, value: float, formula: str, why: str) -> None:
    """All alike, or as many as there are effects."""
    outcome = make_study(
        tmp_path,
        lambda c, *task: value if value == 0.5 else c["alpha"] / 2,
        languages=("de",),
        seeds=(1,),
        luck=0,
        noise=0,
    )
    (fit,) = fitted(outcome, formula)
    assert fit.notes == (f"3 values that {why}",) and not fit.fitted


def test_undefined_and_unknown_values_are_left_out(tmp_path: Path) -> None:
    """A rank distance that is not defined; training languages that are not known."""
    outcome = make_study(tmp_path, flat, settings=("multi",), ranks=False, trained=())
    (fit,) = fitted(outcome, "rank_distance ~ alpha")
    assert not fit.fitted
    assert fit.notes == ("54 values left out: rank_distance is not defined for them",)
    (unknown,) = fitted(outcome, "map ~ seen")
    assert unknown.notes == ("54 values left out, for which seen is not known",)


def test_what_does_not_converge_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no mixed model converges nothing is claimed."""
    monkeypatch.setattr(fits_module, "fit_mixed", lambda *arguments: None)
    (fit,) = fitted(make_study(tmp_path, flat), "map ~ alpha")
    assert (fit.fitted, fit.estimates) == (False, ())
    assert sentences(fit) == ["toy, mono: map ~ alpha was not fitted: no mixed model of it converged."]


def test_without_the_models_effect_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt leaves out what did not converge."""
    real = fits_module.fit_mixed
    monkeypatch.setattr(fits_module, "fit_mixed", lambda y, d, e: None if "trained model" in e else real(y, d, e))
    (fit,) = fitted(make_study(tmp_path, flat), "map ~ alpha")
    assert fit.fitted
    assert fit.notes == ("with a random effect of the trained model it did not converge: fitted without",)


def test_many_pairs_are_averaged_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty-six languages have 1,260 pairs a model: their means by query language are fitted, and that is said."""
    monkeypatch.setattr(fits_module, "_MANY", 100)
    outcome = make_study(tmp_path, poor_lose, settings=("cross",))
    (fit,) = fitted(outcome, "map ~ alpha * joshi")
    assert (fit.values, fit.notes[0]) == (54, "the pairs of a query language were averaged first")
    assert within(estimate(fit, "alpha"), -0.05)


@pytest.mark.slow
def test_a_main_effect_is_as_sure_as_languages_agree(tmp_path: Path) -> None:
    """Slopes that differ between languages by chance are no effect of the factor: few false positives."""
    rng = np.random.default_rng(11)
    found = 0
    for trial in range(20):
        slopes = dict(zip(LANGUAGES, rng.normal(0, 0.05, len(LANGUAGES)), strict=True))
        outcome = make_study(
            tmp_path / str(trial), lambda c, s, q, p, slopes=slopes: 0.5 + slopes[q] * (c["regime"] == "cross"),
            factors={"regime": ("mono", "cross")}, questions=2, noise=0.01,
        )  # fmt: skip
        each = estimate(fitted(outcome, "map ~ regime")[0], "regime = cross")
        assert each.freedom <= 5
        found += each.p is not None and each.p < 0.05
    assert found <= 3


def test_a_logarithm_is_taken_once(tmp_path: Path) -> None:
    """cc100 is the binary logarithm of GiB already: log(cc100) is the same, languages below 1 GiB included."""
    outcome = make_study(tmp_path, flat, languages=("de", "el", "en", "hi", "sw", "yo"))
    plain, logged = (fitted(outcome, f"map ~ alpha * {name}")[0] for name in ("cc100", "log(cc100)"))
    assert (plain.values, plain.languages) == (logged.values, logged.languages) == (54, 6)
    assert estimate(logged, "log(cc100)").value == pytest.approx(estimate(plain, "cc100").value)


def test_a_language_with_no_text_counts_as_the_least(tmp_path: Path) -> None:
    """.01 for each doubling is found, where Yoruba (less than is told) stands for .05 GiB; scripts against Latin."""

    def value(cell: Mapping[str, Any], setting: str, query: str, passage: str) -> float:
        return 0.4 + 0.01 * math.log2(max(languages()[query].cc100_gib, 0.05)) + 0.001 * cell["alpha"]

    outcome = make_study(tmp_path, value, languages=("de", "el", "en", "hi", "sw", "yo"), noise=0.001, luck=0.001)
    (fit,) = fitted(outcome, "map ~ alpha + cc100")
    assert estimate(fit, "cc100").value == pytest.approx(0.01, abs=2e-4)
    (by_script,) = fitted(outcome, "map ~ alpha + script")
    (first,) = {part.first for each in by_script.estimates for part in each.column.parts if part.level}
    assert first == "Latn"


def test_settings_are_as_sure_as_there_are_languages(tmp_path: Path) -> None:
    """Six languages measured in two settings are six differences, not a hundred values."""
    outcome = make_study(tmp_path, flat, settings=("mono", "multi"))
    (fit,) = fitted(outcome, "map ~ alpha + setting")
    assert "query language in a setting" in fit.random
    assert estimate(fit, "setting = multi").freedom == 5
    # of one model, too: what differs between settings is no luck of a training
    one = make_study(tmp_path / "1", flat, settings=("mono", "multi"), factors={"alpha": (0.0,)}, seeds=(1,))
    assert estimate(fitted(one, "map ~ setting")[0], "setting = multi").freedom == 5


def test_one_language_says_nothing_of_languages(tmp_path: Path) -> None:
    """An effect seen in one language has a size and no interval."""
    (fit,) = fitted(make_study(tmp_path, flat, languages=("de",)), "map ~ alpha")
    assert estimate(fit, "alpha").low is None and estimate(fit, "alpha").p is None
