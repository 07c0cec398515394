"""Published numbers and what the R package surveillance says about the same counts."""

import itertools
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import nbinom

from risk_models.surveillance.detectors.cusum import (
    poisson_cusum,
    poisson_run_length,
    poisson_scheme,
    rossi_cusum,
)
from risk_models.surveillance.detectors.ears import ears_c1, ears_c2
from risk_models.surveillance.detectors.farrington import (
    FLEXIBLE,
    FarringtonSettings,
    Limit,
    farrington,
    outbreak_weights,
    same_period,
    threshold,
)
from tests.risk_models.surveillance.series import alarm_days, mondays, newport

REFERENCE = newport()
COUNTS = np.asarray(REFERENCE["counts"], dtype=np.float64)
STARTS = mondays(COUNTS.size, date(2004, 1, 5))
FIRST = STARTS.index(date.fromisoformat(REFERENCE["judged_from"]))


def test_ears_c1_limits() -> None:
    found = ears_c1(COUNTS, FIRST, alpha=0.05)
    expected = REFERENCE["c1_upper_bounds_2011"]["values"]
    np.testing.assert_allclose(found.threshold[FIRST : FIRST + 4], expected, atol=1e-6)


def test_ears_alarms() -> None:
    alarms = REFERENCE["alarms"]
    assert alarm_days(ears_c1(COUNTS, FIRST, alpha=0.001).alarm, STARTS) == alarms["ears_c1"]
    assert alarm_days(ears_c2(COUNTS, FIRST, alpha=0.001).alarm, STARTS) == alarms["ears_c2"]


def test_farrington_alarms_of_105_weeks() -> None:
    found = farrington(COUNTS, STARTS, FIRST, FarringtonSettings(years=3, quantile=0.995))
    assert alarm_days(found.alarm, STARTS) == REFERENCE["alarms"]["farrington"]


def test_farrington_with_the_newer_weights_agrees_in_104_of_105_weeks() -> None:
    settings = FarringtonSettings(
        years=3, quantile=0.99, skip_recent=26, reweight_above=2.58, trend_p=0.05
    )
    found = alarm_days(farrington(COUNTS, STARTS, FIRST, settings).alarm, STARTS)
    expected = REFERENCE["alarms"]["farrington_flexible"]
    # In this week 6 cases stand against our 7.4; why R's limit is below 6 is not known.
    assert set(found) ^ set(expected) == {"2011-08-29"}


@pytest.mark.parametrize(
    ("limit", "mean", "spread", "dispersion", "expected"),
    [
        (Limit.TWO_THIRDS, 5.0, 0.2, 1.0, 9.1154825),
        (Limit.NEGATIVE_BINOMIAL, 5.0, 0.2, 1.5, 10.0),
        (Limit.NEGATIVE_BINOMIAL, 5.0, 0.2, 1.0, 9.0),
    ],
)
def test_thresholds(
    limit: Limit, mean: float, spread: float, dispersion: float, expected: float
) -> None:
    """Numbers of the tests of the R package surveillance (farringtonFlexible)."""
    settings = replace(FLEXIBLE, quantile=0.95, limit=limit)
    assert threshold(mean, spread**2, dispersion, settings) == pytest.approx(expected, abs=1e-6)


def test_weights_checked_by_hand() -> None:
    """As there: half of the residuals 0, half 2, limit 0."""
    weights = outbreak_weights(np.array([0.0] * 5 + [2.0] * 5), 0.0)
    np.testing.assert_allclose(weights, [1.6] * 5 + [0.4] * 5)
    np.testing.assert_allclose(outbreak_weights(np.zeros(10), 0.0), 1.0)


def test_the_same_week_of_past_years() -> None:
    """As there: the same weekday nearest to the calendar day."""
    found = [same_period(date(2013, 6, 6), years, monthly=False)[0] for years in (1, 2, 3)]
    assert found == [date(2012, 6, 7), date(2011, 6, 9), date(2010, 6, 3)]
    assert same_period(date(2024, 2, 29), 1, monthly=False)[0] == date(2023, 3, 2)
    assert same_period(date(2024, 2, 1), 2, monthly=True) == (date(2022, 2, 1), 24)


def test_poisson_run_lengths() -> None:
    """Lucas 1985 as computed by the R package IAcsSPCR: arl(h=6, k=2, lambda=1.88, shift=...)."""
    shifted = 1.88 + 0.9627 * 1.88**0.5
    assert round(poisson_run_length(1.88, 2, 6, steps=1), 1) == 37.2
    assert round(poisson_run_length(shifted, 2, 6, steps=1), 2) == 5.49


@pytest.mark.parametrize("mean", [0.1, 0.7, 3.0, 9.99, 42.0, 350.0])
def test_the_smallest_limit_that_gives_the_run_length(mean: float) -> None:
    scheme = poisson_scheme(mean, 1.0, 500.0)
    steps = 10 if mean < 10 else 2 if mean < 100 else 1
    assert scheme.run_length >= 500
    assert poisson_run_length(mean, scheme.k, scheme.h - 1 / steps, steps=steps) < 500
    # Lucas's k lies between the two means.
    assert mean <= scheme.k + 0.05 <= mean + mean**0.5 + 0.1


