from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_ai.pathways.case import open_case
from clinical_ai.pathways.durations import Duration
from clinical_ai.pathways.trends import MIN_DAYS, home_trends, trend
from tests.support.people import clock, measured, record

FIRST = date(2026, 1, 1)


def days(values, kind="systolic_bp"):
    return [measured(kind, v, FIRST + timedelta(days=n), home=True) for n, v in enumerate(values)]


def test_a_straight_line_is_found_exactly_in_units_a_week():
    found = trend(days([120 + n for n in range(10)]))
    assert found.slope == pytest.approx(7)
    assert found.low == found.high == pytest.approx(7)
    assert (found.direction, found.days, found.unit) == ("rising", 10, "mm[Hg]")


def test_one_wild_day_does_not_make_a_trend():
    values = [130.0, 131, 129, 130, 131, 129, 130, 220]
    assert trend(days(values)).direction == "no trend shown"
    assert abs(np.polyfit(range(8), values, 1)[0]) * 7 > 20  # what least squares would say
    assert abs(trend(days(values)).slope) < 5


def test_many_readings_of_one_bad_day_count_as_one_day():
    bad = [measured("systolic_bp", 200, clock(date(2026, 1, 11), h), home=True) for h in range(24)]
    found = trend([*days([130, 131, 129, 130, 131, 129, 130, 131, 129, 130]), *bad])
    assert found.days == 11 and found.readings == 34
    assert found.direction == "no trend shown"


def test_noise_without_a_trend_is_seldom_called_one():
    """The interval's coverage: 5 % of trendless months may be called rising or falling."""
    random = np.random.default_rng(1)
    called = sum(
        trend(days(random.normal(130, 8, 28))).direction != "no trend shown" for _ in range(400)
    )
    assert 6 <= called <= 36  # 20 expected; four standard deviations either way


def test_a_slow_rise_in_noise_is_found():
    random = np.random.default_rng(2)
    found = [trend(days(random.normal(130 + 0.5 * np.arange(28), 5))).direction for _ in range(100)]
    assert found.count("rising") >= 95


def test_too_few_days_give_no_trend():
    assert trend(days([120] * (MIN_DAYS - 1))) is None
    assert trend([]) is None
    assert trend(days([120] * MIN_DAYS)).direction == "no trend shown"


@given(st.lists(st.floats(60, 280), min_size=MIN_DAYS, max_size=40))
@settings(deadline=None)
def test_the_slope_lies_in_its_interval_and_turns_with_the_sign(values):
    found = trend(days(values))
    assert found.low - 1e-9 <= found.slope <= found.high + 1e-9
    mirrored = trend(days([340 - v for v in values]))
    assert mirrored.slope == pytest.approx(-found.slope, abs=1e-6)


def test_only_plausible_home_readings_of_the_window_enter():
    values = days(range(130, 140))
    office = [measured("systolic_bp", 250, m.at) for m in values]
    wrong = [measured("systolic_bp", 999, m.at + timedelta(hours=1), home=True) for m in values]
    old = [measured("systolic_bp", 90, date(2025, 1, 1), home=True)]
    case = open_case(record(measurements=[*values, *office, *wrong, *old]), date(2026, 1, 10))
    (found,) = home_trends(case, Duration(4, "week"))
    assert (found.days, found.readings, found.slope) == (10, 10, pytest.approx(7))
