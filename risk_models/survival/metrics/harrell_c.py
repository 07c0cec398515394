"""Harrell's concordance index.

References
----------
Harrell FE, Lee KL, Mark DB. Stat Med 1996;15:361-387.
"""

import numpy as np

from risk_models.survival.arrays import Bools, Floats, Texts
from risk_models.survival.metrics.pairs import count_pairs


def harrell_c(time: Floats, event: Bools, risk: Floats, strata: Texts | None = None) -> float:
    """Share of comparable pairs in which the one with the earlier event had the higher risk.

    It depends on how people were censored; `uno_c` does not.

    Parameters
    ----------
    time, event, risk : (n,)
        Follow-up, whether it ended with the event, predicted risk (any scale, larger is worse).
    strata : (n,)
        Pairs are made within a stratum only.

    Returns
    -------
    float
        0.5 is chance, 1 perfect; NaN without a comparable pair. Equal risks count half.
    """
    groups = [slice(None)] if strata is None else [strata == name for name in np.unique(strata)]
    totals = np.zeros(2)
    for rows in groups:
        pairs = count_pairs(time[rows], event[rows], risk[rows])
        totals += [(pairs.concordant + pairs.tied / 2).sum(), pairs.comparable.sum()]
    return float(totals[0] / totals[1]) if totals[1] else float("nan")
