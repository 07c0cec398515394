"""Area under the cumulative/dynamic ROC curve at a horizon.

References
----------
Uno H, Cai T, Tian L, Wei LJ. J Am Stat Assoc 2007;102:527-537, doi:10.1198/016214507000000149.
Blanche P, Dartigues JF, Jacqmin-Gadda H. Stat Med 2013;32:5381-5397, doi:10.1002/sim.5958
(competing events by the horizon are controls).
"""

import numpy as np

from risk_models.survival.arrays import Floats, Ints
from risk_models.survival.metrics.horizon import status_at


def time_dependent_auc(time: Floats, event: Ints, risk: Floats, horizon: float) -> float:
    """Probability that one with the event by the horizon had a higher risk than one without.

    Parameters
    ----------
    time, event, risk : (n,)
        Follow-up; 0 censored, 1 event, 2 and above competing; predicted risk (any scale).
    horizon
        Up to the longest follow-up.

    Returns
    -------
    float
        0.5 is chance, 1 perfect; NaN if either group is empty. Equal risks count half.

    Raises
    ------
    HorizonError
        If nobody was followed to the horizon.
    """
    status = status_at(time, event, horizon)
    cases = status.weight * status.outcome
    controls = status.weight * (1 - status.outcome)
    order = np.argsort(risk, kind="stable")
    ordered = risk[order]
    below = np.concatenate([[0.0], np.cumsum(controls[order])])
    lower = below[np.searchsorted(ordered, risk, side="left")]
    not_higher = below[np.searchsorted(ordered, risk, side="right")]
    total = cases.sum() * below[-1]
    # Rounding of the sums must not give more than 1.
    return min(1.0, float(cases @ (lower + not_higher) / 2 / total)) if total else float("nan")
