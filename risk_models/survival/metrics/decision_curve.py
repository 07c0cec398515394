"""Net benefit of acting on a predicted risk, with censoring and competing events.

References
----------
Vickers AJ, Elkin EB. Med Decis Making 2006;26:565-574, doi:10.1177/0272989X06295361.
Vickers AJ, Cronin AM, Elkin EB, Gonen M. BMC Med Inform Decis Mak 2008;8:53,
doi:10.1186/1472-6947-8-53 (censored data).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from risk_models.survival.arrays import Bools, Floats, Ints
from risk_models.survival.competing import aalen_johansen
from risk_models.survival.metrics.horizon import check_horizon


@dataclass(frozen=True, slots=True)
class NetBenefit:
    """Net benefit at one threshold; that of treating nobody is 0.

    Parameters
    ----------
    threshold
        Risk from which one would act.
    acted_on
        Share of people at or above it.
    model, treat_all
        True positives per person, less false positives times the odds of the threshold.
    """

    threshold: float
    acted_on: float
    model: float
    treat_all: float


def decision_curve(
    time: Floats, event: Ints, risk: Floats, horizon: float, thresholds: Sequence[float]
) -> tuple[NetBenefit, ...]:
    """Net benefit at each threshold.

    Parameters
    ----------
    time, event : (n,)
        Follow-up; 0 censored, 1 event, 2 and above competing.
    risk : (n,)
        Predicted probability of the event by the horizon.
    thresholds
        Each above 0 and below 1.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    ValueError
        If a threshold is not above 0 and below 1.
    """
    check_horizon(time, horizon)
    if wrong := [value for value in thresholds if not 0 < value < 1]:
        raise ValueError(f"threshold {wrong[0]:g}: a risk above 0 and below 1 is needed")
    everyone = risk >= 0
    return tuple(
        NetBenefit(
            threshold,
            float((risk >= threshold).mean()),
            _net_benefit(time, event, risk >= threshold, horizon, threshold),
            _net_benefit(time, event, everyone, horizon, threshold),
        )
        for threshold in thresholds
    )


def _net_benefit(
    time: Floats, event: Ints, acted_on: Bools, horizon: float, threshold: float
) -> float:
    share = float(acted_on.mean())
    if share == 0:
        return 0.0
    if time[acted_on].max() < horizon:
        return float("nan")  # nobody of them was followed so far; their risk is not known
    observed = float(aalen_johansen(time[acted_on], event[acted_on]).at(horizon)[0])
    return share * (observed - (1 - observed) * threshold / (1 - threshold))
