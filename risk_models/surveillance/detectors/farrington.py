"""Farrington's method, original and flexible: the same season of past years as baseline."""

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray
from scipy.stats import nbinom, norm, poisson
from scipy.stats import t as student

from risk_models.surveillance.detectors.detection import (
    Detection,
    FloatArray,
    checked_counts,
)
from risk_models.surveillance.errors import BaselineError

IntArray = NDArray[np.int64]


class Limit(StrEnum):
    """How the threshold is drawn from the fitted expectation."""

    TWO_THIRDS = "two-thirds power"
    NEGATIVE_BINOMIAL = "negative binomial quantile"


@dataclass(frozen=True, slots=True)
class FarringtonSettings:
    """Choices of the method.

    Parameters
    ----------
    years
        Past years in the baseline.
    half_width
        Periods on each side of the same period in past years.
    seasons
        1: the baseline is those windows only. More: every period since the first window, with a
        factor of this many levels, one of them for the windows.
    skip_recent
        Periods just before the judged one that are left out, so that an outbreak that has begun
        does not raise its own limit.
    quantile
        One-sided quantile of the threshold.
    reweight_above
        Standardised Anscombe residuals above this lose weight.
    trend_p
        The trend is kept if its p-value is below this; 1 keeps it always.
    fewest, within
        No alarm with fewer than `fewest` events in the judged period and the ``within - 1`` before.

    References
    ----------
    Original: Farrington CP, Andrews NJ, Beale AD, Catchpole MA. A statistical algorithm for the
    early detection of outbreaks of infectious disease. J R Stat Soc A 1996;159:547-563.
    doi:10.2307/2983331. Flexible: Noufaily A, Enki DG, Farrington P, Garthwaite P, Andrews N,
    Charlett A. An improved algorithm for outbreak detection in multiple surveillance systems.
    Stat Med 2013;32:1206-1222. doi:10.1002/sim.5595.
    """

    years: int = 5
    half_width: int = 3
    seasons: int = 1
    skip_recent: int = 0
    quantile: float = 0.995
    reweight_above: float = 1.0
    trend_p: float = 0.05
    limit: Limit = Limit.TWO_THIRDS
    fewest: int = 5
    within: int = 4

    def __post_init__(self) -> None:
        if self.years < 1 or self.half_width < 0 or self.seasons < 1 or self.skip_recent < 0:
            raise ValueError("years and seasons must be 1 or more, half_width 0 or more")
        if not 0.5 < self.quantile < 1:
            raise ValueError(f"the quantile must be above 0.5 and below 1, not {self.quantile}")


ORIGINAL = FarringtonSettings()
FLEXIBLE = FarringtonSettings(
    seasons=10,
    skip_recent=26,
    reweight_above=2.58,
    trend_p=1.0,
    limit=Limit.NEGATIVE_BINOMIAL,
)
MONTHLY_ORIGINAL = FarringtonSettings(half_width=1)
MONTHLY_FLEXIBLE = FarringtonSettings(
    half_width=1,
    seasons=4,
    skip_recent=6,
    reweight_above=2.58,
    trend_p=1.0,
    limit=Limit.NEGATIVE_BINOMIAL,
)
"""Our own adaptation: windows of three months, three more seasons of three months each, and the
last half-year left out, as 26 weeks are."""

YEARS_FOR_TREND = 3
"""Farrington et al. 1996, section 3.3: no trend from fewer years."""
FEWEST_REFERENCES = 4
"""A fit with a trend needs more references than parameters, with something left for spread."""


