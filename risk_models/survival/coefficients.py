"""Coefficients as people read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from risk_models.survival.arrays import Floats


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One coefficient with its uncertainty.

    Parameters
    ----------
    value
        Log hazard ratio (Cox, Fine-Gray) or log time ratio (accelerated failure).
    low, high
        95 % interval.
    p
        Wald test that it is 0, two-sided.
    """

    name: str
    value: float
    standard_error: float
    low: float
    high: float
    p: float

    @property
    def ratio(self) -> tuple[float, float, float]:
        """Hazard or time ratio with its 95 % interval."""
        return float(np.exp(self.value)), float(np.exp(self.low)), float(np.exp(self.high))


def wald(
    names: Sequence[str],
    values: Floats,
    covariance: Floats,
    degrees_of_freedom: Floats | None = None,
) -> tuple[Coefficient, ...]:
    """Coefficients with Wald intervals and tests.

    Parameters
    ----------
    values, covariance : (p,), (p, p)
        Estimates and their covariance.
    degrees_of_freedom : (p,)
        Of Student's t (after multiple imputation); normal where left out.
    """
    errors = np.sqrt(np.diag(covariance))
    law: Any = stats.norm if degrees_of_freedom is None else stats.t(degrees_of_freedom)
    width = law.ppf(0.975) * errors
    p = 2 * law.sf(np.abs(values / errors))
    return tuple(
        Coefficient(name, *(float(number) for number in row))
        for name, *row in zip(names, values, errors, values - width, values + width, p, strict=True)
    )
