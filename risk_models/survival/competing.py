"""Cumulative incidence under competing risks: the Aalen-Johansen estimate.

One minus Kaplan-Meier with other causes censored answers a question nobody asks (the risk if other
causes were abolished) and is too high; this is the risk as it is.

References
----------
Aalen OO, Johansen S. Scand J Stat 1978;5:141-150.
Marubini E, Valsecchi MG. Analysing Survival Data from Clinical Trials. Wiley 1995 (variance by the
delta method, section 10.4).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from risk_models.survival.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class CumulativeIncidence:
    """Probability of one cause, which rises at `times` to `values`.

    Parameters
    ----------
    times, values, variance : (k,)
        Distinct times of an event of any cause, incidence from then on, variance of it.
    """

    times: Floats
    values: Floats
    variance: Floats

    def at(self, times: Floats | float) -> Floats:
        """Incidence by each time (k,), from 0 to 1."""
        return self._at(self.values, times)

    def variance_at(self, times: Floats | float) -> Floats:
        """Variance of `at`."""
        return self._at(self.variance, times)

    def interval(self, times: Floats | float, level: float = 0.95) -> tuple[Floats, Floats]:
        """Pointwise interval on the complementary log-log scale, within 0 and 1."""
        value, variance = self.at(times), self.variance_at(times)
        z = stats.norm.ppf((1 + level) / 2)
        inside = (value > 0) & (value < 1)
        safe = np.where(inside, value, 0.5)
        log_survival = np.log1p(-safe)
        width = z * np.sqrt(variance) / ((1 - safe) * -log_survival)
        low = 1 - np.exp(log_survival * np.exp(-width))
        high = 1 - np.exp(log_survival * np.exp(width))
        return np.where(inside, low, value), np.where(inside, high, value)

    def _at(self, values: Floats, times: Floats | float) -> Floats:
        position = np.searchsorted(self.times, np.atleast_1d(times), side="right")
        return np.concatenate([[0.0], values])[position]


def aalen_johansen(time: Floats, event: Ints, cause: int = 1) -> CumulativeIncidence:
    """Cumulative incidence of a cause.

    Parameters
    ----------
    time, event : (n,)
        Follow-up, and 0 censored or the cause that ended it.
    cause
        Which cause.
    """
    times, deaths = np.unique(time[event > 0], return_counts=True)
    at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
    mine = np.zeros(len(times))
    own_times, own = np.unique(time[event == cause], return_counts=True)
    mine[np.searchsorted(times, own_times)] = own
    survival = np.cumprod(1 - deaths / at_risk)
    before = np.concatenate([[1.0], survival[:-1]])
    values = np.cumsum(before * mine / at_risk)
    return CumulativeIncidence(
        times.astype(np.float64), values, _variance(values, before, mine, deaths, at_risk)
    )


def _variance(values: Floats, before: Floats, mine: Floats, deaths: Ints, at_risk: Ints) -> Floats:
    """Delta method; sums over the times up to t of terms in F(t) - F(s), by running sums."""
    with np.errstate(divide="ignore", invalid="ignore"):
        all_causes = np.where(at_risk > deaths, deaths / (at_risk * (at_risk - deaths)), 0.0)
    own = before**2 * (at_risk - mine) * mine / at_risk**3.0
    mixed = before * mine / at_risk**2.0

    def running(terms: Floats) -> Floats:
        return np.cumsum(terms)

    squared = (
        values**2 * running(all_causes)
        - 2 * values * running(all_causes * values)
        + running(all_causes * values**2)
    )
    crossed = values * running(mixed) - running(mixed * values)
    result: Floats = np.maximum(squared + running(own) - 2 * crossed, 0.0)
    return result
