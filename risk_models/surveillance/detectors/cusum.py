"""One-sided cumulative sums for counts: Rossi's approximate one and the Poisson one.

Both add up what is above the expected count and a reference value, and forget what is below.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import poisson

from risk_models.surveillance.detectors.detection import (
    Detection,
    FloatArray,
    checked_counts,
)

ROSSI_K, ROSSI_H = 1.04, 2.26
"""Reference value and limit of Rossi et al. 1999: a false alarm in 500 periods, a doubling of the
usual spread seen after 7 (normal variates)."""

SHIFT = 1.0
"""The Poisson CUSUM is tuned to a rise by this many standard deviations of the expected count."""
AVERAGE_RUN_LENGTH = 500.0
"""Periods between false alarms, on average; as Rossi's."""

HEAD = 1e-9


def rossi_cusum(
    counts: ArrayLike,
    expected: ArrayLike,
    first: int,
    *,
    k: float = ROSSI_K,
    h: float = ROSSI_H,
    reset: bool = True,
) -> Detection:
    """Approximate CUSUM for Poisson counts.

    ``S(t) = max(0, S(t-1) + z(t) - k)``, alarm where ``S(t) >= h``, with
    ``z(t) = (x(t) - 3 m(t) + 2 sqrt(x(t) m(t))) / (2 sqrt(m(t)))``, nearly a standard normal
    variate for a Poisson count x with expectation m. The threshold is the count at which S
    reaches h.

    Parameters
    ----------
    counts
        Shape (n,); a NaN period is not judged and leaves the sum as it is.
    expected
        Shape (n,), above zero from `first` on.
    first
        Index of the first period that is judged; the sum is zero before it.
    reset
        Start again from zero after an alarm. If false, alarms last until the sum has come down,
        which after a large outbreak takes months.

    References
    ----------
    Rossi G, Lampugnani L, Marchi M. An approximate CUSUM procedure for surveillance of health
    events. Stat Med 1999;18:2111-2122.
    doi:10.1002/(SICI)1097-0258(19990830)18:16<2111::AID-SIM171>3.0.CO;2-Q.
    """
    x, m = checked_counts(counts), _expected(counts, expected, first)
    result = Detection.none(x.size)
    before = 0.0
    for t in range(first, x.size):
        if np.isnan(x[t]):
            continue
        root = float(np.sqrt(m[t]))
        z = (x[t] - 3 * m[t] + 2 * float(np.sqrt(x[t])) * root) / (2 * root)
        # z(x) = h + k - S solved for sqrt(x).
        inside = 4 * m[t] + 2 * root * (h + k - before)
        needed = max(0.0, float(np.sqrt(max(inside, 0.0))) - root) ** 2
        total = max(0.0, before + z - k)
        before = _enter(result, t, m[t], needed, total, total >= h - HEAD, reset)
    return result


def poisson_cusum(
    counts: ArrayLike,
    expected: ArrayLike,
    first: int,
    *,
    shift: float = SHIFT,
    run_length: float = AVERAGE_RUN_LENGTH,
    reset: bool = True,
) -> Detection:
    """Poisson CUSUM, optimal for a rise from m to ``m1 = m + shift sqrt(m)``.

    ``S(t) = max(0, S(t-1) + (x(t) - k(t)) / h(t))``, alarm where ``S(t) >= 1``, with
    ``k = (m1 - m) / (ln m1 - ln m)`` and h such that the average run length without a rise is at
    least `run_length`. Where the expected count is constant this is Lucas's scheme with S
    divided by h; where it is not, Rogerson's and Yamada's.

    Parameters
    ----------
    counts, expected, first, reset
        As for `rossi_cusum`.
    shift
        Rise to be found, in standard deviations of a Poisson count.
    run_length
        Average number of periods up to a false alarm.

    References
    ----------
    Lucas JM. Counted data CUSUM's. Technometrics 1985;27:129-144.
    doi:10.1080/00401706.1985.10488030. Rogerson PA, Yamada I. Approaches to syndromic
    surveillance when data consist of small regional counts. MMWR 2004;53 Suppl:79-85.
    """
    x, m = checked_counts(counts), _expected(counts, expected, first)
    result = Detection.none(x.size)
    before = 0.0
    for t in range(first, x.size):
        if np.isnan(x[t]):
            continue
        scheme = poisson_scheme(float(m[t]), shift, run_length)
        needed = max(0.0, scheme.k + scheme.h * (1.0 - before))
        total = max(0.0, before + (x[t] - scheme.k) / scheme.h)
        before = _enter(result, t, m[t], needed, total, total >= 1.0 - HEAD, reset)
    return result


