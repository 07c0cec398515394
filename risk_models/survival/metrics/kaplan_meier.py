"""Kaplan-Meier survival, and the same of censoring for inverse-probability weights.

References
----------
Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481, doi:10.1080/01621459.1958.10501452.
"""

from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """Survival that falls at `times` to `values` and is flat between.

    Parameters
    ----------
    times, values, variance : (k,)
        Distinct event times, survival from then on, Greenwood's variance of it.
    """

    times: Floats
    values: Floats
    variance: Floats

    def at(self, times: Floats | float) -> Floats:
        """Survival at each time (k,), an event at that time counted."""
        return self._value(np.searchsorted(self.times, np.atleast_1d(times), side="right"))

    def before(self, times: Floats | float) -> Floats:
        """Survival just before each time (k,)."""
        return self._value(np.searchsorted(self.times, np.atleast_1d(times), side="left"))

    def variance_at(self, times: Floats | float) -> Floats:
        """Greenwood's variance of `at`."""
        position = np.searchsorted(self.times, np.atleast_1d(times), side="right")
        found: Floats = np.concatenate([[0.0], self.variance])[position]
        return found

    def _value(self, position: Ints) -> Floats:
        found: Floats = np.concatenate([[1.0], self.values])[position]
        return found


def kaplan_meier(time: Floats, event: Bools) -> SurvivalCurve:
    """Survival from time (n,) and whether it ended with the event (n,)."""
    ordered = np.sort(time)
    times, deaths = np.unique(time[event], return_counts=True)
    at_risk = len(time) - np.searchsorted(ordered, times, side="left")
    values: Floats = np.cumprod(1.0 - deaths / at_risk, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.cumsum(deaths / (at_risk * (at_risk - deaths)))
    # All have had the event: survival is 0 and Greenwood's term infinite.
    variance = np.where(values > 0, values**2 * np.where(values > 0, hazard, 0), 0.0)
    return SurvivalCurve(times.astype(np.float64), values, variance)


def censoring_curve(time: Floats, event: Bools) -> SurvivalCurve:
    """Probability of not being censored; who has the event leaves before who is censored.

    An event and a censoring at the same time: the event is taken to come first, so that the event's
    owner is not at risk of that censoring.
    """
    censored = ~event
    times, lost = np.unique(time[censored], return_counts=True)
    ordered = np.sort(time)
    events = np.sort(time[event])
    at_risk = len(time) - np.searchsorted(ordered, times, side="left")
    tied = np.searchsorted(events, times, "right") - np.searchsorted(events, times, "left")
    values = np.cumprod(1.0 - lost / (at_risk - tied), dtype=np.float64)
    return SurvivalCurve(times.astype(np.float64), values, np.full(len(times), np.nan))
