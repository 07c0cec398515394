"""Cox's partial likelihood with Efron's ties: value, score and information by event time.

lifelines fits with it but does not give it out by event time, nor for people it was not fitted to;
the score test of proportional hazards and cross-validation need that.

References
----------
Efron B. J Am Stat Assoc 1977;72:557-565, doi:10.1080/01621459.1977.10480613.
Therneau TM, Grambsch PM. Modeling Survival Data. Springer 2000, section 3.3.
"""

from dataclasses import dataclass, replace

import numpy as np

from risk_models.survival.arrays import Bools, Floats, Ints, Texts
from risk_models.survival.data import SurvivalData


@dataclass(frozen=True, slots=True)
class EventTimes:
    """Terms of the partial likelihood at k distinct event times (of all strata, one by one).

    Parameters
    ----------
    time : (k,)
        The event times.
    events : (k,)
        Number of events at each.
    log_likelihood : (k,)
        Terms whose sum is the log partial likelihood.
    score : (k, p)
        Terms of its gradient: observed minus expected covariates (Schoenfeld residuals, summed
        over tied events).
    information : (k, p, p)
        Terms of its negative second derivative.
    """

    time: Floats
    events: Floats
    log_likelihood: Floats
    score: Floats
    information: Floats


def event_times(data: SurvivalData, coefficients: Floats) -> EventTimes:
    """Terms of the log partial likelihood at `coefficients` (p,)."""
    died = data.event == 1
    parts = [
        _one_stratum(data.time[rows], died[rows], data.x[rows], coefficients)
        for rows in strata_rows(data.strata)
        if died[rows].any()
    ]
    return EventTimes(*(np.concatenate(terms) for terms in zip(*parts, strict=True)))


def strata_rows(strata: Texts) -> list[Bools]:
    """Membership of each stratum, in the order of its name."""
    return [strata == name for name in np.unique(strata)]


def log_partial_likelihood(data: SurvivalData, coefficients: Floats) -> float:
    """Log partial likelihood (Efron) of the people in `data`."""
    # With the linear predictor as the one covariate the value is the same, and no matrix of
    # second moments is made for each person.
    lp = (data.x - data.x.mean(axis=0)) @ coefficients
    one = replace(data, covariates=("linear predictor",), x=lp[:, None])
    return float(event_times(one, np.ones(1)).log_likelihood.sum())


def _one_stratum(
    time: Floats, died: Bools, x: Floats, coefficients: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    order = np.argsort(time, kind="stable")
    time, died, x = time[order], died[order], x[order] - x.mean(axis=0)
    lp = x @ coefficients
    relative = np.exp(lp)
    moments = _moments(relative, x)
    times, which = np.unique(time[died], return_inverse=True)
    first = np.searchsorted(time, times, side="left")
    at_risk = tuple(np.cumsum(m[::-1], axis=0)[::-1][first] for m in moments)
    tied = tuple(_summed(m[died], which, len(times)) for m in moments)
    deaths = np.bincount(which, minlength=len(times)).astype(np.float64)
    value = _summed(lp[died], which, len(times))
    score = _summed(x[died], which, len(times))
    information = np.zeros((len(times), x.shape[1], x.shape[1]))
    for nth in range(int(deaths.max())):
        there = deaths > nth
        share = nth / deaths[there]
        s0, s1, s2 = (
            risk[there] - share.reshape(-1, *[1] * (risk.ndim - 1)) * ties[there]
            for risk, ties in zip(at_risk, tied, strict=True)
        )
        mean = s1 / s0[:, None]
        value[there] -= np.log(s0)
        score[there] -= mean
        information[there] += s2 / s0[:, None, None] - mean[:, :, None] * mean[:, None, :]
    return times, deaths, value, score, information


def _moments(weight: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
    first = weight[:, None] * x
    return weight, first, first[:, :, None] * x[:, None, :]


def _summed(values: Floats, group: Ints, groups: int) -> Floats:
    total = np.zeros((groups, *values.shape[1:]))
    np.add.at(total, group, values)
    return total
