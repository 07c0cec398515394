"""Counts by week and month, and what is known of their completeness."""

import random
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.surveillance.counts import (
    Coverage,
    Selection,
    Span,
    Status,
    count_events,
)
from risk_models.surveillance.errors import EventTableError, UnknownChoiceError
from risk_models.surveillance.events import EventColumns, Events, read_events
from risk_models.surveillance.groups import ALL, GROUPS, belongs, group_named
from risk_models.surveillance.periods import Period, label, start_of, starts_between
from tests.risk_models.surveillance.series import weekly_events, write_events

TODAY = date(2026, 6, 30)


def _events(tmp_path: Path, rows: list[tuple[str, ...]]) -> Events:
    return read_events(write_events(tmp_path / "events.csv", rows), tmp_path, TODAY)


def test_iso_weeks_over_the_end_of_the_year(tmp_path: Path) -> None:
    """2020 had 53 weeks; 2021-01-03 is its last day, 2024-12-30 the first of 2025."""
    rows = [(day, "I63", "甲", "男", "60") for day in ("2020-12-28", "2021-01-03", "2021-01-04")]
    series = count_events(_events(tmp_path, rows), GROUPS["stroke"], Period.WEEK, Coverage())
    assert series.labels == ("2020-W53", "2021-W01")
    assert series.events.tolist() == [2, 1]
    assert label(date(2024, 12, 30), Period.WEEK) == "2025-W01"


def test_months(tmp_path: Path) -> None:
    rows = [(day, "I63", "甲", "男", "60") for day in ("2023-11-01", "2023-12-31", "2024-02-29")]
    series = count_events(_events(tmp_path, rows), ALL, Period.MONTH, Coverage())
    assert series.labels == ("2023-11", "2023-12", "2024-01", "2024-02")
    assert series.events.tolist() == [1, 1, 0, 1]
    assert set(series.status) == {Status.COMPLETE}


def test_first_and_last_period_are_partial_unless_said_otherwise(tmp_path: Path) -> None:
    rows = [(day, "I63", "甲", "男", "60") for day in ("2024-01-03", "2024-01-10", "2024-01-17")]
    events = _events(tmp_path, rows)
    open_ended = count_events(events, ALL, Period.WEEK, Coverage())
    assert [str(s) for s in open_ended.status] == ["partial", "complete", "partial"]
    assert np.isnan(open_ended.counts).tolist() == [True, False, True]
    known = Coverage(date(2024, 1, 1), date(2024, 1, 28))
    closed = count_events(events, ALL, Period.WEEK, known)
    assert set(closed.status) == {Status.COMPLETE}
    assert closed.counts.tolist() == [1, 1, 1, 0]


def test_a_gap_is_not_a_zero(tmp_path: Path) -> None:
    rows = weekly_events(10)
    gap = Coverage(gaps=(Span(date(2024, 1, 22), date(2024, 1, 30)),))
    series = count_events(_events(tmp_path, rows), GROUPS["stroke"], Period.WEEK, gap)
    assert series.status[3] is Status.NOT_REPORTED
    assert series.status[4] is Status.PARTIAL
    assert np.isnan(series.counts[3:5]).all()


def test_a_week_without_a_stroke_is_a_zero_a_week_without_any_report_is_none(
    tmp_path: Path,
) -> None:
    strokes = [row for row in weekly_events(12) if not "2024-01-22" <= row[0] <= "2024-02-04"]
    others = [
        row
        for row in weekly_events(12, code="J18", each=20)
        if not "2024-01-29" <= row[0] < "2024-02-05"
    ]
    events = _events(tmp_path, strokes + others)
    series = count_events(events, GROUPS["stroke"], Period.WEEK, Coverage())
    assert (series.status[3], series.counts[3]) == (Status.COMPLETE, 0)
    assert series.status[4] is Status.SILENT
    trusted = count_events(events, GROUPS["stroke"], Period.WEEK, Coverage(silence_is_zero=True))
    assert trusted.counts[3:5].tolist() == [0, 0]


