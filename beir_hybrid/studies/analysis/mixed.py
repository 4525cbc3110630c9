"""Linear mixed models with crossed random effects, by statsmodels. The one module that knows it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from beir_hybrid.errors import MissingExtraError
from beir_hybrid.types import IntArray, ScoreArray

_LOG_RANGE = (-7.0, 7.0)
_NONE = 1e-4
"""A standard deviation below this share of the residual's counts as none."""


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
    if scale == 0 or len(y) <= design.shape[1] or not effects:
        return None
    names = sorted(effects)
    matrices = [effects[name] for name in names]
    scaled = (y - y.mean()) / scale
    columns = [[[f"{name} {level}" for level in range(effects[name].shape[1])]] for name in names]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what they say is in the result: whether it converged
        try:
            ratios = _begin(scaled, design, matrices)
            model = MixedLM(
                scaled, design, groups=np.zeros(len(y)), exog_vc=VCSpec(names, columns, [[m] for m in matrices])
            )
            least = np.linalg.lstsq(design, scaled, rcond=None)[0]
            begin = MixedLMParams.from_components(fe_params=least, vcomp=ratios)
            result = model.fit(reml=True, method=["lbfgs"], start_params=begin)
        except (np.linalg.LinAlgError, ValueError):
            return None
    found = np.asarray(result.vcomp, dtype=np.float64)
    if not result.converged or not np.isfinite(found).all() or not result.scale > 0:
        return None
    estimates, errors = _effects(scaled, design, matrices, found, float(result.scale))
    if not (np.isfinite(estimates).all() and np.isfinite(errors).all()):
        return None
    estimates = estimates.copy()
    estimates[0] += y.mean() / scale
    residual = float(np.sqrt(result.scale))
    deviations = {
        name: 0.0 if each <= _NONE * residual else each * scale
        for name, each in zip(names, np.sqrt(found).tolist(), strict=True)
    }
    return Fitted(estimates * scale, errors * scale, {**deviations, "residual": residual * scale})


def fit_robust(y: ScoreArray, design: ScoreArray, clusters: Sequence[IntArray]) -> Fitted:
    """Least squares; of several clusterings the larger standard error counts, without any the usual one."""
    try:
        import statsmodels.api as sm
    except ImportError as error:
        raise MissingExtraError("fitting a study", "statsmodels", "study") from error
    model = sm.OLS(y, design)
    found = [model.fit(cov_type="cluster", cov_kwds={"groups": codes}) for codes in clusters if len(set(codes)) > 1]
    plain = model.fit()
    with np.errstate(all="ignore"):
        errors = np.max([np.nan_to_num(each.bse) for each in found or [plain]], axis=0)
    return Fitted(np.asarray(plain.params), errors, {"residual": float(np.sqrt(max(plain.scale, 0.0)))})


def _begin(y: ScoreArray, design: ScoreArray, matrices: Sequence[ScoreArray]) -> ScoreArray:
    """Variances over the residual's to begin with, by REML over their logarithms.

    From its own beginning statsmodels stops far from the optimum when a variance is a hundred times the residual's,
    as that of languages is. Products of the columns are taken once, so that a step costs nothing of n.
    """
    from scipy.optimize import minimize

    sizes = [matrix.shape[1] for matrix in matrices]
    effects = np.hstack(matrices)
    fixed = np.column_stack([design, y])
    inner, outer, rest = effects.T @ effects, effects.T @ fixed, fixed.T @ fixed
    n, p = design.shape

    def deviance(logs: ScoreArray) -> float:
        ratios = np.repeat(np.exp(logs), sizes)
        factor = np.linalg.cholesky(np.eye(len(ratios)) + ratios[:, None] * inner * ratios)
        solved = np.linalg.solve(factor, ratios[:, None] * outer)
        reduced = np.linalg.cholesky(rest - solved.T @ solved)
        diagonal = np.diag(reduced)
        return float(
            2 * np.log(np.diag(factor)).sum() + 2 * np.log(diagonal[:-1]).sum() + 2 * (n - p) * np.log(diagonal[-1])
        )

    found = minimize(deviance, np.zeros(len(sizes)), method="L-BFGS-B", bounds=[_LOG_RANGE] * len(sizes))
    ratios: ScoreArray = np.exp(2 * found.x)
    return ratios


def _effects(
    y: ScoreArray, design: ScoreArray, matrices: Sequence[ScoreArray], variances: ScoreArray, scale: float
) -> tuple[ScoreArray, ScoreArray]:
    """Generalised least squares for given variances: estimates and standard errors.

    statsmodels takes the errors from a Hessian that has no inverse where a variance is zero.
    """
    effects = np.hstack(matrices)
    ratios = np.repeat(np.sqrt(variances / scale), [matrix.shape[1] for matrix in matrices])
    inner = np.eye(len(ratios)) + ratios[:, None] * (effects.T @ effects) * ratios
    fixed = np.column_stack([design, y])
    outer = ratios[:, None] * (effects.T @ fixed)
    moments = fixed.T @ fixed - outer.T @ np.linalg.solve(inner, outer)
    covariance = np.linalg.inv(moments[:-1, :-1])
    return covariance @ moments[:-1, -1], np.sqrt(np.diag(covariance) * scale)
