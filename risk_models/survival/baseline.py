"""Breslow's estimate of the baseline cumulative hazard.

References
----------
Breslow NE. J R Stat Soc B 1972;34:216-217.
"""

import numpy as np

from risk_models.survival.arrays import Floats
from risk_models.survival.data import SurvivalData
from risk_models.survival.partial_likelihood import strata_rows
from risk_models.survival.prediction import StepFunction


def breslow(data: SurvivalData, linear_predictor: Floats) -> dict[str, StepFunction]:
    """Cumulative hazard at linear predictor 0, by stratum.

    Parameters
    ----------
    linear_predictor : (n,)
        Log hazard of each person relative to the reference.
    """
    baselines = {}
    for rows in strata_rows(data.strata):
        time, event = data.time[rows], data.event[rows] == 1
        order = np.argsort(time, kind="stable")
        at_risk = np.cumsum(np.exp(linear_predictor[rows][order])[::-1])[::-1]
        times, deaths = np.unique(time[event], return_counts=True)
        first = np.searchsorted(time[order], times, side="left")
        values = np.cumsum(deaths / at_risk[first])
        baselines[str(data.strata[rows][0])] = StepFunction(times, values, float(time.max()))
    return baselines
