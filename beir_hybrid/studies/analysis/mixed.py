"""Linear mixed models with crossed random effects by REML, for designs of a few dozen columns.

From its own beginning statsmodels stops far from the optimum where languages differ a hundred times as much as what is
left, and finds a singular matrix where a variance is zero. Where it converges, tests hold these figures to its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from beir_hybrid.records import ScoreArray

_LOG_RANGE = (-7.0, 7.0)


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
        y: float64 [n], not all alike.
        design: float64 [n, columns], of full rank and more rows than columns, the intercept first.
        effects: name -> float64 [n, levels]: what each level adds is drawn with one variance of its own.
    """
    n, columns = design.shape
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
    if not (np.isfinite(errors) & (errors > 0)).all():
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
    """The deviations over the residual's: sought by their logarithms, as they may differ a thousandfold, and from there
    as they are, since some may be 0.
    """
    from scipy.optimize import minimize

    ratios: ScoreArray = np.ones(len(profile.sizes))
    if not len(ratios):
        return ratios
    options = {"ftol": 1e-12}

    def of_logs(logs: ScoreArray) -> float:
        return profile.deviance(np.exp(logs))

    begin = minimize(of_logs, np.log(ratios), method="L-BFGS-B", bounds=[_LOG_RANGE] * len(ratios), options=options).x
    bounds = [(0, None)] * len(ratios)
    ratios = minimize(profile.deviance, np.exp(begin), method="L-BFGS-B", bounds=bounds, options=options).x
    return ratios