def test_a_season_that_fades_out_is_no_silence(tmp_path: Path) -> None:
    rows = [
        row
        for week, number in enumerate((90, 40, 9, 2, 0, 0, 0, 3, 50))
        for row in weekly_events(
            1, date(2024, 1, 1) + timedelta(weeks=week), each=number, code="J10"
        )
    ]
    series = count_events(_events(tmp_path, rows), ALL, Period.WEEK, Coverage())
    assert set(series.status[:-1]) == {Status.COMPLETE}


def test_a_slip_in_the_year_does_not_make_years_of_zeros(tmp_path: Path) -> None:
    rows = [("2004-01-01", "I63", "甲", "男", "60"), *weekly_events(10)]
    events = _events(tmp_path, rows)
    series = count_events(events, ALL, Period.WEEK, Coverage())
    assert series.starts[0] == date(2024, 1, 1) and series.events.sum() == 60
    asked = count_events(events, ALL, Period.WEEK, Coverage(first=date(2004, 1, 1)))
    assert asked.events.sum() == 61


def test_district_sex_and_age(tmp_path: Path) -> None:
    rows = [
        ("2024-01-01", "I63", "甲", "男", "59"),
        ("2024-01-01", "I63", "甲", "女", "60"),
        ("2024-01-01", "I63", "乙", "男", "69.9"),
        ("2024-01-07", "I63", "乙", "男", ""),
    ]
    events = _events(tmp_path, rows)

    def number(selection: Selection) -> int:
        return int(count_events(events, ALL, Period.WEEK, Coverage(), selection).events.sum())

    assert number(Selection()) == 4
    assert number(Selection(district="甲")) == 2
    assert number(Selection(sex="male")) == 3
    assert number(Selection(ages=(60, 69))) == 2
    with pytest.raises(EventTableError, match=r"丙.*there are: 乙, 甲"):
        number(Selection(district="丙"))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), by=st.sampled_from(Period))
def test_the_order_of_rows_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, seed: int, by: Period
) -> None:
    rng = random.Random(seed)
    rows = [
        (
            (date(2023, 1, 1) + timedelta(days=rng.randrange(500))).isoformat(),
            "I63",
            "甲",
            "男",
            "5",
        )
        for _ in range(60)
    ]
    folder = tmp_path_factory.mktemp("order")
    found = count_events(_events(folder, rows), ALL, by, Coverage())
    again = count_events(_events(folder, rng.sample(rows, len(rows))), ALL, by, Coverage())
    assert found.events.tolist() == again.events.tolist()
    assert found.status == again.status
    assert found.events.sum() == 60


