"""Weeks and months: where they start, how a table's days fall into them."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum

import polars as pl


class Period(StrEnum):
    """What counts are made by."""

    WEEK = "week"
    MONTH = "month"

    @property
    def per_year(self) -> float:
        """Periods in a year of 365.25 days."""
        return 365.25 / 7 if self is Period.WEEK else 12.0


def start_of(day: date, period: Period) -> date:
    """Monday of the ISO 8601 week, or first of the month."""
    if period is Period.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1)


def next_start(start: date, period: Period) -> date:
    """First day of the following period."""
    if period is Period.WEEK:
        return start + timedelta(days=7)
    return date(start.year + start.month // 12, start.month % 12 + 1, 1)


def starts_between(first: date, last: date, period: Period) -> tuple[date, ...]:
    """First days of every period from the one of `first` to the one of `last`."""
    starts = [start_of(first, period)]
    while (following := next_start(starts[-1], period)) <= last:
        starts.append(following)
    return tuple(starts)


def label(start: date, period: Period) -> str:
    """``2020-W53`` (ISO 8601, the year of the week's Thursday) or ``2020-12``."""
    if period is Period.WEEK:
        year, week, _ = start.isocalendar()
        return f"{year}-W{week:02}"
    return f"{start:%Y-%m}"


def year_of(start: date, period: Period) -> int:
    """The year a period belongs to: a week's ISO year."""
    return start.isocalendar().year if period is Period.WEEK else start.year


def start_column(column: str, period: Period) -> pl.Expr:
    """As `start_of`, for a column of dates."""
    return pl.col(column).dt.truncate("1w" if period is Period.WEEK else "1mo")


def index_of(starts: Sequence[date], day: date, period: Period) -> int | None:
    """Position of the period that holds a day, or None outside the series."""
    start = start_of(day, period)
    return starts.index(start) if starts and starts[0] <= start <= starts[-1] else None
