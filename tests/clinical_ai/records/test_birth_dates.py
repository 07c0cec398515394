from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.records.birth_dates import (
    SPREADSHEET_SHIFT,
    compare_birth_dates,
    parse_birth_date,
)

DAY = date(1970, 5, 13)


WRITTEN = (
    "19700513 1970-05-13 1970/5/13 1970.05.13 1970年5月13日 13/5/1970 5/13/1970 13.05.1970 "
    "13-May-1970 25701 19701305"
)


@pytest.mark.parametrize("text", WRITTEN.split())
def test_every_usual_way_of_writing_a_day_is_read(text):
    assert parse_birth_date(text).days == {DAY}


def test_what_may_be_two_days_is_both():
    assert parse_birth_date("3/5/1970").days == {date(1970, 5, 3), date(1970, 3, 5)}
    assert parse_birth_date("03-May-20").days == {date(1920, 5, 3), date(2020, 5, 3)}


@pytest.mark.parametrize("text", ["", "?", "00000000", "19000101", "17530101", "0", "99999999"])
def test_what_says_nothing_is_unknown(text):
    assert not parse_birth_date(text).is_known


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("19700503", "19700503", "same"),
        ("3/5/1970", "19700503", "same"),
        ("19700101", "19700101", "same_placeholder_day"),
        ("1970", "19700503", "same_as_far_as_known"),
        ("197005", "19700503", "same_as_far_as_known"),
        ("197006", "19700503", "different"),
        ("19700305", "19700503", "day_and_month_swapped"),
        ("19660502", "19700503", "spreadsheet_shift"),
        ("19800503", "19700503", "one_digit_differs"),
        ("19075003", "19700503", "unknown"),
        ("19701023", "19700503", "different"),
        ("", "19700503", "unknown"),
    ],
)
def test_how_far_two_dates_agree(ours, theirs, expected):
    assert compare_birth_dates(parse_birth_date(ours), parse_birth_date(theirs)) == expected


@given(st.dates(date(1910, 1, 2), date(2020, 1, 1)))
def test_a_spreadsheet_of_the_other_system_is_recognised(day):
    moved = parse_birth_date(f"{day + SPREADSHEET_SHIFT:%Y%m%d}")
    found = compare_birth_dates(moved, parse_birth_date(f"{day:%Y%m%d}"))
    assert found in ("spreadsheet_shift", "day_and_month_swapped")
    serial = str((day - date(1899, 12, 30)).days)
    if len(serial) == 5:
        assert parse_birth_date(serial).days == {day}


@given(st.text(max_size=20))
def test_any_text_is_read_without_an_error(text):
    for day in parse_birth_date(text).days:
        assert date(1890, 1, 1) <= day + timedelta() < date(2100, 1, 1)
