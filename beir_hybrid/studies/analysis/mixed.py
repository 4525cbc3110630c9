"""Linear mixed models with crossed random effects by REML, for designs of a few dozen columns.

From its own beginning statsmodels stops far from the optimum where languages differ a hundred times as much as what is
left, and finds a singular matrix where a variance is zero. Where it converges, tests hold these figures to its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from beir_hybrid.comparison.sample import same
from beir_hybrid.records import IntArray, ScoreArray

_LOG_RANGE = (-7.0, 7.0)
_SMALL, _NO_WORSE = 0.1, 0.01
"""A deviation below this share of the residual's is none, if the deviance is then no worse by more than this."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was estimated.

    Attributes:
        estimates, errors: float64 [columns], the effects and their standard errors.
        deviations: of each random effect, and of the ``residual``.
    """

    estimates: ScoreArray
    errors: ScoreArray
    deviations: Mapping[str, float]


def fit_mixed(y: ScoreArray, design: ScoreArray, effects: Mapping[str, ScoreArray]) -> Fitted | None:
    """REML estimates; None where the model does not converge.

    Args:
        y: float64 [n].
        design: float64 [n, columns], of full rank, the intercept first.
        effects: name -> float64 [n, levels]: what each level adds is drawn with one variance of its own.
    """
    n, columns = design.shape
    if same(y) or n <= columns:
        return None
    scale = float(y.std())
    names = sorted(effects)
    with np.errstate(all="ignore"):
        try:
            profile = _Profile((y - y.mean()) / scale, design, [effects[name] for name in names])
            ratios = _optimum(profile)
            moments, _ = profile.moments(ratios)
            covariance = np.linalg.inv(moments[:-1, :-1])
        except (np.linalg.LinAlgError, ValueError):
            return None
    estimates = covariance @ moments[:-1, -1]
    residual = float(moments[-1, -1] - estimates @ moments[:-1, -1]) / (n - columns)
    errors = np.sqrt(np.diag(covariance) * residual)
    if not (residual > 0 and np.isfinite([estimates, errors]).all()):
        return None
    estimates[0] += y.mean() / scale
    deviations = np.append(ratios, 1.0) * residual**0.5 * scale
    return Fitted(estimates * scale, errors * scale, dict(zip([*names, "residual"], deviations.tolist(), strict=True)))


class _Profile:
    """The deviance of a model whose effects and residual are at their best for given random effects.

    Those are given by their standard deviations over the residual's. Products of the columns are taken once, so that a
    step costs nothing of n (Bates et al. 2015, section 3).
    """

    def __init__(self, y: ScoreArray, design: ScoreArray, matrices: list[ScoreArray]) -> None:
        levels, fixed = np.hstack([*matrices, np.zeros((len(y), 0))]), np.column_stack([design, y])
        self.sizes = [matrix.shape[1] for matrix in matrices]
        self._inner, self._outer, self._fixed = levels.T @ levels, levels.T @ fixed, fixed.T @ fixed
        self._freedom = len(y) - design.shape[1]

    def moments(self, ratios: ScoreArray) -> tuple[ScoreArray, float]:
        """Products of the design's columns and y, weighted by the inverse covariance; the log of its determinant."""
        each = np.repeat(ratios, self.sizes)
        factor = np.linalg.cholesky(np.eye(len(each)) + each[:, None] * self._inner * each)
        solved = np.linalg.solve(factor, each[:, None] * self._outer)
        return self._fixed - solved.T @ solved, float(2 * np.log(np.diag(factor)).sum())

    def deviance(self, ratios: ScoreArray) -> float:
        moments, determinant = self.moments(ratios)
        diagonal = np.diag(np.linalg.cholesky(moments))
        return float(determinant + 2 * np.log(diagonal[:-1]).sum() + 2 * self._freedom * np.log(diagonal[-1]))


def _optimum(profile: _Profile) -> ScoreArray:
    """The deviations over the residual's; 0 where there is none."""
    from scipy.optimize import minimize

    ratios: ScoreArray = np.ones(len(profile.sizes))
    for _ in range(2):  # again without those that are none
        kept = np.flatnonzero(ratios)
        if not len(kept):
            break

        def deviance(logs: ScoreArray, kept: IntArray = kept) -> float:
            there = np.zeros(len(profile.sizes))
            there[kept] = np.exp(logs)
            return profile.deviance(there)

        bounds = [_LOG_RANGE] * len(kept)
        found = minimize(deviance, np.log(ratios[kept]), method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12})
        ratios[kept] = np.exp(found.x)
        for place in np.argsort(ratios):
            without = ratios.copy()
            without[place] = 0.0
            if ratios[place] < _SMALL and profile.deviance(without) <= profile.deviance(ratios) + _NO_WORSE:
                ratios = without
    return ratios
