"""Weighted regression of a yes-or-no outcome with complementary log-log link.

The link of proportional hazards: adding to cloglog(risk) multiplies the cumulative hazard.
"""

from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Floats
from risk_models.survival.errors import FitError

SMALLEST = 1e-12
"""Risks are kept this far from 0 and 1, where the link is infinite."""


def cloglog(risk: Floats) -> Floats:
    """log(-log(1 - risk))."""
    result: Floats = np.log(-np.log1p(-np.clip(risk, SMALLEST, 1 - SMALLEST)))
    return result


def inverse_cloglog(value: Floats) -> Floats:
    """1 - exp(-exp(value))."""
    result: Floats = -np.expm1(-np.exp(np.minimum(value, 30.0)))
    return result


@dataclass(frozen=True, slots=True)
class CloglogFit:
    """Coefficients (p,) and their sandwich covariance (p, p)."""

    coefficients: Floats
    covariance: Floats


def fit_cloglog(
    outcome: Floats, weight: Floats, x: Floats, offset: Floats | float = 0.0
) -> CloglogFit:
    """Maximise the weighted binomial likelihood, which is concave, by Fisher scoring.

    Parameters
    ----------
    outcome, weight : (n,)
        0 or 1, and how much each counts.
    x : (n, p)
        With a column of ones for an intercept.
    offset : (n,)
        Added to the predictor.

    Raises
    ------
    FitError
        If it does not converge, e.g. because nobody or everybody has the outcome.
    """
    used = weight > 0
    outcome, weight, x = outcome[used], weight[used], x[used]
    offset = np.broadcast_to(offset, used.shape)[used]
    mean = np.average(outcome, weights=weight)
    if not 0 < mean < 1:
        raise FitError("calibration cannot be fitted: nobody, or everybody, has the event")
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise FitError("calibration cannot be fitted: the predicted risks are equal")
    flat = cloglog(np.full(len(x), mean)) - offset
    beta = np.asarray(np.linalg.lstsq(x, flat, rcond=None)[0], np.float64)
    value = _likelihood(outcome, weight, x @ beta + offset)
    for _ in range(100):
        score, information = _score(outcome, weight, x, x @ beta + offset)
        step = np.linalg.solve(information, score.sum(axis=0))
        while (new := _likelihood(outcome, weight, x @ (beta + step) + offset)) < value - 1e-9:
            step = step / 2
        beta = beta + step
        done = abs(new - value) <= 1e-12 * abs(value)
        value = new
        if done:
            inverse = np.linalg.inv(information)
            return CloglogFit(beta, inverse @ (score.T @ score) @ inverse)
    raise FitError("calibration did not converge: too few events for it")


def _likelihood(outcome: Floats, weight: Floats, eta: Floats) -> float:
    hazard = np.exp(np.clip(eta, -30, 30))
    return float(weight @ (outcome * np.log(-np.expm1(-hazard)) - (1 - outcome) * hazard))


def _score(outcome: Floats, weight: Floats, x: Floats, eta: Floats) -> tuple[Floats, Floats]:
    hazard = np.exp(np.clip(eta, -30, 30))
    risk = -np.expm1(-hazard)
    residual = weight * hazard * (outcome / risk - 1)
    curvature = weight * hazard**2 * (1 - risk) / risk
    return residual[:, None] * x, x.T @ (curvature[:, None] * x)
