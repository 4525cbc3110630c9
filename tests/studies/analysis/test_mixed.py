"""The mixed model: against values that can be worked out, and against statsmodels' own errors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import optimize

from beir_hybrid.studies.analysis.mixed import _Profile, fit_mixed

RNG = np.random.default_rng


def crossed(seed: int, *, language: float, slope: float, model: float) -> dict[str, Any]:
    """5 values of x, 3 models each, 8 languages, every effect drawn."""
    rng = RNG(seed)
    x = np.repeat(np.linspace(-0.5, 0.5, 5), 3 * 8)
    models, languages = np.repeat(np.arange(15), 8), np.tile(np.arange(8), 15)
    effects = {
        "language": np.eye(8)[languages],
        "slope": np.eye(8)[languages] * x[:, None],
        "model": np.eye(15)[models],
    }
    y = 0.5 - 0.1 * x + effects["language"] @ rng.normal(0, language, 8) + effects["slope"] @ rng.normal(0, slope, 8)
    y += effects["model"] @ rng.normal(0, model, 15) + rng.normal(0, 0.01, len(x))
    return {"y": y, "design": np.stack([np.ones(len(x)), x], axis=1), "effects": effects}


def test_a_balanced_layout_by_hand() -> None:
    """One random effect, equal groups: REML is the analysis of variance, the mean's error its between-groups one."""
    y = np.array([1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 9.0, 9.0, 12.0])
    groups = np.repeat(np.arange(3), 3)
    means = y.reshape(3, 3).mean(axis=1)  # 2, 6, 10
    within = ((y - means[groups]) ** 2).sum() / 6
    between = 3 * means.var(ddof=1)
    fitted = fit_mixed(y, np.ones((9, 1)), {"group": np.eye(3)[groups]})
    assert fitted is not None
    assert fitted.estimates[0] == pytest.approx(6)
    assert fitted.deviations["residual"] ** 2 == pytest.approx(within, rel=1e-3)
    assert fitted.deviations["group"] ** 2 == pytest.approx((between - within) / 3, rel=1e-3)
    assert fitted.errors[0] == pytest.approx((between / 9) ** 0.5, rel=1e-3)


def test_the_figures_are_those_of_statsmodels() -> None:
    """Where it converges and its Hessian can be inverted, ours are its own."""
    from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

    made = crossed(1, language=0.02, slope=0.03, model=0.02)
    names = sorted(made["effects"])
    columns = [[[f"{name}{at}" for at in range(made["effects"][name].shape[1])]] for name in names]
    spec = VCSpec(names, columns, [[made["effects"][name]] for name in names])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = MixedLM(made["y"], made["design"], groups=np.zeros(len(made["y"])), exog_vc=spec).fit(method="powell")
    ours = fit_mixed(**made)
    assert ours is not None
    assert ours.estimates == pytest.approx(theirs.fe_params, rel=1e-3)
    assert ours.errors == pytest.approx(theirs.bse_fe, rel=2e-2)
    theirs_drawn = [*np.sqrt(theirs.vcomp), theirs.scale**0.5]
    assert [ours.deviations[name] for name in [*names, "residual"]] == pytest.approx(theirs_drawn, rel=5e-3)


def test_a_variance_far_above_the_residual_is_found() -> None:
    """Languages differ a hundred times as much as what is left: a search from the usual beginning stops before."""
    made = crossed(2, language=0.2, slope=0.01, model=0.005)
    fitted = fit_mixed(**made)
    assert fitted is not None
    sample = made["y"].reshape(15, 8).mean(axis=0).std(ddof=1)
    assert fitted.deviations["language"] == pytest.approx(sample, rel=0.05)
    assert fitted.estimates[1] == pytest.approx(-0.1, abs=0.03)


def test_units_do_not_matter() -> None:
    """Ranks in thousands and shares of one: the same fit in other units."""
    made = crossed(3, language=0.05, slope=0.02, model=0.01)
    one, other = fit_mixed(**made), fit_mixed(made["y"] * 10_000 + 3, made["design"], made["effects"])
    assert one is not None and other is not None
    assert other.errors == pytest.approx(one.errors * 10_000, rel=1e-3)
    assert other.estimates == pytest.approx(one.estimates * 10_000 + [3, 0], rel=1e-6)


def test_no_variance_is_none() -> None:
    """A random effect that is not there has deviation 0, and does no harm."""
    fitted = fit_mixed(**crossed(4, language=0.05, slope=0.0, model=0.0))
    assert fitted is not None
    assert fitted.deviations["model"] < 0.005
    assert np.isfinite(fitted.errors).all()


@pytest.mark.parametrize(
    ("seed", "drawn"), [(94, (0.0, 0.0015, 0.0032)), (105, (0.0, 0.0, 0.0)), (110, (0.092, 0.046, 0.0035))]
)
def test_no_other_deviations_are_more_likely(seed: int, drawn: tuple[float, ...]) -> None:
    """Against a search from many beginnings: models that differ a little are not lost beside languages that do much."""
    made = crossed(seed, **dict(zip(("language", "slope", "model"), drawn, strict=True)))
    y, names = made["y"], sorted(made["effects"])
    profile = _Profile((y - y.mean()) / y.std(), made["design"], [made["effects"][name] for name in names])
    found = fit_mixed(**made)
    assert found is not None
    ours = profile.deviance(np.array([found.deviations[name] / found.deviations["residual"] for name in names]))
    bounds, begins = [(0, 1000)] * 3, ([1, 1, 1], [0.1, 0.1, 0.1], [10, 1, 5], [0.3, 3, 3])
    every = [optimize.minimize(profile.deviance, each, method="Powell", bounds=bounds).fun for each in begins]
    assert ours <= min(every) + 0.001


def test_without_random_effects_it_is_least_squares() -> None:
    """A mean, and its error by hand: the deviation of 0, 1, 2, 3 over the root of four."""
    fitted = fit_mixed(np.arange(4.0), np.ones((4, 1)), {})
    assert fitted is not None and fitted.estimates == pytest.approx([1.5]) and list(fitted.deviations) == ["residual"]
    assert fitted.errors == pytest.approx([np.std(np.arange(4), ddof=1) / 2])
