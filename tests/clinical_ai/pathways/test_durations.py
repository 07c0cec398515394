from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.pathways.durations import Duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 day", Duration(1, "day")),
        ("4 weeks", Duration(4, "week")),
        ("1 year", Duration(1, "year")),
    ],
)
def test_a_written_duration_is_read_and_written_again(text, expected):
    assert parse_duration(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text", ["", "0 days", "3", "months", "-1 day", "1.5 weeks", "3 Months", "99999 days"]
)
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write for example 2 weeks"):
        parse_duration(text)


def test_months_end_at_the_last_day_of_a_short_month():
    assert Duration(1, "month").after(date(2024, 1, 31)) == date(2024, 2, 29)
    assert Duration(1, "year").after(date(2024, 2, 29)) == date(2025, 2, 28)
    assert Duration(13, "month").before(date(2026, 3, 31)) == date(2025, 2, 28)


def test_seven_days_are_today_and_the_six_before():
    week = Duration(7, "day")
    assert week.covers(date(2026, 1, 1), date(2026, 1, 7))
    assert not week.covers(date(2025, 12, 31), date(2026, 1, 7))
    assert not week.covers(date(2026, 1, 8), date(2026, 1, 7))


@given(st.dates(), st.integers(1, 9999), st.sampled_from(["day", "week", "month", "year"]))
def test_no_day_and_no_duration_is_too_far(day, count, unit):
    span = Duration(count, unit)
    assert span.before(day) <= day <= span.after(day)