def test_the_run_length_is_the_one_of_simulated_series() -> None:
    scheme = poisson_scheme(4.0, 1.0, 50.0)
    counts = np.random.default_rng(1).poisson(4.0, 40_000).astype(np.float64)
    found = poisson_cusum(counts, np.full(counts.size, 4.0), 0, run_length=50.0)
    assert counts.size / found.alarm.sum() == pytest.approx(scheme.run_length, rel=0.06)


def test_rossi_by_hand() -> None:
    """m = 4: z(4) = 0, z(9) = (9 - 12 + 12) / 4 = 2.25, z(16) = (16 - 12 + 16) / 4 = 5."""
    counts = np.array([4.0, 4.0, 9.0, 9.0, 4.0, 16.0, 4.0])
    expected = np.full(7, 4.0)
    found = rossi_cusum(counts, expected, 1)
    np.testing.assert_allclose(found.statistic[1:], [0, 1.21, 2.42, 0, 3.96, 0], atol=1e-9)
    assert found.alarm.tolist() == [False, False, False, True, False, True, False]
    held = rossi_cusum(counts, expected, 1, reset=False)
    np.testing.assert_allclose(held.statistic[1:], [0, 1.21, 2.42, 1.38, 5.34, 4.30], atol=1e-9)


def test_the_threshold_of_a_sum_is_the_count_that_raises_the_alarm() -> None:
    counts = np.random.default_rng(2).poisson(6.0, 400).astype(np.float64)
    for method in (rossi_cusum, poisson_cusum):
        found = method(counts, np.full(400, 6.0), 0)
        np.testing.assert_array_equal(found.alarm, counts >= found.threshold - 1e-9)


def test_weeks_of_a_leap_week_year_line_up() -> None:
    """Week 1 of 2021 follows week 53 of 2020."""
    starts = mondays(300, date(2016, 1, 4))
    assert starts[261] - timedelta(weeks=1) == date(2020, 12, 28)
    assert same_period(starts[261], 1, monthly=False)[0] == date(2020, 1, 6)


def test_flexible_farrington_against_a_recomputation() -> None:
    """The whole method for one week, from dates, with a Newton fit of its own."""
    t = STARTS.index(date(2012, 9, 24))
    centres = [STARTS[t] - timedelta(weeks=weeks) for weeks in (261, 209, 157, 104, 52)]
    levels: dict[int, int] = {}
    for here, following in itertools.pairwise([*centres, STARTS[t]]):
        for offset in range(-3, 4):
            levels[STARTS.index(here + timedelta(weeks=offset))] = 0
        between = [
            i
            for i, day in enumerate(STARTS)
            if here + timedelta(weeks=3) < day < following - timedelta(weeks=3)
        ]
        # Nine nearly equal seasons between two windows.
        levels |= {i: 1 + n * 9 // len(between) for n, i in enumerate(between)}
    index = np.array(sorted(i for i in levels if i < t - 26))
    y = COUNTS[index]
    x = np.column_stack(
        [np.ones(index.size)]
        + [[float(levels[i] == level) for i in index] for level in range(1, 10)]
        + [(index - t).astype(float)]
    )

    def fit(w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        beta = np.zeros(x.shape[1])
        beta[0] = np.log(y.mean())
        for _ in range(60):
            mean = np.exp(x @ beta)
            beta += np.linalg.solve(x.T @ (x * (w * mean)[:, None]), x.T @ (w * (y - mean)))
        mean = np.exp(x @ beta)
        inverse = np.linalg.inv(x.T @ (x * (w * mean)[:, None]))
        return beta, mean, np.einsum("ij,jk,ik->i", x, inverse, x) * w * mean

    def spread(w: np.ndarray, mean: np.ndarray) -> float:
        return max(1.0, float((w * (y - mean) ** 2 / mean).sum()) / (y.size - x.shape[1]))

    even = np.ones(y.size)
    _, mean, leverage = fit(even)
    residual = 1.5 * (y ** (2 / 3) * mean ** (-1 / 6) - mean**0.5)
    residual /= np.sqrt(spread(even, mean) * (1 - leverage))
    weights = np.where(residual > 2.58, residual**-2.0, 1.0)
    assert (weights < 1).any()  # the outbreak of November 2011
    weights *= y.size / weights.sum()
    beta, mean, _ = fit(weights)
    expected, phi = float(np.exp(beta[0])), spread(weights, mean)
    assert expected <= y.max()
    size = expected / (phi - 1)
    limit = nbinom.ppf(0.995, size, 1 / phi)

    found = farrington(COUNTS, STARTS, t, FLEXIBLE)
    assert found.expected[t] == pytest.approx(expected, rel=1e-6)
    assert found.threshold[t] == limit
