"""Linear mixed models with crossed random effects, by statsmodels. The one module that knows it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from beir_hybrid.errors import MissingExtraError
from beir_hybrid.records import ScoreArray

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
        design: float64 [n, columns], of full rank.
        effects: name -> float64 [n, levels]: what each level adds is drawn with one variance of its own.

    Raises:
        MissingExtraError: statsmodels is not installed.
    """
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams, VCSpec
    except ImportError as error:
        raise MissingExtraError("fitting a study", "statsmodels", "study") from error
    scale = float(y.std())
    if scale < 1e-12 * max(1.0, float(np.abs(y).max())) or len(y) <= design.shape[1]:
        return None
    scaled = (y - y.mean()) / scale
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what they say is in the result: whether it converged
        try:
            begun = _begin(scaled, design, effects) if effects else {}
            names = [name for name, variance in begun.items() if variance > 0]
            matrices = [effects[name] for name in names]
            if names:
                columns = [[[f"{name} {level}" for level in range(effects[name].shape[1])]] for name in names]
                model = MixedLM(
                    scaled, design, groups=np.zeros(len(y)), exog_vc=VCSpec(names, columns, [[m] for m in matrices])
                )
                begin = MixedLMParams.from_components(
                    fe_params=np.linalg.lstsq(design, scaled, rcond=None)[0],
                    vcomp=np.array([begun[name] for name in names]),
                )
                result = model.fit(reml=True, method=["lbfgs"], start_params=begin)
                if not result.converged:
                    return None
                variances, residual = np.asarray(result.vcomp, dtype=np.float64), float(result.scale)
            else:  # nothing random but the rest: what statsmodels has no optimum for
                variances, residual = np.zeros(0), _residual(scaled, design)
            estimates, errors = _effects(scaled, design, matrices, variances, residual)
        except (np.linalg.LinAlgError, ValueError):
            return None
    if not (residual > 0 and np.isfinite(variances).all() and np.isfinite([estimates, errors]).all()):
        return None
    estimates = estimates.copy()
    estimates[0] += y.mean() / scale
    found = dict(zip(names, np.sqrt(variances).tolist(), strict=True))
    deviations = {name: found.get(name, 0.0) * scale for name in sorted(effects)}
    return Fitted(estimates * scale, errors * scale, {**deviations, "residual": residual**0.5 * scale})


def _begin(y: ScoreArray, design: ScoreArray, effects: Mapping[str, ScoreArray]) -> dict[str, float]:
    """Variances over the residual's to begin with, by REML over their logarithms; 0 where there is none.

    From its own beginning statsmodels stops far from the optimum when a variance is a hundred times the residual's,
    as that of languages is; and where one is zero it finds a singular matrix. Products of the columns are taken once,
    so that a step costs nothing of n.
    """
    from scipy.optimize import minimize

    names = sorted(effects)
    sizes = [effects[name].shape[1] for name in names]
    levels = np.hstack([effects[name] for name in names])
    fixed = np.column_stack([design, y])
    inner, outer, rest = levels.T @ levels, levels.T @ fixed, fixed.T @ fixed
    n, p = design.shape

    def deviance(deviations: ScoreArray) -> float:
        ratios = np.repeat(deviations, sizes)
        factor = np.linalg.cholesky(np.eye(len(ratios)) + ratios[:, None] * inner * ratios)
        solved = np.linalg.solve(factor, ratios[:, None] * outer)
        diagonal = np.diag(np.linalg.cholesky(rest - solved.T @ solved))
        fixed_part = 2 * np.log(diagonal[:-1]).sum() + 2 * (n - p) * np.log(diagonal[-1])
        return float(2 * np.log(np.diag(factor)).sum() + fixed_part)

    bounds = [_LOG_RANGE] * len(sizes)
    found = minimize(lambda logs: deviance(np.exp(logs)), np.zeros(len(sizes)), method="L-BFGS-B", bounds=bounds)
    deviations: ScoreArray = np.exp(found.x)
    for place in np.argsort(deviations):
        without = deviations.copy()
        without[place] = 0.0
        if deviations[place] < _SMALL and deviance(without) <= deviance(deviations) + _NO_WORSE:
            deviations = without
    return dict(zip(names, (deviations**2).tolist(), strict=True))


def _effects(
    y: ScoreArray, design: ScoreArray, matrices: Sequence[ScoreArray], variances: ScoreArray, residual: float
) -> tuple[ScoreArray, ScoreArray]:
    """Generalised least squares for given variances: estimates and standard errors.

    statsmodels takes the errors from a Hessian that has no inverse where a variance is zero.
    """
    levels = np.hstack([*matrices, np.zeros((len(y), 0))])
    ratios = np.repeat(np.sqrt(variances / residual), [matrix.shape[1] for matrix in matrices])
    inner = np.eye(len(ratios)) + ratios[:, None] * (levels.T @ levels) * ratios
    fixed = np.column_stack([design, y])
    outer = ratios[:, None] * (levels.T @ fixed)
    moments = fixed.T @ fixed - outer.T @ np.linalg.solve(inner, outer)
    covariance = np.linalg.inv(moments[:-1, :-1])
    return covariance @ moments[:-1, -1], np.sqrt(np.diag(covariance) * residual)


def _residual(y: ScoreArray, design: ScoreArray) -> float:
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(rest @ rest) / (len(y) - int(design.shape[1]))
