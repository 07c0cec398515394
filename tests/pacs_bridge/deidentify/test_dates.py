from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.deidentify.dates import shift_date, shift_datetime

DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2100, 1, 1))
SHIFTS = st.integers(-3652, -1).map(lambda n: timedelta(days=n))


@given(DAYS, DAYS, SHIFTS)
def test_the_distance_of_two_dates_stays(one: date, other: date, by: timedelta):
    moved = [shift_date(f"{d:%Y%m%d}", by) for d in (one, other)]
    days = [date(int(m[:4]), int(m[4:6]), int(m[6:])) for m in moved if m]
    assert days[1] - days[0] == other - one
    assert days[0] == one + by


@given(st.text(max_size=30), SHIFTS)
def test_any_text_is_moved_or_refused(text: str, by: timedelta):
    for shift in (shift_date, shift_datetime):
        moved = shift(text, by)
        assert moved is None or moved != text.strip()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20240301", "20240229"),
        ("2024.03.01", "20240229"),
        ("", None),
        ("20240230", None),
        ("2024", None),
        ("00010101", None),
        ("20240301-20240401", None),
    ],
)
def test_dates(value: str, expected: str | None):
    assert shift_date(value, timedelta(days=-1)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20240301", "20240229"),
        ("20240301081500.123456+0800", "20240229081500.123456+0800"),
        ("2024030108-0500", "2024022908-0500"),
        ("202403", "202402"),
        ("2024", "2023"),
        ("2024+0100", "2023+0100"),
        ("202403010", None),
        ("20240301 08:15", None),
    ],
)
def test_date_times(value: str, expected: str | None):
    assert shift_datetime(value, timedelta(days=-1)) == expected
