"""Who had the event by a horizon, and how much each known answer counts (IPCW).

Every metric at a horizon is a weighted metric of a yes-or-no outcome: people censored before the
horizon have no answer, and those observed stand in for them with weight 1 / P(not censored yet).

References
----------
Graf E, Schmoor C, Sauerbrei W, Schumacher M. Stat Med 1999;18:2529-2545.
Gerds TA, Schumacher M. Biom J 2006;48:1029-1040, doi:10.1002/bimj.200610301.
"""

from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Bools, Floats, Ints
from risk_models.survival.errors import HorizonError
from risk_models.survival.metrics.kaplan_meier import censoring_curve


@dataclass(frozen=True, slots=True)
class HorizonStatus:
    """Outcome at a horizon.

    Parameters
    ----------
    outcome : (n,)
        1 if the event of interest came by the horizon, else 0 (a competing event: 0).
    weight : (n,)
        0 for people censored before the horizon, else >= 1.
    """

    outcome: Floats
    weight: Floats


def status_at(time: Floats, event: Ints, horizon: float, cause: int = 1) -> HorizonStatus:
    """Outcome and weight of each person; censoring is taken to be independent of everything.

    Parameters
    ----------
    time, event : (n,)
        Follow-up, and 0 censored or the cause that ended it.
    horizon
        Up to the longest follow-up. Who is censored exactly then is known to have had no event.
    cause
        Which event; others are competing.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    """
    reached = check_horizon(time, horizon)
    free = censoring_curve(time, event > 0)
    ended = (event > 0) & (time <= horizon)
    weight = np.zeros(len(time))
    weight[reached & ~ended] = 1 / free.before(horizon)[0]
    weight[ended] = 1 / free.before(time[ended])
    return HorizonStatus((ended & (event == cause)).astype(np.float64), weight)


def check_horizon(time: Floats, horizon: float) -> Bools:
    """Who was followed to the horizon (n,).

    Raises
    ------
    HorizonError
        If nobody was, or it is not above 0.
    """
    reached = time >= horizon
    if not horizon > 0 or not reached.any():
        raise HorizonError(
            f"horizon {horizon:g}: it must be above 0 and within the follow-up, which ends at "
            f"{time.max():g}"
        )
    return reached
