"""Bootstrap intervals of any statistic of people.

References
----------
Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall 1993, chapter 13.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from risk_models.survival.arrays import Ints
from risk_models.survival.errors import FitError, HorizonError
from risk_models.survival.metrics.estimate import Estimate

Progress = Callable[[int, int], None]
"""Called with how many repeats are done, and of how many."""


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""


def resamples(n: int, repeats: int, seed: int) -> Iterator[Ints]:
    """Rows of each bootstrap sample, (n,) with replacement; the same for the same seed."""
    for child in np.random.SeedSequence(seed).spawn(repeats):
        yield np.random.default_rng(child).integers(0, n, n)


def bootstrap_intervals(
    statistic: Callable[[Ints], Mapping[str, float]],
    n: int,
    *,
    repeats: int,
    seed: int,
    progress: Progress = no_progress,
) -> dict[str, Estimate]:
    """Percentile 95 % intervals of named numbers.

    Parameters
    ----------
    statistic
        Numbers of the people at the given rows. A sample on which it cannot be computed
        (`FitError`, `HorizonError`), or a number that is NaN, is left out of that interval.
    n
        Number of people.
    repeats
        Samples; 200 at least for an interval to be reported.
    seed
        Makes the samples.

    Returns
    -------
    dict
        For each name, the number of all people with its interval.
    """
    whole = statistic(np.arange(n))
    drawn: dict[str, list[float]] = {name: [] for name in whole}
    for done, rows in enumerate(resamples(n, repeats, seed), start=1):
        try:
            for name, value in statistic(rows).items():
                drawn[name].append(value)
        except (FitError, HorizonError):
            pass
        progress(done, repeats)
    return {name: Estimate(value, *_interval(drawn[name])) for name, value in whole.items()}


def _interval(values: list[float]) -> tuple[float, float]:
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
