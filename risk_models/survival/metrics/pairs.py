"""Counts of concordant pairs in O(n log^2 n), the core of every C-index.

A pair is comparable if one had the event before the other's follow-up ended; an event and a
censoring at the same time are comparable, two events at the same time are not. This is what R's
`concordance` counts.
"""

from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of each person with the event, as the one who had it first.

    Parameters
    ----------
    concordant, tied, comparable : (n,)
        Pairs where the other has lower risk, equal risk, all; 0 for people without the event.
    """

    concordant: Floats
    tied: Floats
    comparable: Floats


def count_pairs(time: Floats, event: Bools, risk: Floats) -> Pairs:
    """Pairs of each person.

    Parameters
    ----------
    time, event, risk : (n,)
        Follow-up, whether it ended with the event, predicted risk (any scale, larger is worse).
    """
    n = len(time)
    # Events before censorings at one time; tied events by rising risk, so that of those after one
    # in this order none at its own time has a lower risk.
    order = np.lexsort((risk, ~event, time))
    time, event, risk = time[order], event[order], risk[order]
    rank = np.unique(risk, return_inverse=True)[1].astype(np.int64)
    lower, not_higher = _lower_after(rank)
    position = np.arange(n)
    block_end = _run_end(np.column_stack([time, event]))
    same_end = _run_end(np.column_stack([time, event, risk]))
    equal = not_higher - lower - (same_end - position - 1)
    comparable = n - block_end
    back = np.empty(n, np.int64)
    back[order] = position
    return Pairs(
        *(
            np.where(event, count, 0)[back].astype(np.float64)
            for count in (lower, equal, comparable)
        )
    )


def _run_end(keys: Floats) -> Ints:
    """One past the last position of the run of equal rows that each position is in."""
    starts = np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]).any(axis=1)]))
    ends = np.concatenate([starts[1:], [len(keys)]])
    return np.repeat(ends, ends - starts).astype(np.int64)


def _lower_after(rank: Ints) -> tuple[Ints, Ints]:
    """How many later positions hold a lower, and a lower or equal, rank (0 to n - 1).

    A merge sort read level by level: at each, the left half of a block meets its right half.
    """
    n = len(rank)
    lower, not_higher = np.zeros(n, np.int64), np.zeros(n, np.int64)
    position = np.arange(n)
    size = 1
    while size < n:
        block = position // (2 * size)
        left = (position // size) % 2 == 0
        keys = block * n + rank
        right_keys = np.sort(keys[~left])
        mine = keys[left]
        before = np.searchsorted(right_keys, block[left] * n, side="left")
        lower[left] += np.searchsorted(right_keys, mine, side="left") - before
        not_higher[left] += np.searchsorted(right_keys, mine, side="right") - before
        size *= 2
    return lower, not_higher
