"""EARS C1, C2 and C3: the last seven periods as baseline.

References
----------
Hutwagner L, Thompson W, Seeman GM, Treadwell T. The bioterrorism preparedness and response
Early Aberration Reporting System (EARS). J Urban Health 2003;80(2 Suppl 1):i89-i96.
doi:10.1007/PL00022319. Formulas as in Fricker RD, Hegler BL, Dunfee DA. Comparing syndromic
surveillance detection methods: EARS' versus a CUSUM-based methodology. Stat Med
2008;27:3407-3429. doi:10.1002/sim.3197.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from risk_models.surveillance.detectors.detection import (
    Detection,
    FloatArray,
    checked_counts,
    require_baseline,
)

BASELINE = 7
LAG = 2
"""C2 and C3 leave a gap of two periods, so that a slow outbreak does not raise its own limit."""
ALPHA = 0.00135
"""One-sided tail of three standard deviations, the limit of the original C1 and C2."""
C3_LIMIT = 2.0
"""Limit of the original C3 statistic."""


def ears_c1(
    counts: ArrayLike, first: int, *, baseline: int = BASELINE, alpha: float = ALPHA
) -> Detection:
    """EARS C1 ("mild").

    ``C1(t) = (Y(t) - m(t)) / s(t)`` with the mean m and the standard deviation s (divisor
    ``baseline - 1``) of ``Y(t-baseline) .. Y(t-1)``; alarm where ``Y(t) > m + z(1-alpha) s``.

    Parameters
    ----------
    counts
        Shape (n,); NaN is a period without complete reporting: it is neither judged nor part of
        a baseline, which then reaches further back.
    first
        Index of the first period that is judged.
    baseline
        Periods of the baseline, 3 or more.
    alpha
        One-sided tail of the normal distribution, 0 to 0.5.

    Raises
    ------
    BaselineError
        If fewer than `baseline` periods before `first` were reported.
    """
    return _shewhart(counts, first, baseline, 0, alpha, "EARS C1")


def ears_c2(
    counts: ArrayLike, first: int, *, baseline: int = BASELINE, alpha: float = ALPHA
) -> Detection:
    """EARS C2 ("medium"): as `ears_c1`, with ``Y(t-baseline-2) .. Y(t-3)`` as baseline."""
    return _shewhart(counts, first, baseline, LAG, alpha, "EARS C2")


def ears_c3(
    counts: ArrayLike, first: int, *, baseline: int = BASELINE, limit: float = C3_LIMIT
) -> Detection:
    """EARS C3 ("high"): three periods of C2 together.

    ``C3(t) = max(0, C2(t)-1) + max(0, C2(t-1)-1) + max(0, C2(t-2)-1)``; alarm where
    ``C3(t) > limit``. The threshold is the count at which C3 reaches the limit, not below 0.

    One deviation, so that an alarm says something about the period it names: a period with no
    more than the expected count raises none, however high the two before it were.

    Raises
    ------
    BaselineError
        If fewer than ``baseline + 4`` periods before `first` were reported.
    """
    values, place = _reported(counts)
    require_baseline(checked_counts(counts), first, baseline + 2 * LAG, "EARS C3")
    mean, spread = _moments(values, baseline, LAG)
    excess = np.maximum(0.0, _standardised(values, mean, spread) - 1.0)
    excess[np.isnan(mean)] = np.nan
    before = np.full(values.size, np.nan)
    before[2:] = excess[1:-1] + excess[:-2]
    statistic = excess + before
    remaining = limit - before
    # C3(t) > limit asks of Y(t): max(0, C2-1) > remaining.
    threshold = np.where(remaining >= 0, mean + spread * (1.0 + np.maximum(remaining, 0.0)), mean)
    threshold[np.isnan(before)] = np.nan
    alarm = (statistic > limit) & (values > mean)
    return _scattered(place, np.asarray(counts).size, first, mean, threshold, statistic, alarm)


def _shewhart(
    counts: ArrayLike, first: int, baseline: int, lag: int, alpha: float, name: str
) -> Detection:
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be above 0 and below 0.5, not {alpha}")
    values, place = _reported(counts)
    require_baseline(checked_counts(counts), first, baseline + lag, name)
    mean, spread = _moments(values, baseline, lag)
    threshold = mean + float(norm.ppf(1 - alpha)) * spread
    statistic = _standardised(values, mean, spread)
    return _scattered(
        place, np.asarray(counts).size, first, mean, threshold, statistic, values > threshold
    )


def _reported(counts: ArrayLike) -> tuple[FloatArray, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Counts of the reported periods, and where they stand."""
    values = checked_counts(counts)
    place = np.flatnonzero(~np.isnan(values))
    return values[place], place


def _moments(values: FloatArray, baseline: int, lag: int) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each period's baseline; NaN where it is too short."""
    if baseline < 3:
        raise ValueError(f"a baseline of {baseline} has no usable spread; 3 or more are needed")
    mean, spread = np.full(values.size, np.nan), np.full(values.size, np.nan)
    if values.size > baseline + lag:
        windows = np.lib.stride_tricks.sliding_window_view(values, baseline)
        usable = windows[: values.size - baseline - lag]
        mean[baseline + lag :] = usable.mean(axis=1)
        spread[baseline + lag :] = usable.std(axis=1, ddof=1)
    return mean, spread


def _standardised(values: FloatArray, mean: FloatArray, spread: FloatArray) -> FloatArray:
    """(Y - m) / s; without spread, infinite above the mean and 0 otherwise."""
    above = np.where(values > mean, np.inf, 0.0)
    result: FloatArray = np.divide(values - mean, spread, out=above, where=spread > 0)
    result[np.isnan(mean)] = np.nan
    return result


def _scattered(
    place: np.ndarray[tuple[int], np.dtype[np.intp]],
    size: int,
    first: int,
    expected: FloatArray,
    threshold: FloatArray,
    statistic: FloatArray,
    alarm: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> Detection:
    result = Detection.none(size)
    wanted = (place >= first) & ~np.isnan(threshold)
    for whole, part in (
        (result.expected, expected),
        (result.threshold, threshold),
        (result.statistic, statistic),
    ):
        whole[place[wanted]] = part[wanted]
    result.alarm[place[wanted]] = alarm[wanted]
    return result
