"""Brier score at a horizon, and the index of prediction accuracy (IPA).

References
----------
Graf E, Schmoor C, Sauerbrei W, Schumacher M. Stat Med 1999;18:2529-2545.
Kattan MW, Gerds TA. Diagn Progn Res 2018;2:7, doi:10.1186/s41512-018-0029-2.
"""

import numpy as np

from risk_models.survival.arrays import Floats, Ints
from risk_models.survival.competing import aalen_johansen
from risk_models.survival.metrics.horizon import status_at


def brier_score(time: Floats, event: Ints, risk: Floats, horizon: float) -> float:
    """Mean squared difference of predicted risk and outcome at the horizon (IPCW).

    Parameters
    ----------
    time, event : (n,)
        Follow-up; 0 censored, 1 event, 2 and above competing.
    risk : (n,)
        Predicted probability of the event by the horizon.
    horizon
        Up to the longest follow-up.

    Returns
    -------
    float
        0 is perfect; a risk of 0.5 for everyone gives about 0.25.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    """
    status = status_at(time, event, horizon)
    return float(np.mean(status.weight * (status.outcome - risk) ** 2))


def index_of_prediction_accuracy(time: Floats, event: Ints, risk: Floats, horizon: float) -> float:
    """Share of the null model's Brier score that the model removes.

    The null model gives everyone the observed risk at the horizon (Aalen-Johansen). Parameters and
    errors as `brier_score`.

    Returns
    -------
    float
        0 for the null model, 1 perfect, below 0 worse than knowing nothing of the person.
    """
    observed = aalen_johansen(time, event).at(horizon)[0]
    null = brier_score(time, event, np.full(len(time), observed), horizon)
    return 1 - brier_score(time, event, risk, horizon) / null if null > 0 else float("nan")
