"""What every method takes and returns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from risk_models.surveillance.errors import BaselineError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Detection:
    """The periods of a series as a method judges them; every array has the series' shape (n,).

    Parameters
    ----------
    expected
        Count that the method expects; NaN where a period is not judged.
    threshold
        Limit for the count; NaN where a period is not judged.
    statistic
        The method's own statistic, e.g. the cumulative sum; NaN where not judged.
    alarm
        Where the method raises an alarm.
    """

    expected: FloatArray
    threshold: FloatArray
    statistic: FloatArray
    alarm: BoolArray

    @property
    def judged(self) -> BoolArray:
        """Periods that have a threshold."""
        judged: BoolArray = ~np.isnan(self.threshold)
        return judged

    @classmethod
    def none(cls, size: int) -> "Detection":
        """No period judged; to be filled in."""
        return cls(
            np.full(size, np.nan),
            np.full(size, np.nan),
            np.full(size, np.nan),
            np.zeros(size, dtype=np.bool_),
        )


def checked_counts(counts: ArrayLike) -> FloatArray:
    """Counts as floats; NaN is a period without complete reporting.

    Raises
    ------
    ValueError
        If they are not one row of whole numbers from zero up.
    """
    values = np.asarray(counts, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"counts must be one-dimensional, not of shape {values.shape}")
    known = values[~np.isnan(values)]
    bad = known[(known < 0) | (known != np.floor(known))]
    if bad.size:
        raise ValueError(f"{bad[0]:g} is not a count: whole numbers from 0 up are")
    return values


def require_baseline(counts: FloatArray, first: int, needed: int, method: str) -> None:
    """Check that enough periods before the first judged one were reported.

    Raises
    ------
    BaselineError
        With the number needed and the number there is.
    """
    if not 0 <= first < counts.size:
        raise ValueError(f"the first judged period must be 0 to {counts.size - 1}, not {first}")
    reported = int((~np.isnan(counts[:first])).sum())
    if reported < needed:
        raise BaselineError(
            f"{method} needs {needed} reported periods before the first that it judges; there are "
            f"{reported}"
        )