@settings(max_examples=60)
@given(first=st.dates(date(1990, 1, 1), date(2040, 1, 1)), days=st.integers(0, 800))
def test_periods_cover_every_day_once(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    for period in Period:
        starts = starts_between(first, last, period)
        assert starts[0] <= first and starts[-1] <= last
        assert list(starts) == sorted(
            {start_of(first + timedelta(days=n), period) for n in range(days + 1)}
        )


def test_bad_rows_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    rows = [
        *weekly_events(2, each=2),
        ("2031-05-01", "I63", "甲", "男", "60"),
        ("31/12/2020", "I63", "甲", "男", "60"),
        ("0204-05-01", "I63", "甲", "男", "60"),
        ("", "I63", "甲", "男", "60"),
        ("2024-01-02", "", "甲", "男", "60"),
        ("2024-01-02", "I63", "甲", "X", "-3"),
    ]
    events = read_events(
        write_events(tmp_path / "events.csv", rows, encoding="gb18030"), tmp_path, TODAY
    )
    assert events.rows.height == 5
    assert dict(events.issues.group_by("issue").len().iter_rows()) == {
        "date in the future": 1,
        "not a date": 1,
        "outside the plausible range": 1,
        "no date": 1,
        "no disease code or name": 1,
        "word not known for this field": 1,
        "not a number": 1,
    }
    assert events.issues["source_row"].to_list() == [5, 6, 7, 8, 9, 10, 10]
    assert "GB18030" in events.notes[0]


def test_tables_that_cannot_be_used_say_what_is_wanting(tmp_path: Path) -> None:
    def read(header: tuple[str, ...], row: tuple[str, ...], **named: str) -> Events:
        path = write_events(tmp_path / "t.csv", [row], header)
        return read_events(path, tmp_path, TODAY, EventColumns(**named))

    with pytest.raises(EventTableError, match=r"no column for the date.*--date-column.*病种, 何时"):
        read(("病种", "何时"), ("脑卒中", "2024-01-01"))
    with pytest.raises(EventTableError, match=r"发病日期, 报告日期 could all.*--date-column"):
        read(("发病日期", "报告日期", "病种"), ("2024-01-01", "2024-01-02", "脑卒中"))
    with pytest.raises(EventTableError, match="no column for the disease"):
        read(("日期",), ("2024-01-01",))
    with pytest.raises(EventTableError, match=r"no column 'when'; there are: 日期, 病种"):
        read(("日期", "病种"), ("2024-01-01", "脑卒中"), date="when")
    with pytest.raises(EventTableError, match=r"none of 1 rows.*date in the future"):
        read(("日期", "病种"), ("2199-01-01", "脑卒中"))
    assert read(("何时", "病种"), ("2024-01-01", "脑卒中"), date="何时").rows.height == 1


def test_parquet_with_real_dates(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    pl.DataFrame({"date": [date(2024, 1, 1)], "icd10": ["i61.9"], "age": [70]}).write_parquet(path)
    events = read_events(path, tmp_path, TODAY)
    assert count_events(events, GROUPS["stroke"], Period.WEEK, Coverage()).events.tolist() == [1]
    assert events.rows["age"].to_list() == [70.0]


@pytest.mark.parametrize(
    ("group", "inside", "outside"),
    [
        ("stroke", ["I60", "i63.9", " I64 ", "I619"], ["I65", "G45.9", "I6", "163"]),
        ("myocardial_infarction", ["I21.0", "I22.9"], ["I20", "I23"]),
        ("tumour", ["C00.0", "C97", "D00", "D48.9"], ["D50", "B99"]),
        ("malignant_tumour", ["C97"], ["D00"]),
        ("I60-I64,G45", ["G45.9", "I60"], ["G46"]),
    ],
)
def test_icd_10(group: str, inside: list[str], outside: list[str]) -> None:
    frame = pl.DataFrame({"code": [*inside, *outside, None]})
    found = frame.select(belongs(group_named(group), "code", None).alias("in"))["in"].to_list()
    assert found == [True] * len(inside) + [False] * (len(outside) + 1)


def test_names() -> None:
    frame = pl.DataFrame(
        {"name": ["手足口病", " 肺结核 ", "人感染Ｈ７Ｎ９禽流感", "霍乱", "stroke", None]}
    )

    def found(group: str) -> list[bool]:
        return frame.select(belongs(group_named(group), None, "name").alias("in"))["in"].to_list()

    assert found("notifiable_b") == [False, True, True, False, False, False]
    assert found("notifiable_c") == [True, False, False, False, False, False]
    assert found("notifiable_a")[3] and found("stroke")[4]
    assert found("name:手足口病") == found("notifiable_c")


def test_groups_that_there_are_not() -> None:
    with pytest.raises(UnknownChoiceError, match=r"no disease group 'strok'; there are: stroke"):
        group_named("strok")
    with pytest.raises(UnknownChoiceError, match="backwards"):
        group_named("I64-I60")
    assert GROUPS["tumour"].overlaps(GROUPS["malignant_tumour"])
    assert not GROUPS["stroke"].overlaps(GROUPS["myocardial_infarction"])