@dataclass(frozen=True, slots=True)
class Scheme:
    """Reference value and limit of a Poisson CUSUM, and its run length without a rise."""

    k: float
    h: float
    run_length: float


def poisson_scheme(mean: float, shift: float, run_length: float) -> Scheme:
    """Reference value and smallest limit for an expected count.

    k is rounded to a multiple of 0.1 (expected counts below 10), 0.5 (below 100) or 1, so that
    the sums lie on a grid and the run length is exact. The expected count is taken to three
    significant digits.

    Raises
    ------
    ValueError
        If `mean` or `shift` is not above zero or `run_length` below 2.
    """
    if not (mean > 0 and shift > 0 and run_length >= 2):
        raise ValueError(
            f"a Poisson CUSUM needs an expected count ({mean:g}) and a shift ({shift:g}) above "
            f"zero, and a run length ({run_length:g}) of 2 or more"
        )
    return _scheme(float(f"{mean:.3g}"), shift, run_length)


@lru_cache(maxsize=4096)
def _scheme(mean: float, shift: float, run_length: float) -> Scheme:
    risen = mean + shift * float(np.sqrt(mean))
    steps = 10 if mean < 10 else 2 if mean < 100 else 1
    k = max(1, round((risen - mean) / float(np.log(risen / mean)) * steps))
    low, high = 0, max(1, round(2 * steps * float(np.sqrt(mean))))
    while _run_length(mean, k, high, steps) < run_length:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _run_length(mean, k, middle, steps) < run_length:
            low = middle
        else:
            high = middle
    return Scheme(k / steps, high / steps, _run_length(mean, k, high, steps))


def poisson_run_length(mean: float, k: float, h: float, *, steps: int = 10) -> float:
    """Average number of periods to the first alarm of a Poisson CUSUM that starts at zero.

    ``S(t) = max(0, S(t-1) + x - k)``, alarm where ``S(t) >= h``. Exact when k and h are multiples
    of ``1 / steps``: the sums then are the states of a Markov chain.

    References
    ----------
    Brook D, Evans DA. An approach to the probability distribution of CUSUM run length.
    Biometrika 1972;59:539-549. doi:10.1093/biomet/59.3.539.
    """
    return _run_length(mean, round(k * steps), round(h * steps), steps)


def _run_length(mean: float, k: int, h: int, steps: int) -> float:
    """As `poisson_run_length`, with k and h in grid steps; the states are sums 0 .. h-1."""
    start = np.arange(h)
    count = (start[None, :] - start[:, None] + k) / steps  # from row to column
    whole = np.isclose(count, np.round(count))
    moves = np.where(whole, poisson.pmf(np.round(count), mean), 0.0)
    # Zero also takes everything below it.
    moves[:, 0] = poisson.cdf(np.floor((k - start) / steps + 1e-9), mean)
    lengths = np.linalg.solve(np.eye(h) - moves, np.ones(h))
    return float(lengths[0])


def _expected(counts: ArrayLike, expected: ArrayLike, first: int) -> FloatArray:
    m = np.asarray(expected, dtype=np.float64)
    if m.shape != np.shape(counts):
        raise ValueError(f"expected counts have shape {m.shape}, counts {np.shape(counts)}")
    if not 0 <= first < m.size:
        raise ValueError(f"the first judged period must be 0 to {m.size - 1}, not {first}")
    if not (m[first:] > 0).all():
        raise ValueError("a cumulative sum needs expected counts above zero")
    return m


def _enter(
    result: Detection,
    t: int,
    expected: float,
    threshold: float,
    total: float,
    alarm: bool,
    reset: bool,
) -> float:
    """Write down one period; returns the sum with which the next one starts."""
    result.expected[t], result.threshold[t] = expected, threshold
    result.statistic[t], result.alarm[t] = total, alarm
    return 0.0 if alarm and reset else total
