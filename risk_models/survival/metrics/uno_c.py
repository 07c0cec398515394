"""Uno's concordance index, free of the censoring pattern.

References
----------
Uno H, Cai T, Pencina MJ, D'Agostino RB, Wei LJ. Stat Med 2011;30:1105-1117, doi:10.1002/sim.4154.
"""

import numpy as np

from risk_models.survival.arrays import Bools, Floats
from risk_models.survival.metrics.horizon import check_horizon
from risk_models.survival.metrics.kaplan_meier import censoring_curve
from risk_models.survival.metrics.pairs import count_pairs


def uno_c(time: Floats, event: Bools, risk: Floats, horizon: float) -> float:
    """Concordance among pairs whose first event came before `horizon`, weighted by 1 / G(t-)^2.

    Parameters
    ----------
    time, event, risk : (n,)
        Follow-up, whether it ended with the event, predicted risk (any scale, larger is worse).
    horizon
        Events from here on are not used; choose one that enough people were followed to.

    Returns
    -------
    float
        0.5 is chance, 1 perfect; NaN without a comparable pair. Equal risks count half.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    """
    check_horizon(time, horizon)
    pairs = count_pairs(time, event, risk)
    used = event & (time < horizon)
    weight = np.zeros(len(time))
    weight[used] = censoring_curve(time, event).before(time[used]) ** -2.0
    comparable = weight @ pairs.comparable
    return (
        float(weight @ (pairs.concordant + pairs.tied / 2) / comparable) if comparable else np.nan
    )
