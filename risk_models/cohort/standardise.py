"""Directly age-standardised rates with gamma confidence intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, norm

from risk_models.cohort.fields import load_table


@dataclass(frozen=True, slots=True)
class StandardPopulation:
    """Weights by age.

    Parameters
    ----------
    weights
        By the lower limit of a five-year band; the last band is open.
    """

    name: str
    title: str
    citation: str
    weights: Mapping[int, float]


STANDARDS: Mapping[str, StandardPopulation] = MappingProxyType(
    {
        name: StandardPopulation(
            name,
            content["title"],
            content["citation"],
            dict(zip(content["from_age"], content["weight"], strict=True)),
        )
        for name, content in load_table("standard_populations").items()
    }
)
LAST_BAND = 85
"""From this age on there is one open band."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate, 0 to 1, with its confidence interval."""

    value: float
    low: float
    high: float


def directly_standardised(
    events: ArrayLike, people: ArrayLike, weights: ArrayLike, confidence: float = 0.95
) -> Rate:
    """Age-standardised rate by the direct method, interval by the gamma distribution.

    Parameters
    ----------
    events, people, weights
        Per age band, shape (n,); `people` above zero. Weights need not add up to one.

    Returns
    -------
    Rate
        Events are taken as Poisson counts: for a proportion that is not small the interval is
        wider than it need be, never narrower, and it is cut at 0 and 1.

    Raises
    ------
    ValueError
        If a band has no people or arrays differ in length.

    References
    ----------
    Fay MP, Feuer EJ. Confidence intervals for directly standardized rates: a method based on
    the gamma distribution. Stat Med 1997;16:791-801.
    """
    x, n, w = (np.asarray(values, dtype=np.float64) for values in (events, people, weights))
    if not x.shape == n.shape == w.shape or x.ndim != 1:
        raise ValueError("events, people and weights must be of one length")
    if not (n > 0).all():
        raise ValueError("a band has no people")
    share: NDArray[np.float64] = w / w.sum() / n
    rate, variance = float((share * x).sum()), float((share**2 * x).sum())
    largest = float(share.max())
    tail = (1 - confidence) / 2
    low = 0.0
    if rate > 0:
        low = variance / (2 * rate) * float(chi2.ppf(tail, 2 * rate**2 / variance))
    above, spread = rate + largest, variance + largest**2
    high = spread / (2 * above) * float(chi2.ppf(1 - tail, 2 * above**2 / spread))
    return Rate(min(rate, 1.0), max(low, 0.0), min(high, 1.0))


def proportion(yes: int, asked: int, confidence: float = 0.95) -> Rate:
    """A crude proportion with Wilson's score interval (JASA 1927;22:209-212)."""
    if asked <= 0:
        raise ValueError("nobody was asked")
    z = float(norm.ppf((1 + confidence) / 2))
    share = yes / asked
    middle = (share + z * z / (2 * asked)) / (1 + z * z / asked)
    half = (
        z
        / (1 + z * z / asked)
        * float(np.sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked)))
    )
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))


def bands_between(low: int, high: int) -> Sequence[int]:
    """Lower limits of the five-year bands from `low` to `high` completed years."""
    return [band for band in range(low, min(high, LAST_BAND) + 1, 5) if band <= high]
