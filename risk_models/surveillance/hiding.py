"""Small counts are hidden in what leaves the surveillance team, as in reports of cohorts.

One series shows no sum of hidden counts that would give one away. Where the series of districts
stand beside the whole, each period is protected as a table with its total.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from risk_models.cohort.suppression import SMALLEST_SHOWN, protect

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def hidden_alone(events: IntArray) -> BoolArray:
    """Which counts of one series are hidden: 1 to 4."""
    hidden: BoolArray = (events > 0) & (events < SMALLEST_SHOWN)
    return hidden


def hidden_beside_total(parts: Sequence[IntArray]) -> tuple[list[BoolArray], BoolArray]:
    """Which counts are hidden where districts stand beside their sum.

    Parameters
    ----------
    parts
        Counts of each district by period, shape (n,) each; together they are the whole.

    Returns
    -------
    districts, whole
        Hidden counts of each district and of the sum.
    """
    table = np.stack(list(parts))
    districts = np.zeros(table.shape, dtype=np.bool_)
    whole = np.zeros(table.shape[1], dtype=np.bool_)
    for period in range(table.shape[1]):
        # A column beside it that holds nothing: the totals of the rows are the counts.
        column = table[:, period]
        if not hidden_alone(column).any() and not hidden_alone(column.sum(keepdims=True)).any():
            continue
        found = protect(column[:, None]).hidden
        districts[:, period] = found[:-1].any(axis=1)
        whole[period] = found[-1].any()
    return list(districts), whole


def sum_may_be_shown(events: IntArray, hidden: BoolArray) -> bool:
    """Whether the sum of a series leaves every hidden count of it open.

    It does if no count is hidden, or if several are that are neither all 1 nor all 4.
    """
    small = events[hidden]
    number, total = small.size, int(small.sum())
    if number == 0:
        return True
    return number > 1 and number < total < (SMALLEST_SHOWN - 1) * number
