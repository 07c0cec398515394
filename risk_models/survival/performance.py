"""All metrics of one prediction at one horizon."""

from collections.abc import Callable, Mapping

import numpy as np

from risk_models.survival.arrays import Floats, Ints
from risk_models.survival.errors import FitError
from risk_models.survival.metrics.brier import brier_score, index_of_prediction_accuracy
from risk_models.survival.metrics.calibration import (
    calibration_slope,
    integrated_calibration_index,
    observed_expected_ratio,
)
from risk_models.survival.metrics.harrell_c import harrell_c
from risk_models.survival.metrics.time_dependent_auc import time_dependent_auc
from risk_models.survival.metrics.uno_c import uno_c

Metric = Callable[[Floats, Ints, Floats, float], float]


def _harrell(time: Floats, event: Ints, risk: Floats, horizon: float) -> float:  # noqa: ARG001
    # Who had a competing event never has this one: Wolbers M, et al. Epidemiology 2009;20:555-561,
    # doi:10.1097/EDE.0b013e3181a39056.
    never = np.where(event > 1, np.inf, time)
    return harrell_c(never, event == 1, risk)


def _uno(time: Floats, event: Ints, risk: Floats, horizon: float) -> float:
    # Its weights are not defined here for competing events.
    return float("nan") if (event > 1).any() else uno_c(time, event == 1, risk, horizon)


def _slope(time: Floats, event: Ints, risk: Floats, horizon: float) -> float:
    return calibration_slope(time, event, risk, horizon).value


def _ratio(time: Floats, event: Ints, risk: Floats, horizon: float) -> float:
    return observed_expected_ratio(time, event, risk, horizon).value


METRICS: Mapping[str, Metric] = {
    "harrell_c": _harrell,
    "uno_c": _uno,
    "auc": time_dependent_auc,
    "brier": brier_score,
    "ipa": index_of_prediction_accuracy,
    "observed_expected": _ratio,
    "calibration_slope": _slope,
    "ici": integrated_calibration_index,
}
"""Metrics by the name that reports and files use."""


def performance(time: Floats, event: Ints, risk: Floats, horizon: float) -> dict[str, float]:
    """Every metric; NaN where one cannot be computed.

    Parameters
    ----------
    time, event : (n,)
        Follow-up; 0 censored, 1 event, 2 and above competing.
    risk : (n,)
        Predicted probability of the event by the horizon.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    """
    found = {}
    for name, metric in METRICS.items():
        try:
            found[name] = metric(time, event, risk, horizon)
        except FitError:
            found[name] = float("nan")
    return found
