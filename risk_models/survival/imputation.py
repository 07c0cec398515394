"""Multiple imputation by chained equations, and Rubin's rules.

Each missing covariate is drawn from a normal linear regression on the other covariates, the event
indicators and the Nelson-Aalen cumulative hazard at the person's own time; coefficients and
variance of each regression are drawn from their posterior first, so that the imputations are
proper. Truth values are drawn as numbers and not rounded, because rounding biases coefficients.

The linear regression approximates what a Cox model implies: the coefficient of an imputed covariate
comes out nearer to 0 (a log hazard ratio of 0.5 with 60 % missing among half of those with the
event: 0.45 in our simulation), those of the others do not.

References
----------
Rubin DB. Multiple Imputation for Nonresponse in Surveys. Wiley 1987.
White IR, Royston P. Stat Med 2009;28:1982-1998, doi:10.1002/sim.3618 (what the model must hold).
van Buuren S. Flexible Imputation of Missing Data. 2nd ed. CRC 2018, algorithm 3.1.
Horton NJ, Lipsitz SR, Parzen M. Am Stat 2003;57:229-232, doi:10.1198/0003130032314 (rounding).
Barnard J, Rubin DB. Biometrika 1999;86:948-955, doi:10.1093/biomet/86.4.948.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - sklearn asks for it
from sklearn.impute import IterativeImputer

from risk_models.survival.arrays import Floats, Ints
from risk_models.survival.bootstrap import Progress, no_progress
from risk_models.survival.data import SurvivalData

RIDGE = 1e-5
"""Share of the diagonal added before inversion (van Buuren, algorithm 3.1)."""


class PosteriorRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Normal linear regression whose coefficients and variance are one draw from the posterior.

    Parameters
    ----------
    random
        Source of the draws; all copies share it, so that no two draw the same.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random

    def __sklearn_clone__(self) -> "PosteriorRegression":
        """An unfitted copy with the same source of draws."""
        return PosteriorRegression(self.random)

    def fit(self, x: Floats, y: Floats) -> "PosteriorRegression":
        """Draw from the posterior given x (n, p) and y (n,)."""
        self.mean_, self.scale_ = x.mean(axis=0), x.std(axis=0)
        design = np.column_stack([np.ones(len(x)), self._standardised(x)])
        squares = design.T @ design
        inverse = np.linalg.inv(squares + RIDGE * np.diag(np.diag(squares)))
        estimate = inverse @ design.T @ y
        degrees = max(len(y) - design.shape[1], 1)
        self.sigma_ = np.sqrt(((y - design @ estimate) ** 2).sum() / self.random.chisquare(degrees))
        spread = np.linalg.cholesky(inverse) @ self.random.standard_normal(len(estimate))
        self.coefficients_ = estimate + self.sigma_ * spread
        return self

    def predict(self, x: Floats, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Mean of the drawn regression, and its residual standard deviation."""
        mean = self.coefficients_[0] + self._standardised(x) @ self.coefficients_[1:]
        return (mean, np.full(len(x), self.sigma_)) if return_std else mean

    def _standardised(self, x: Floats) -> Floats:
        result: Floats = (x - self.mean_) / np.where(self.scale_ > 0, self.scale_, 1)
        return result


def nelson_aalen(time: Floats, event: Ints, cause: int = 1) -> Floats:
    """Cumulative hazard (n,) of a cause at each person's own time."""
    times, deaths = np.unique(time[event == cause], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
    hazard = np.concatenate([[0.0], np.cumsum(deaths / at_risk)])
    found: Floats = hazard[np.searchsorted(times, time, side="right")]
    return found


def impute(
    data: SurvivalData,
    *,
    imputations: int = 20,
    iterations: int = 10,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[SurvivalData, ...]:
    """Completed copies of the data; missing at random given what the model holds is assumed.

    Parameters
    ----------
    data
        With NaN where a covariate is missing.
    imputations
        Copies; as many as the per cent of incomplete people is a common choice.
    iterations
        Rounds through the covariates for each copy.
    seed
        Makes the draws.
    """
    if imputations < 2:
        raise ValueError(f"{imputations} imputations: at least 2, else there is nothing to compare")
    causes = [cause for cause in np.unique(data.event) if cause > 0]
    outcome = [
        column
        for cause in causes
        for column in (data.event == cause, nelson_aalen(data.time, data.event, int(cause)))
    ]
    table = np.column_stack([data.x, *outcome])
    copies = []
    for done, child in enumerate(np.random.SeedSequence(seed).spawn(imputations), start=1):
        random = np.random.default_rng(child)
        imputer = IterativeImputer(
            estimator=PosteriorRegression(random),
            sample_posterior=True,
            max_iter=iterations,
            random_state=int(random.integers(2**31)),
        )
        filled = imputer.fit_transform(table)[:, : len(data.covariates)]
        copies.append(data.with_values(np.asarray(filled, np.float64)))
        progress(done, imputations)
    return tuple(copies)


@dataclass(frozen=True, slots=True)
class Pooled:
    """Estimates pooled by Rubin's rules.

    Parameters
    ----------
    values, covariance : (p,), (p, p)
        Mean of the estimates; within plus (1 + 1/m) between covariance.
    degrees_of_freedom : (p,)
        Barnard and Rubin's, for Student's t.
    missing_information : (p,)
        Share of the variance that is due to missing values, 0 to 1.
    """

    values: Floats
    covariance: Floats
    degrees_of_freedom: Floats
    missing_information: Floats


def pool(values: Floats, covariances: Floats, complete_degrees: float) -> Pooled:
    """Pool m analyses of imputed data.

    Parameters
    ----------
    values, covariances : (m, p), (m, p, p)
        Estimates and covariances of each analysis, m >= 2.
    complete_degrees
        Degrees of freedom if nothing were missing: events less coefficients for a Cox model.
    """
    m = len(values)
    between = np.atleast_2d(np.cov(values, rowvar=False, ddof=1))
    total = covariances.mean(axis=0) + (1 + 1 / m) * between
    share = (1 + 1 / m) * np.diag(between) / np.diag(total)
    observed = (complete_degrees + 1) / (complete_degrees + 3) * complete_degrees * (1 - share)
    # 1 / df = 1 / old + 1 / observed, where old is infinite if the analyses are all equal.
    degrees = 1 / (share**2 / (m - 1) + 1 / observed)
    return Pooled(values.mean(axis=0), total, degrees, share)
