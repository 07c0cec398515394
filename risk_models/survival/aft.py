"""Weibull accelerated failure time model (lifelines)."""

from dataclasses import dataclass

import numpy as np
from lifelines import WeibullAFTFitter

from risk_models.survival.arrays import Floats
from risk_models.survival.coefficients import Coefficient, wald
from risk_models.survival.data import SurvivalData
from risk_models.survival.errors import SurvivalDataError
from risk_models.survival.lifelines_frame import EVENT, TIME, fit_errors, lifelines_frame
from risk_models.survival.prediction import WeibullAcceleratedFailure

PRECISION = 1e-14
"""Change of the mean log-likelihood at which a fit ends; lifelines' own 1e-10 leaves risks 5e-6
off."""


@dataclass(frozen=True, slots=True)
class WeibullFit:
    """A fitted Weibull model; exp(coefficient) is a ratio of times until the event.

    Parameters
    ----------
    prediction
        What gives risks.
    covariance : (p, p)
        Of the coefficients, without intercept and shape.
    log_likelihood
        Full, not partial: not to be compared with a Cox model's.
    """

    prediction: WeibullAcceleratedFailure
    covariance: Floats
    log_likelihood: float
    n: int
    events: int

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Log time ratios with standard errors, 95 % intervals and Wald tests."""
        return wald(self.prediction.covariates, self.prediction.coefficients, self.covariance)


def fit_weibull(data: SurvivalData) -> WeibullFit:
    """Fit a Weibull model; competing events count as censored.

    Raises
    ------
    SurvivalDataError
        If a covariate is missing or there are strata.
    FitError
        If the fit does not converge.
    """
    if data.strata_columns:
        raise SurvivalDataError("a Weibull model takes no strata")
    fitter = WeibullAFTFitter()
    frame, unit = lifelines_frame(data)
    with fit_errors("Weibull model"):
        fitter.fit(frame, duration_col=TIME, event_col=EVENT, fit_options={"ftol": PRECISION})
    scale, shape = fitter.params_["lambda_"], fitter.params_["rho_"]
    names = list(data.covariates)
    covariance = fitter.variance_matrix_.loc["lambda_", "lambda_"].loc[names, names]
    coefficients = unit.coefficients(scale[names].to_numpy(dtype=np.float64))
    prediction = WeibullAcceleratedFailure(
        data.covariates,
        coefficients,
        float(scale["Intercept"] - unit.mean @ coefficients),
        float(np.exp(shape["Intercept"])),
    )
    return WeibullFit(
        prediction,
        unit.covariance(covariance.to_numpy(dtype=np.float64)),
        float(fitter.log_likelihood_),
        len(data),
        data.events,
    )
