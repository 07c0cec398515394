"""Estimates of the baseline cumulative hazard: Breslow's and Efron's.

They differ at tied event times. Models here carry Breslow's, as lifelines; R's `survfit` of a fit
with Efron's ties gives Efron's.

References
----------
Breslow NE. J R Stat Soc B 1972;34:216-217.
Therneau TM, Grambsch PM. Modeling Survival Data. Springer 2000, section 10.2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Floats
from risk_models.survival.data import SurvivalData
from risk_models.survival.partial_likelihood import strata_rows
from risk_models.survival.prediction import StepFunction


def breslow(data: SurvivalData, linear_predictor: Floats) -> dict[str, StepFunction]:
    """Cumulative hazard at linear predictor 0, by stratum, by Breslow's estimate.

    Parameters
    ----------
    linear_predictor : (n,)
        Log hazard of each person relative to the reference.
    """
    return _baselines(data, linear_predictor, lambda sets: sets.deaths / sets.at_risk)


def efron(data: SurvivalData, linear_predictor: Floats) -> dict[str, StepFunction]:
    """The same by Efron's estimate: of d tied deaths, each leaves 1/d of their risk."""
    return _baselines(data, linear_predictor, _efron_steps)


@dataclass(frozen=True, slots=True)
class _RiskSets:
    """At each event time (k,): relative risk of all at risk, deaths, relative risk of those."""

    at_risk: Floats
    deaths: Floats
    tied: Floats


def _efron_steps(sets: _RiskSets) -> Floats:
    steps = np.zeros(len(sets.deaths))
    for nth in range(int(sets.deaths.max(initial=0))):
        there = sets.deaths > nth
        left = sets.at_risk - nth / sets.deaths * sets.tied
        steps[there] += 1 / left[there]
    return steps


def _baselines(
    data: SurvivalData,
    linear_predictor: Floats,
    steps: Callable[[_RiskSets], Floats],
) -> dict[str, StepFunction]:
    baselines = {}
    for rows in strata_rows(data.strata):
        time, event = data.time[rows], data.event[rows] == 1
        relative = np.exp(linear_predictor[rows])
        order = np.argsort(time, kind="stable")
        at_risk = np.cumsum(relative[order][::-1])[::-1]
        times, which = np.unique(time[event], return_inverse=True)
        deaths = np.bincount(which, minlength=len(times)).astype(np.float64)
        tied = np.bincount(which, weights=relative[event], minlength=len(times))
        first = np.searchsorted(time[order], times, side="left")
        hazard = steps(_RiskSets(at_risk[first], deaths, tied.astype(np.float64)))
        name = str(data.strata[rows][0])
        baselines[name] = StepFunction(times, np.cumsum(hazard), float(time.max()))
    return baselines