def farrington(
    counts: ArrayLike, starts: Sequence[date], first: int, settings: FarringtonSettings
) -> Detection:
    """Compare each count with the same season of past years.

    For each period t, a log-linear quasi-Poisson regression ``ln m(i) = a + b i`` (with a
    seasonal factor if ``settings.seasons > 1``) is fitted to the reference periods:

    1. ``phi = max(1, sum w (y - m)^2 / m / (n - p))``.
    2. Standardised Anscombe residuals ``s = 3/2 (y^(2/3) m^(-1/6) - m^(1/2)) /
       sqrt(phi (1 - leverage))``; weights ``w = g s^-2`` where s is above
       ``settings.reweight_above``, else g, with g such that they add up to n. Fit again.
    3. The trend b is dropped, and 1 and 2 repeated, if there are fewer than three past years, if
       its p-value is not below ``settings.trend_p``, or if the expected count m(t) is above the
       largest reference count.
    4. Threshold ``U = m (1 + 2/3 z sqrt(phi m + var(m)) / m)^(3/2)``, or the quantile of a
       negative binomial distribution with mean m and variance ``phi m`` (Poisson if phi is 1).

    Alarm where the count is above U and enough events were seen lately. The statistic is the
    exceedance score ``(y - m) / (U - m)``.

    Parameters
    ----------
    counts
        Shape (n,); NaN is a period without complete reporting, neither judged nor a reference.
    starts
        First days of the periods, without gaps: Mondays, or firsts of a month.
    first
        Index of the first judged period.

    Raises
    ------
    BaselineError
        If the series does not reach back far enough for the period `first`; a later period
        with too few reported references is left unjudged.
    """
    values = checked_counts(counts)
    if len(starts) != values.size:
        raise ValueError(f"{values.size} counts but {len(starts)} periods")
    if not 0 <= first < values.size:
        raise ValueError(f"the first judged period must be 0 to {values.size - 1}, not {first}")
    needed = periods_needed(starts, first, settings)
    if first < needed:
        raise BaselineError(
            f"Farrington's method with {settings.years} years of baseline needs {needed} periods "
            f"before the first that it judges; there are {first}"
        )
    result = Detection.none(values.size)
    for t in range(first, values.size):
        if np.isnan(values[t]):
            continue
        judged = _judge(values, starts, t, settings)
        if judged is not None:
            result.expected[t], result.threshold[t] = judged
            span = judged[1] - judged[0]
            result.statistic[t] = (values[t] - judged[0]) / span if span > 0 else 0.0
            recent = values[max(0, t - settings.within + 1) : t + 1]
            enough = float(np.nansum(recent)) >= settings.fewest
            result.alarm[t] = enough and values[t] > judged[1]
    return result


def periods_needed(starts: Sequence[date], t: int, settings: FarringtonSettings) -> int:
    """Periods that must precede period `t`: the same one `years` ago and half a window."""
    monthly = is_monthly(starts)
    return same_period(starts[t], settings.years, monthly=monthly)[1] + settings.half_width


def is_monthly(starts: Sequence[date]) -> bool:
    """Whether periods are months (they start on the first of each), not weeks."""
    return len(starts) > 1 and starts[1] - starts[0] > timedelta(days=7)


def same_period(start: date, years: int, *, monthly: bool) -> tuple[date, int]:
    """The same period some years ago, and how many periods back that is.

    For weeks, the one whose first day is nearest to the day and month of `start`.
    """
    if monthly:
        return date(start.year - years, start.month, 1), 12 * years
    day = 28 if (start.month, start.day) == (2, 29) else start.day
    weeks = round((start - date(start.year - years, start.month, day)).days / 7)
    return start - timedelta(weeks=weeks), weeks


def references(
    starts: Sequence[date], t: int, settings: FarringtonSettings
) -> tuple[IntArray, IntArray]:
    """Reference periods of period `t` and their seasonal level (0: the windows).

    Returns
    -------
    index, level
        Shape (n,) each, ascending index; those before the start of the series are left out.
    """
    monthly = is_monthly(starts)
    back = [
        same_period(starts[t], years, monthly=monthly)[1] for years in range(settings.years, -1, -1)
    ]
    centres = [t - periods for periods in back]
    level = np.full(t + 1, -1, dtype=np.int64)
    for here, following in itertools.pairwise(centres):
        after, until = here + settings.half_width + 1, following - settings.half_width
        for between in range(max(after, 0), until) if settings.seasons > 1 else ():
            level[between] = 1 + (between - after) * (settings.seasons - 1) // (until - after)
    for centre in centres:
        level[max(centre - settings.half_width, 0) : max(centre + settings.half_width + 1, 0)] = 0
    # The window around t itself is no reference, whatever part of it is not skipped.
    level[t - max(settings.skip_recent, settings.half_width) :] = -1
    if settings.seasons == 1:
        level[centres[-2] + settings.half_width + 1 :] = -1
    index = np.flatnonzero(level >= 0)
    return index, level[index]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted expectation at the judged period: mean, its variance, overdispersion, trend."""

    mean: float
    variance: float
    dispersion: float
    trend_p: float


def _judge(
    values: FloatArray, starts: Sequence[date], t: int, settings: FarringtonSettings
) -> tuple[float, float] | None:
    """Expected count and threshold of one period, or None if too little is known."""
    index, level = references(starts, t, settings)
    known = ~np.isnan(values[index])
    index, level = index[known], level[known]
    if index.size < FEWEST_REFERENCES or not (level == 0).any():
        return None
    y = values[index]
    if y.sum() == 0:
        return 0.0, 0.0
    season = _season_columns(level)
    if index.size < season.shape[1] + FEWEST_REFERENCES:
        return None
    time = (index - t).astype(np.float64)
    fit = None
    if settings.years >= YEARS_FOR_TREND and np.ptp(time) > 0:
        fit = _fit(y, np.column_stack([season, time]), settings.reweight_above)
        if fit is not None and not (
            (fit.trend_p < settings.trend_p or settings.trend_p >= 1) and fit.mean <= y.max()
        ):
            fit = None
    fit = fit or _fit(y, season, settings.reweight_above)
    if fit is None:
        return None
    return fit.mean, threshold(fit.mean, fit.variance, fit.dispersion, settings)


def _season_columns(level: IntArray) -> FloatArray:
    """Intercept and one column for each seasonal level but the windows'; level 0 is the base."""
    others = [(level == name).astype(np.float64) for name in np.unique(level) if name != 0]
    return np.column_stack([np.ones(level.size), *others])


