"""Expected counts for the cumulative sums, from the periods before the first judged one."""

import warnings

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike

from risk_models.surveillance.detectors.detection import (
    FloatArray,
    checked_counts,
    require_baseline,
)

SMALLEST = 0.1
"""Expected count where the baseline holds none at all: a sum cannot be scaled by zero."""


def baseline_mean(counts: ArrayLike, first: int, *, needed: int) -> FloatArray:
    """Mean of the reported periods before `first`, for every period; shape (n,).

    Raises
    ------
    BaselineError
        If fewer than `needed` periods before `first` were reported.
    """
    values = checked_counts(counts)
    require_baseline(values, first, needed, "the mean of a baseline")
    return np.full(values.size, max(SMALLEST, float(np.nanmean(values[:first]))))


def seasonal_mean(counts: ArrayLike, first: int, *, needed: int, year: float) -> FloatArray:
    """Expectation with one yearly wave, by Poisson regression on the periods before `first`.

    ``ln m(t) = a + b cos(2 pi t / year) + c sin(2 pi t / year)``, as in section 2 of Rossi et
    al. 1999 (see `rossi_cusum`); no trend, which would be carried beyond what is known.

    Parameters
    ----------
    year
        Periods in a year: 52.18 weeks, 12 months.

    Raises
    ------
    BaselineError
        If fewer than `needed` periods before `first` were reported.
    """
    values = checked_counts(counts)
    require_baseline(values, first, needed, "a seasonal baseline")
    angle = 2 * np.pi * np.arange(values.size) / year
    design = np.column_stack([np.ones(values.size), np.cos(angle), np.sin(angle)])
    known = np.flatnonzero(~np.isnan(values[:first]))
    if values[known].sum() == 0:
        return np.full(values.size, SMALLEST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        fit = sm.GLM(values[known], design[known], family=sm.families.Poisson()).fit()
    fitted: FloatArray = np.maximum(SMALLEST, np.exp(design @ np.asarray(fit.params)))
    return fitted
