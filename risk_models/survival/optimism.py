"""Bootstrap correction of performance measured on the people a model was fitted to.

References
----------
Harrell FE, Lee KL, Mark DB. Stat Med 1996;15:361-387.
Noma H, Shinozaki T, Iba K, Teramukai S, Furukawa TA. Stat Med 2021;40:5691-5701,
doi:10.1002/sim.9148 (interval: that of the apparent value, moved by the optimism).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from risk_models.survival.arrays import Ints
from risk_models.survival.bootstrap import Progress, bootstrap_intervals, no_progress, resamples
from risk_models.survival.data import SurvivalData
from risk_models.survival.errors import FitError, HorizonError
from risk_models.survival.metrics.estimate import Estimate
from risk_models.survival.performance import performance
from risk_models.survival.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Corrected:
    """A metric on the people the model was fitted to, and what to expect of new people like them.

    Parameters
    ----------
    optimism
        Mean over bootstrap fits of their metric on their own sample less that on everyone.
    """

    apparent: Estimate
    optimism: float

    @property
    def corrected(self) -> Estimate:
        """The apparent value and interval, less the optimism."""
        mine = self.apparent
        return Estimate(*(v - self.optimism for v in (mine.value, mine.low, mine.high)))


def correct_optimism(
    data: SurvivalData,
    fit: Callable[[SurvivalData], Prediction],
    horizon: float,
    *,
    repeats: int = 200,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Corrected]:
    """Fit, measure, and correct every metric of `performance`.

    Parameters
    ----------
    data
        Complete covariates.
    fit
        The whole modelling; what is left out of it (e.g. choosing covariates) is not corrected for.
    horizon
        Up to the longest follow-up.
    repeats
        Bootstrap fits, 200 for a report; one that fails is left out.

    Raises
    ------
    FitError
        If the model itself, or every bootstrap fit, fails.
    HorizonError
        If nobody was followed to the horizon.
    """
    prediction = fit(data)
    risk = prediction.risk(data.x, horizon, data.strata)[:, 0]

    def apparent(rows: Ints) -> dict[str, float]:
        return performance(data.time[rows], data.event[rows], risk[rows], horizon)

    intervals = bootstrap_intervals(apparent, len(data), repeats=repeats, seed=seed)
    differences: list[dict[str, float]] = []
    for done, rows in enumerate(resamples(len(data), repeats, seed), start=1):
        # A sample may have too few events, or nobody followed long enough.
        with suppress(FitError, HorizonError):
            differences.append(_optimism(data, data.take(rows), fit, horizon))
        progress(done, repeats)
    if not differences:
        raise FitError("no bootstrap sample could be fitted: too few events for this model")
    return {
        name: Corrected(interval, _mean_known([one[name] for one in differences]))
        for name, interval in intervals.items()
    }


def _mean_known(values: list[float]) -> float:
    """Mean without those that could not be computed; NaN if none could."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _optimism(
    data: SurvivalData,
    sample: SurvivalData,
    fit: Callable[[SurvivalData], Prediction],
    horizon: float,
) -> dict[str, float]:
    prediction = fit(sample)
    own, everyone = (
        performance(
            people.time,
            people.event,
            prediction.risk(people.x, horizon, people.strata)[:, 0],
            horizon,
        )
        for people in (sample, data)
    )
    return {name: own[name] - everyone[name] for name in own}
