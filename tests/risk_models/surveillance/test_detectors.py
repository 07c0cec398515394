"""Properties that every method has."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.surveillance.detectors.cusum import poisson_cusum, rossi_cusum
from risk_models.surveillance.detectors.detection import Detection, FloatArray
from risk_models.surveillance.detectors.ears import ears_c1, ears_c2, ears_c3
from risk_models.surveillance.detectors.expectation import baseline_mean, seasonal_mean
from risk_models.surveillance.detectors.farrington import FLEXIBLE, ORIGINAL, farrington
from risk_models.surveillance.errors import BaselineError
from tests.risk_models.surveillance.series import mondays

FIRST = 290
SIZE = 300

Method = Callable[[FloatArray, int], Detection]


def _rossi(counts: FloatArray, first: int) -> Detection:
    return rossi_cusum(counts, baseline_mean(counts, first, needed=26), first)


def _poisson(counts: FloatArray, first: int) -> Detection:
    return poisson_cusum(counts, baseline_mean(counts, first, needed=26), first)


METHODS: dict[str, Method] = {
    "ears_c1": ears_c1,
    "ears_c2": ears_c2,
    "ears_c3": ears_c3,
    "cusum_rossi": _rossi,
    "cusum_poisson": _poisson,
    "farrington": lambda c, f: farrington(c, mondays(c.size), f, ORIGINAL),
    "farrington_flexible": lambda c, f: farrington(c, mondays(c.size), f, FLEXIBLE),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())


@every_method
@pytest.mark.parametrize("level", [0, 1, 7, 400])
def test_constant_counts_raise_no_alarm(method: Method, level: int) -> None:
    found = method(np.full(SIZE, float(level)), FIRST)
    assert found.judged[FIRST:].all()
    assert not found.alarm.any()


@every_method
@pytest.mark.parametrize("level", [2, 20])
def test_a_large_outbreak_is_found_in_its_week(method: Method, level: int) -> None:
    counts = np.random.default_rng(5).poisson(level, SIZE).astype(np.float64)
    week = 296
    counts[week] += 12 + 8 * np.sqrt(level)
    counts = np.floor(counts)
    found = method(counts, FIRST)
    assert found.alarm[week]
    assert found.threshold[week] < counts[week]


@every_method
def test_nothing_is_judged_before_the_first_period_or_without_a_report(method: Method) -> None:
    counts = np.random.default_rng(6).poisson(5, SIZE).astype(np.float64)
    counts[[250, 293]] = np.nan
    found = method(counts, FIRST)
    assert not found.judged[:FIRST].any()
    assert not found.judged[293]
    assert found.judged[[292, 294]].all()


@every_method
def test_later_counts_change_nothing(method: Method) -> None:
    counts = np.random.default_rng(7).poisson(5, SIZE).astype(np.float64)
    changed = counts.copy()
    changed[297:] = 90
    before, after = method(counts, FIRST), method(changed, FIRST)
    np.testing.assert_array_equal(before.threshold[:297], after.threshold[:297])
    np.testing.assert_array_equal(before.alarm[:297], after.alarm[:297])


@every_method
def test_a_short_baseline_is_refused_with_the_number_needed(method: Method) -> None:
    with pytest.raises(BaselineError, match=r"needs \d+ (reported )?periods .*there are 3"):
        method(np.full(20, 2.0), 3)


@pytest.mark.parametrize("bad", [[1.0, -2.0], [1.5, 2.0], [[1.0], [2.0]]])
def test_what_is_no_count_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match=r"count|one-dimensional"):
        ears_c1(bad, 1)


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(0, 40), min_size=20, max_size=60))
def test_ears_against_the_formulas_written_out(counts: list[int]) -> None:
    """An independent recomputation, one period at a time."""

    def moments(t: int, lag: int) -> tuple[float, float]:
        window = counts[t - lag - 7 : t - lag]
        mean = sum(window) / 7
        return mean, (sum((y - mean) ** 2 for y in window) / 6) ** 0.5

    def standard(t: int) -> float:
        mean, spread = moments(t, 2)
        if spread == 0:
            return float("inf") if counts[t] > mean else 0.0
        return (counts[t] - mean) / spread

    one = ears_c1(counts, 12, alpha=0.025)
    three = ears_c3(counts, 12)
    for t in range(12, len(counts)):
        mean, spread = moments(t, 0)
        assert one.threshold[t] == pytest.approx(mean + 1.959963985 * spread)
        summed = sum(max(0.0, standard(s) - 1) for s in (t, t - 1, t - 2))
        assert three.statistic[t] == pytest.approx(summed)
        # Apart from sums that differ by rounding only.
        if abs(summed - 2) > 1e-9:
            assert three.alarm[t] == (summed > 2 and counts[t] > moments(t, 2)[0])


def test_a_seasonal_expectation_follows_the_wave_and_not_the_trend() -> None:
    weeks = np.arange(260)
    wave = 20 * np.exp(0.5 * np.cos(2 * np.pi * weeks / 52.18))
    counts = np.random.default_rng(8).poisson(wave).astype(np.float64)
    expected = seasonal_mean(counts, 208, needed=104, year=52.18)
    assert np.abs(expected / wave - 1).max() < 0.08


def test_without_events_a_sum_still_has_an_expectation() -> None:
    assert (baseline_mean(np.zeros(60), 52, needed=26) == 0.1).all()
    assert (seasonal_mean(np.zeros(160), 110, needed=104, year=52.18) == 0.1).all()
