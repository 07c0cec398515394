"""Fine and Gray's model of the risk of one cause under competing causes.

People who had a competing event stay at risk with the weight G(t-) / G(T-), the probability of not
being censored by t given that they were not by T. lifelines would need one row for every step of
that weight, and its baseline and sandwich ignore when a row starts; the weights enter risk sets as
a product, so running sums do the same exactly. Ties are Breslow's, as in R's `cmprsk`.

References
----------
Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496-509, doi:10.1080/01621459.1999.10474144.
Geskus RB. Biometrics 2011;67:39-49, doi:10.1111/j.1541-0420.2010.01420.x.
"""

from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Floats, Ints
from risk_models.survival.coefficients import Coefficient, wald
from risk_models.survival.data import NO_STRATUM, SurvivalData, check_fittable
from risk_models.survival.errors import FitError, SurvivalDataError
from risk_models.survival.metrics.kaplan_meier import censoring_curve
from risk_models.survival.prediction import ProportionalHazards, StepFunction


@dataclass(frozen=True, slots=True)
class FineGrayFit:
    """A fitted Fine-Gray model; exp(coefficient) is a subdistribution hazard ratio.

    Parameters
    ----------
    prediction
        What gives the cumulative incidence of cause 1.
    covariance : (p, p)
        Sandwich over people. That the weights are estimated too is left out, as R's
        `survival::finegray` does; it changes little.
    competing
        Number of competing events.
    """

    prediction: ProportionalHazards
    covariance: Floats
    n: int
    events: int
    competing: int

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Coefficients with robust standard errors, 95 % intervals and Wald tests."""
        return wald(self.prediction.covariates, self.prediction.coefficients, self.covariance)


@dataclass(frozen=True, slots=True)
class _Weighted:
    """People by rising time, with standardised covariates and the terms of the weights."""

    x: Floats
    own: Floats  # 1 / G(T-) for people with a competing event, else 0
    cause: Ints  # positions of people with cause 1
    times: Floats  # distinct times of cause 1
    deaths: Floats
    of_death: Ints  # which of `times`
    first: Ints  # first person with T >= time
    last: Ints  # how many of `times` are <= T, for each person
    free: Floats  # G(time-)


def fit_fine_gray(data: SurvivalData) -> FineGrayFit:
    """Fit cause 1 (event code 1); codes 2 and above compete.

    Raises
    ------
    SurvivalDataError
        If a covariate is missing, there are strata, or nobody has a competing event.
    FitError
        If nobody has the event, a covariate is the same for everyone, or the fit does not converge.
    """
    if any(data.missing.values()) or data.strata_columns:
        raise SurvivalDataError("a Fine-Gray model takes complete covariates and no strata")
    competing = int((data.event > 1).sum())
    if competing == 0:
        raise SurvivalDataError("nobody has a competing event (code 2 or above); fit a Cox model")
    check_fittable(data)
    mean, scale = data.x.mean(axis=0), data.x.std(axis=0)
    people = _weighted(data, (data.x - mean) / scale)
    beta = _newton(people)
    *_, information, s0, mean_at = _likelihood(people, beta)
    inverse = np.linalg.inv(information)
    residuals = _score_residuals(people, beta, s0, mean_at)
    covariance = inverse @ (residuals.T @ residuals) @ inverse / np.outer(scale, scale)
    baseline = StepFunction(people.times, np.cumsum(people.deaths / s0), float(data.time.max()))
    prediction = ProportionalHazards(data.covariates, beta / scale, mean, {NO_STRATUM: baseline})
    return FineGrayFit(prediction, covariance, len(data), data.events, competing)


def _weighted(data: SurvivalData, x: Floats) -> _Weighted:
    order = np.argsort(data.time, kind="stable")
    time, event = data.time[order], data.event[order]
    free = censoring_curve(time, event > 0)
    own = np.zeros(len(time))
    own[event > 1] = 1 / free.before(time[event > 1])
    times, which, deaths = np.unique(time[event == 1], return_inverse=True, return_counts=True)
    return _Weighted(
        x[order],
        own,
        np.flatnonzero(event == 1),
        times,
        deaths.astype(np.float64),
        which,
        np.searchsorted(time, times, side="left"),
        np.searchsorted(times, time, side="right"),
        free.before(times),
    )


def _risk_set_sums(people: _Weighted, terms: Floats) -> Floats:
    """Weighted sum over the risk set at each event time of terms (n, ...)."""
    shape = (-1, *[1] * (terms.ndim - 1))
    before = np.cumsum(people.own.reshape(shape) * terms, axis=0)
    before = np.concatenate([np.zeros((1, *terms.shape[1:])), before])[people.first]
    after = np.cumsum(terms[::-1], axis=0)[::-1][people.first]
    total: Floats = after + people.free.reshape(shape) * before
    return total


def _likelihood(people: _Weighted, beta: Floats) -> tuple[float, Floats, Floats, Floats, Floats]:
    """Log pseudo-likelihood, score (p,), information (p, p), S0 (k,), S1 / S0 (k, p)."""
    x, deaths = people.x, people.deaths
    lp = x @ beta
    relative = np.exp(lp)
    first = relative[:, None] * x
    s0 = _risk_set_sums(people, relative)
    mean = _risk_set_sums(people, first) / s0[:, None]
    second = _risk_set_sums(people, first[:, :, None] * x[:, None, :]) / s0[:, None, None]
    value = float(lp[people.cause].sum() - deaths @ np.log(s0))
    score = x[people.cause].sum(axis=0) - deaths @ mean
    information = np.tensordot(deaths, second - mean[:, :, None] * mean[:, None, :], axes=1)
    return value, score, information, s0, mean


def _newton(people: _Weighted) -> Floats:
    beta = np.zeros(people.x.shape[1])
    value, score, information, *_ = _likelihood(people, beta)
    for _ in range(50):
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError as error:
            raise FitError("a covariate follows from the others; leave it out") from error
        if float(score @ step) < 1e-18 * max(1.0, abs(value)):
            return beta
        new = _likelihood(people, beta + step)
        while not new[0] >= value - 1e-9 and np.abs(step).max() > 1e-12:
            step = step / 2
            new = _likelihood(people, beta + step)
        beta = beta + step
        value, score, information = new[:3]
        if np.abs(beta).max() > 20:  # of standardised covariates: on its way to infinity
            break
    raise FitError("the Fine-Gray model did not converge: a covariate separates the events")


def _score_residuals(people: _Weighted, beta: Floats, s0: Floats, mean: Floats) -> Floats:
    """Contribution (n, p) of each person to the score."""
    relative = np.exp(people.x @ beta)
    hazard = people.deaths / s0

    def until(terms: Floats) -> Floats:
        start = np.zeros((1, *terms.shape[1:]))
        return np.concatenate([start, np.cumsum(terms, axis=0)])

    at_risk, at_risk_x = until(hazard), until(hazard[:, None] * mean)
    kept = until(people.free * hazard)
    kept_x = until((people.free * hazard)[:, None] * mean)
    last, own = people.last, people.own
    exposure = at_risk[last] + own * (kept[-1] - kept[last])
    exposure_x = at_risk_x[last] + own[:, None] * (kept_x[-1] - kept_x[last])
    residuals: Floats = -relative[:, None] * (people.x * exposure[:, None] - exposure_x)
    residuals[people.cause] += people.x[people.cause] - mean[people.of_death]
    return residuals
