"""What a fitted model is once it is fitted: numbers that give a risk. Needs numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Floats, Texts
from risk_models.survival.data import NO_STRATUM
from risk_models.survival.errors import HorizonError, SurvivalDataError


@dataclass(frozen=True, slots=True)
class StepFunction:
    """A cumulative hazard that rises at event times and is flat between them.

    Parameters
    ----------
    times : (k,)
        Where it rises, increasing, > 0.
    values : (k,)
        Its value from that time on; 0 before the first.
    end
        The longest follow-up; it is not known beyond.
    """

    times: Floats
    values: Floats
    end: float

    def at(self, times: Floats) -> Floats:
        """Its value at `times`.

        Raises
        ------
        HorizonError
            If a time is beyond the longest follow-up or below 0.
        """
        asked = np.atleast_1d(np.asarray(times, np.float64))
        if asked.size and (asked.max() > self.end or asked.min() < 0):
            raise HorizonError(
                f"time {asked.max():g}: the model knows times from 0 to {self.end:g}, the longest "
                "follow-up it was fitted to"
            )
        position = np.searchsorted(self.times, asked, side="right")
        return np.concatenate([[0.0], self.values])[position]


@dataclass(frozen=True, slots=True)
class ProportionalHazards:
    """Risk under proportional hazards, of an event or (Fine-Gray) of its subdistribution.

    Parameters
    ----------
    covariates
        Names, in the order of `coefficients`.
    coefficients : (p,)
        Log hazard ratios per unit.
    reference : (p,)
        Covariates of the person whose cumulative hazard the baseline is: the means.
    baselines
        Cumulative hazard at `reference`, by stratum.
    """

    covariates: tuple[str, ...]
    coefficients: Floats
    reference: Floats
    baselines: Mapping[str, StepFunction]

    def linear_predictor(self, x: Floats) -> Floats:
        """Log hazard relative to `reference`, (n,), of covariates (n, p)."""
        return _weighted_sum(np.atleast_2d(x) - self.reference, self.coefficients)

    def risk(self, x: Floats, times: Floats | float, strata: Texts | None = None) -> Floats:
        """Probability of the event by each of k times.

        Parameters
        ----------
        x : (n, p)
            Covariates.
        times : (k,)
            From 0 to the longest follow-up.
        strata : (n,)
            As `SurvivalData` names them; may be left out where the model has none.

        Returns
        -------
        (n, k)
            From 0 to 1.
        """
        asked = np.atleast_1d(np.asarray(times, np.float64))
        relative = np.exp(self.linear_predictor(x))
        if strata is None:
            if set(self.baselines) != {NO_STRATUM}:
                raise SurvivalDataError("the model has strata; say which one each person is in")
            strata = np.full(len(relative), NO_STRATUM)
        cumulative = np.empty((len(relative), len(asked)))
        for name in np.unique(strata):
            if str(name) not in self.baselines:
                raise SurvivalDataError(
                    f"stratum {name!r}: the model has {', '.join(sorted(self.baselines))}"
                )
            cumulative[strata == name] = self.baselines[str(name)].at(asked)
        result: Floats = -np.expm1(-cumulative * relative[:, None])
        return result


@dataclass(frozen=True, slots=True)
class WeibullAcceleratedFailure:
    """Risk under a Weibull accelerated failure time model: S(t) = exp(-(t / scale)^shape).

    Parameters
    ----------
    covariates
        Names, in the order of `coefficients`.
    coefficients : (p,)
        Log time ratios per unit: above 0 means longer until the event.
    intercept
        Log scale at covariates 0.
    shape
        > 0; above 1 the hazard rises with time.
    """

    covariates: tuple[str, ...]
    coefficients: Floats
    intercept: float
    shape: float

    def linear_predictor(self, x: Floats) -> Floats:
        """Log hazard relative to covariates 0, (n,): larger is worse, as for a Cox model."""
        return -self.shape * _weighted_sum(np.atleast_2d(x), self.coefficients)

    def risk(self, x: Floats, times: Floats | float, strata: Texts | None = None) -> Floats:
        """Probability (n, k) of the event by each of k times; there are no strata."""
        asked = np.atleast_1d(np.asarray(times, np.float64))
        if strata is not None and set(np.unique(strata)) != {NO_STRATUM}:
            raise SurvivalDataError("a Weibull model has no strata")
        scale = np.exp(self.intercept + _weighted_sum(np.atleast_2d(x), self.coefficients))
        result: Floats = -np.expm1(-((asked[None, :] / scale[:, None]) ** self.shape))
        return result


def _weighted_sum(x: Floats, coefficients: Floats) -> Floats:
    # Term by term: a matrix product sums in another order for one row than for many, and one
    # person must get the same bits alone as in a table.
    total = np.zeros(len(x))
    for column, coefficient in zip(x.T, coefficients, strict=True):
        total += column * coefficient
    return total


Prediction = ProportionalHazards | WeibullAcceleratedFailure