def _fit(y: FloatArray, design: FloatArray, reweight_above: float) -> Fit | None:
    """Quasi-Poisson fit, reweighted once; the judged period is all zeros but the intercept.

    None if it does not converge.
    """
    weights = np.ones(y.size)
    with warnings.catch_warnings():
        # A level without any event has its mean at zero, its coefficient at minus infinity.
        warnings.simplefilter("ignore")
        model = _glm(y, design, weights)
        weights = outbreak_weights(
            anscombe_residuals(
                y, np.asarray(model.fittedvalues), _dispersion(model), _leverage(model)
            ),
            reweight_above,
        )
        model = _glm(y, design, weights)
        if not model.converged:
            return None
        dispersion = _dispersion(model)
        # cov_params is that of dispersion 1.
        covariance = np.asarray(model.cov_params()) * dispersion
    mean = float(np.exp(model.params[0]))
    slope, spread = float(model.params[-1]), float(np.sqrt(covariance[-1, -1]))
    statistic = abs(slope) / spread if spread > 0 else 0.0
    trend_p = 2 * float(student.sf(statistic, max(1, y.size - design.shape[1])))
    return Fit(mean, mean**2 * float(covariance[0, 0]), dispersion, trend_p)


def _glm(y: FloatArray, design: FloatArray, weights: FloatArray) -> "sm.GLMResults":
    family = sm.families.Poisson()
    return sm.GLM(y, design, family=family, var_weights=weights).fit(scale=1.0, maxiter=50)


def _dispersion(model: "sm.GLMResults") -> float:
    return max(1.0, float(model.pearson_chi2) / max(1.0, float(model.df_resid)))


def _leverage(model: "sm.GLMResults") -> FloatArray:
    return np.asarray(model.get_hat_matrix_diag())


def anscombe_residuals(
    y: FloatArray, mean: FloatArray, dispersion: float, leverage: FloatArray
) -> FloatArray:
    """Standardised Anscombe residuals of Poisson counts (Farrington et al. 1996, section 3.4)."""
    mean = np.maximum(mean, 1e-10)
    raw = 1.5 * (y ** (2 / 3) * mean ** (-1 / 6) - mean**0.5)
    free = np.maximum(1.0 - leverage, 1e-10)
    residuals: FloatArray = raw / np.sqrt(dispersion * free)
    return residuals


def outbreak_weights(residuals: FloatArray, above: float) -> FloatArray:
    """Weights that hold past outbreaks down: ``s^-2`` above the limit, then scaled to sum to n."""
    weights = np.ones(residuals.size)
    high = residuals > above
    weights[high] = residuals[high] ** -2.0
    scaled: FloatArray = weights * (weights.size / weights.sum())
    return scaled


def threshold(
    mean: float, variance: float, dispersion: float, settings: FarringtonSettings
) -> float:
    """Threshold from a mean, the variance of its estimate and the overdispersion."""
    if mean <= 0:
        return 0.0
    if settings.limit is Limit.TWO_THIRDS:
        z = float(norm.ppf(settings.quantile))
        spread = float(np.sqrt(dispersion * mean + variance))
        return float(mean * (1 + 2 / 3 * z * spread / mean) ** 1.5)
    if dispersion <= 1 + 1e-9:
        return float(poisson.ppf(settings.quantile, mean))
    # Variance mean + mean^2 / size equals dispersion * mean.
    size = mean / (dispersion - 1)
    return float(nbinom.ppf(settings.quantile, size, size / (size + mean)))
