"""How well a probability is ranked and calibrated, with confidence intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % confidence interval."""

    estimate: float
    low: float
    high: float


def auc(labels: FloatArray, scores: FloatArray) -> float:
    """Return the area under the ROC curve (Mann-Whitney, ties count half)."""
    positive = labels > 0.5
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if n1 == 0 or n0 == 0:
        raise ValueError(f"AUC needs both classes; got {n1} positive and {n0} negative labels")
    ranks = stats.rankdata(scores)
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def bootstrap(
    statistic: Callable[[FloatArray, FloatArray], float],
    labels: FloatArray,
    scores: FloatArray,
    groups: NDArray[np.int64],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return a statistic with its percentile bootstrap interval, drawing whole groups.

    Parameters
    ----------
    groups
        (n,) patches of one group (about one scan) are drawn together, since they are alike.
    """
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    values = []
    for _ in range(resamples):
        drawn = random.integers(0, len(members), len(members))
        index = np.concatenate([members[i] for i in drawn])
        if 0.0 < labels[index].mean() < 1.0:
            values.append(statistic(labels[index], scores[index]))
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(statistic(labels, scores), float(low), float(high))


def fit_temperature(labels: FloatArray, logits: FloatArray) -> float:
    """Return the temperature that makes ``sigmoid(logit / T)`` most likely.

    Guo et al. 2017, https://proceedings.mlr.press/v70/guo17a.html.
    """

    def loss(log_temperature: float) -> float:
        z = logits / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0.0, z) - labels * z))

    found = optimize.minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(
    labels: FloatArray, probabilities: FloatArray, bins: int = 10
) -> float:
    """Return the mean gap of stated and seen frequency over equal-width bins (Guo et al. 2017)."""
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    gap = 0.0
    for b in range(bins):
        inside = index == b
        if inside.any():
            gap += inside.mean() * abs(labels[inside].mean() - probabilities[inside].mean())
    return float(gap)


def threshold_at_specificity(
    labels: FloatArray, probabilities: FloatArray, specificity: float
) -> float:
    """Return the lowest probability at which this share of negatives lies below."""
    return float(np.quantile(probabilities[labels < 0.5], specificity))


def sensitivity_specificity(
    labels: FloatArray, probabilities: FloatArray, threshold: float
) -> tuple[float, float]:
    """Return the shares of positives at or above, and of negatives below, the threshold."""
    positive, called = labels > 0.5, probabilities >= threshold
    return float(called[positive].mean()), float((~called[~positive]).mean())


def sigmoid(logits: FloatArray) -> FloatArray:
    """Return ``1 / (1 + exp(-logit))``."""
    result: FloatArray = special.expit(logits)
    return result
