"""The methods by name, what each needs, and how each is run on a series."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from risk_models.surveillance.counts import CountSeries
from risk_models.surveillance.detectors import cusum, ears
from risk_models.surveillance.detectors import farrington as farr
from risk_models.surveillance.detectors.detection import Detection, FloatArray
from risk_models.surveillance.detectors.expectation import baseline_mean, seasonal_mean
from risk_models.surveillance.errors import BaselineError, UnknownChoiceError
from risk_models.surveillance.periods import Period
from risk_models.text import N_

CUSUM_BASELINE = {Period.WEEK: 26, Period.MONTH: 12}
"""Periods from which a mean is estimated, at the least: half a year, a year."""
SEASONAL_BASELINE = {Period.WEEK: 104, Period.MONTH: 24}
"""From two years on the expected counts of the cumulative sums follow the season."""
JUDGED = {Period.WEEK: 52, Period.MONTH: 12}
"""Periods judged if nothing else is said: the last year."""


@dataclass(frozen=True, slots=True)
class Options:
    """Choices that matter to some methods only.

    Parameters
    ----------
    years
        Past years in Farrington's baseline.
    reset
        Whether a cumulative sum starts again after an alarm.
    """

    years: int = 5
    reset: bool = True


@dataclass(frozen=True, slots=True)
class Method:
    """A method as a user chooses it.

    Parameters
    ----------
    title
        Marked for translation.
    needed
        Reported periods before the first that it judges, from a period and the options.
    run
        From a series, the index of the first judged period and the options.
    """

    name: str
    title: str
    needed: Callable[[Period, Options], int]
    run: Callable[[CountSeries, int, Options], Detection]


def _ears(
    name: str, title: str, needed: int, detector: Callable[[FloatArray, int], Detection]
) -> Method:
    return Method(name, title, lambda *_: needed, lambda s, first, _: detector(s.counts, first))


def farrington_settings(name: str, period: Period, options: Options) -> farr.FarringtonSettings:
    """Settings of ``farrington`` or ``farrington_flexible``."""
    preset = {
        ("farrington", Period.WEEK): farr.ORIGINAL,
        ("farrington", Period.MONTH): farr.MONTHLY_ORIGINAL,
        ("farrington_flexible", Period.WEEK): farr.FLEXIBLE,
        ("farrington_flexible", Period.MONTH): farr.MONTHLY_FLEXIBLE,
    }[name, period]
    return replace(preset, years=options.years)


def _farrington(name: str) -> Method:
    def needed(period: Period, options: Options) -> int:
        settings = farrington_settings(name, period, options)
        # 53 of 52.18 weeks: a past year's week may lie one further back.
        year = 12 * options.years if period is Period.MONTH else round(52.18 * options.years + 0.5)
        return year + settings.half_width

    def run(series: CountSeries, first: int, options: Options) -> Detection:
        settings = farrington_settings(name, series.period, options)
        return farr.farrington(series.counts, series.starts, first, settings)

    title = N_("Farrington, original") if name == "farrington" else N_("Farrington, flexible")
    return Method(name, title, needed, run)


def _expected(series: CountSeries, first: int) -> FloatArray:
    """Expected counts for a cumulative sum, with the season where two years are known."""
    needed = SEASONAL_BASELINE[series.period]
    if int((~np.isnan(series.counts[:first])).sum()) >= needed:
        return seasonal_mean(series.counts, first, needed=needed, year=series.period.per_year)
    return baseline_mean(series.counts, first, needed=CUSUM_BASELINE[series.period])


def _rossi(series: CountSeries, first: int, options: Options) -> Detection:
    expected = _expected(series, first)
    return cusum.rossi_cusum(series.counts, expected, first, reset=options.reset)


def _poisson(series: CountSeries, first: int, options: Options) -> Detection:
    expected = _expected(series, first)
    return cusum.poisson_cusum(series.counts, expected, first, reset=options.reset)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            _ears("ears_c1", N_("EARS C1"), ears.BASELINE, ears.ears_c1),
            _ears("ears_c2", N_("EARS C2"), ears.BASELINE + ears.LAG, ears.ears_c2),
            _ears("ears_c3", N_("EARS C3"), ears.BASELINE + 2 * ears.LAG, ears.ears_c3),
            Method(
                "cusum_rossi", N_("CUSUM, Rossi"), lambda period, _: CUSUM_BASELINE[period], _rossi
            ),
            Method(
                "cusum_poisson",
                N_("CUSUM, Poisson"),
                lambda period, _: CUSUM_BASELINE[period],
                _poisson,
            ),
            _farrington("farrington"),
            _farrington("farrington_flexible"),
        )
    }
)


def method_named(name: str) -> Method:
    """A method by its name.

    Raises
    ------
    UnknownChoiceError
        If there is none.
    """
    if name not in METHODS:
        raise UnknownChoiceError(f"no method {name!r}; there are: {', '.join(METHODS)}")
    return METHODS[name]


def first_judged(series: CountSeries, method: Method, options: Options, wanted: int | None) -> int:
    """Index of the first period to be judged.

    Parameters
    ----------
    wanted
        Index that the user asked for; None judges the last year, or as much of it as there is a
        baseline for.

    Raises
    ------
    BaselineError
        If there are too few reported periods, with the number needed, the number there is and
        what would do.
    """
    reported = np.cumsum(~np.isnan(series.counts))
    needed = method.needed(series.period, options)
    enough = np.flatnonzero(reported >= needed) + 1
    last = np.flatnonzero(~np.isnan(series.counts))
    unit = series.period.value
    if wanted is not None:
        have = int(reported[wanted - 1]) if wanted else 0
        if have < needed:
            raise BaselineError(
                f"{method.name} needs {needed} completely reported {unit}s before the first that "
                f"it judges; before {series.labels[wanted]} there are {have}. "
                + _cure(method, series, options, have)
            )
        return wanted
    if not enough.size or enough[0] > last[-1]:
        have = int(reported[-1])
        raise BaselineError(
            f"{method.name} needs {needed} completely reported {unit}s before the first that it "
            f"judges, so {needed + 1} in all; {series.labels[0]} to {series.labels[-1]} hold "
            f"{have}. " + _cure(method, series, options, have - 1)
        )
    return max(int(enough[0]), int(last[-1]) + 1 - JUDGED[series.period])


def _cure(method: Method, series: CountSeries, options: Options, have: int) -> str:
    cures = []
    for years in range(options.years - 1, 0, -1):
        if method.name.startswith("farrington"):
            needed = method.needed(series.period, replace(options, years=years))
            if needed <= have:
                cures.append(f"--years {years} (needs {needed})")
                break
    others = [
        f"{other.name} ({other.needed(series.period, options)})"
        for other in METHODS.values()
        if other.needed(series.period, options) <= have
    ]
    if others:
        cures.append(f"a --method that needs less: {', '.join(others)}")
    cures.append("a longer table")
    return "Use " + ", or ".join(cures)
