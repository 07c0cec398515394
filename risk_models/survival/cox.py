"""Cox proportional hazards, Efron's ties, with strata and penalties (lifelines)."""

from dataclasses import dataclass

import numpy as np
from lifelines import CoxPHFitter

from risk_models.survival.arrays import Floats
from risk_models.survival.baseline import breslow
from risk_models.survival.coefficients import Coefficient, wald
from risk_models.survival.data import SurvivalData
from risk_models.survival.lifelines_frame import (
    EVENT,
    STRATUM,
    TIME,
    fit_errors,
    lifelines_frame,
)
from risk_models.survival.partial_likelihood import log_partial_likelihood
from risk_models.survival.prediction import ProportionalHazards

PRECISION = 1e-12
"""Newton decrement at which a fit ends; lifelines' own 1e-7 leaves coefficients 1e-5 off."""


NEGLIGIBLE = 1e-4
"""Log hazard ratio per standard deviation that a lasso takes for 0; smoothing leaves about 1e-9."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """Elastic net on coefficients of standardised covariates.

    The log partial likelihood loses ``n * strength * (l1_ratio * |b| + (1 - l1_ratio) / 2 * b^2)``
    for each. lifelines smooths |b|, so that what a lasso sets to 0 comes out very small; below
    `NEGLIGIBLE` it is set to 0 here.

    Parameters
    ----------
    strength
        >= 0; 0 is no penalty.
    l1_ratio
        0 ridge, 1 lasso, between them elastic net.
    """

    strength: float = 0.0
    l1_ratio: float = 0.0

    def __post_init__(self) -> None:
        if not self.strength >= 0 or not 0 <= self.l1_ratio <= 1:
            raise ValueError(
                f"penalty strength {self.strength}, l1_ratio {self.l1_ratio}: the strength is "
                "0 or above, the ratio from 0 (ridge) to 1 (lasso)"
            )


NO_PENALTY = Penalty()


@dataclass(frozen=True, slots=True)
class CoxFit:
    """A fitted Cox model.

    Parameters
    ----------
    prediction
        What gives risks; its baseline is Breslow's estimate.
    covariance : (p, p)
        Of the coefficients: the inverse information. Under a penalty it is the inverse of the
        penalised information, and tests from it are not to be trusted.
    log_likelihood_null, log_likelihood
        Log partial likelihood at 0 and at the coefficients; never with the penalty.
    """

    prediction: ProportionalHazards
    covariance: Floats
    log_likelihood_null: float
    log_likelihood: float
    n: int
    events: int
    penalty: Penalty

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Coefficients with standard errors, 95 % intervals and Wald tests."""
        return wald(self.prediction.covariates, self.prediction.coefficients, self.covariance)


def fit_cox(
    data: SurvivalData,
    *,
    penalty: Penalty = NO_PENALTY,
    start: Floats | None = None,
) -> CoxFit:
    """Fit a Cox model; competing events count as censored (cause-specific hazard).

    Parameters
    ----------
    data
        Complete covariates (see `imputation` where some are missing).
    penalty
        See `Penalty`; `cross_validation.choose_penalty` finds a strength.
    start : (p,)
        Coefficients to start from.

    Raises
    ------
    SurvivalDataError
        If a covariate is missing.
    FitError
        If the fit does not converge.
    """
    fitter = CoxPHFitter(penalizer=penalty.strength, l1_ratio=penalty.l1_ratio)
    frame, scale = lifelines_frame(data)
    with fit_errors("Cox model"):
        fitter.fit(
            frame,
            duration_col=TIME,
            event_col=EVENT,
            strata=[STRATUM] if data.strata_columns else None,
            initial_point=None if start is None else start * scale.deviation,
            fit_options={"precision": PRECISION, "r_precision": PRECISION},
        )
    fitted = fitter.params_.to_numpy(dtype=np.float64)
    if penalty.strength > 0 and penalty.l1_ratio > 0:
        fitted = np.where(np.abs(fitted) < NEGLIGIBLE, 0.0, fitted)
    coefficients = scale.coefficients(fitted)
    covariance = scale.covariance(fitter.variance_matrix_.to_numpy(dtype=np.float64))
    return cox_fit(data, coefficients, covariance, penalty)


def cox_fit(
    data: SurvivalData, coefficients: Floats, covariance: Floats, penalty: Penalty = NO_PENALTY
) -> CoxFit:
    """Everything that follows from coefficients (p,) and the data they were fitted to."""
    prediction = ProportionalHazards(
        data.covariates,
        coefficients,
        reference := data.x.mean(axis=0),
        breslow(data, (data.x - reference) @ coefficients),
    )
    return CoxFit(
        prediction,
        covariance,
        log_partial_likelihood(data, np.zeros(len(coefficients))),
        log_partial_likelihood(data, coefficients),
        len(data),
        data.events,
        penalty,
    )
