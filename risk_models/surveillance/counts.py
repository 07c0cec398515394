"""Counts by week or month, with what is known about their completeness.

A period without an event is a zero only if reporting covered all of it. Whatever is not
covered is left out of baselines and not judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
import polars as pl

from risk_models.surveillance.detectors.detection import FloatArray
from risk_models.surveillance.errors import EventTableError
from risk_models.surveillance.events import Events
from risk_models.surveillance.groups import DiseaseGroup, belongs
from risk_models.surveillance.periods import (
    Period,
    label,
    next_start,
    start_column,
    starts_between,
)

IMPROBABLE = 1e-6
"""A period without any event of any disease is taken as not reported if a Poisson count with the
smaller of the nearest two non-empty periods' counts as mean would be zero less often than this,
that is if both hold 14 events or more. The season of one disease fades out before it ends."""


STRAY = timedelta(days=366)
"""Events before a year without any event are taken as strays unless the user says otherwise."""


class Status(StrEnum):
    """How completely a period was reported."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    NOT_REPORTED = "not reported"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise EventTableError(f"{self.first} to {self.last}: the end is before the beginning")


@dataclass(frozen=True, slots=True)
class Coverage:
    """The days on which events were reported, if there were any.

    Parameters
    ----------
    first, last
        First and last day; None is the first and last event of the table, strays apart.
    gaps
        Days in between that were not reported.
    silence_is_zero
        Take a period without any event of any disease as a zero even where that is improbable.
    """

    first: date | None = None
    last: date | None = None
    gaps: tuple[Span, ...] = ()
    silence_is_zero: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are counted: of one district, one sex, some ages; None takes all."""

    district: str | None = None
    sex: str | None = None
    ages: tuple[int, int] | None = None

    def rows(self) -> pl.Expr:
        """The rows that are meant."""
        wanted = pl.lit(value=True)
        if self.sex is not None:
            wanted &= (pl.col("sex") == self.sex).fill_null(value=False)
        if self.ages is not None:
            # 60-69 includes 69.9.
            low, high = self.ages
            wanted &= ((pl.col("age") >= low) & (pl.col("age") < high + 1)).fill_null(value=False)
        return wanted


@dataclass(frozen=True, slots=True)
class CountSeries:
    """Counts of a group of diseases, one for each period without gaps between them.

    Parameters
    ----------
    starts
        First days of the periods.
    events
        Events seen in each, also where reporting was not complete; shape (n,).
    status
        How completely each was reported.
    """

    group: DiseaseGroup
    selection: Selection
    period: Period
    starts: tuple[date, ...]
    events: np.ndarray[tuple[int], np.dtype[np.int64]]
    status: tuple[Status, ...]

    @property
    def counts(self) -> FloatArray:
        """Counts for the methods: NaN where reporting was not complete; shape (n,)."""
        complete = np.array([status is Status.COMPLETE for status in self.status])
        return np.where(complete, self.events.astype(np.float64), np.nan)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the periods, e.g. 2020-W53."""
        return tuple(label(start, self.period) for start in self.starts)


def count_events(
    events: Events,
    group: DiseaseGroup,
    period: Period,
    coverage: Coverage,
    selection: Selection | None = None,
) -> CountSeries:
    """Count a group's events by period.

    Completeness is judged by all events of the district, whatever the disease, sex and age:
    a week without a stroke is a zero, a week without any report is none.

    Raises
    ------
    EventTableError
        If the district has no event, or the covered days are none.
    """
    chosen = selection or Selection()
    rows = events.rows
    if chosen.district is not None:
        rows = rows.filter(pl.col("district") == chosen.district)
        if rows.is_empty():
            known = sorted(events.rows["district"].unique())
            raise EventTableError(
                f"no event in the district {chosen.district!r}; there are: {', '.join(known[:20])}"
            )
    first_event, last_event = reported_days(events)
    span = Span(coverage.first or first_event, coverage.last or last_event)
    starts = starts_between(span.first, span.last, period)
    reports = _by_period(rows, starts, period)
    mine = belongs(group, "code", "name") & chosen.rows()
    status = _status(starts, reports, span, coverage, period)
    return CountSeries(
        group, chosen, period, starts, _by_period(rows.filter(mine), starts, period), status
    )


def reported_days(events: Events) -> tuple[date, date]:
    """First and last day with an event, leaving out strays before a silence of `STRAY`.

    One slip in a year would else make years of zeros the baseline.
    """
    days = events.rows["date"].unique().sort()
    silent = (days.diff() > STRAY).fill_null(value=False).arg_true()
    first, last = days[int(silent[-1]) if silent.len() else 0], days[-1]
    assert isinstance(first, date)
    assert isinstance(last, date)
    return first, last


def _by_period(
    rows: pl.DataFrame, starts: Sequence[date], period: Period
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    counted = rows.group_by(start_column("date", period).alias("start")).len()
    found = dict(counted.iter_rows())
    return np.array([found.get(start, 0) for start in starts], dtype=np.int64)


def _status(
    starts: Sequence[date],
    reports: np.ndarray[tuple[int], np.dtype[np.int64]],
    span: Span,
    coverage: Coverage,
    period: Period,
) -> tuple[Status, ...]:
    found = []
    for index, start in enumerate(starts):
        days = [start + timedelta(days=n) for n in range((next_start(start, period) - start).days)]
        covered = sum(
            span.first <= day <= span.last
            and not any(gap.first <= day <= gap.last for gap in coverage.gaps)
            for day in days
        )
        if covered == 0:
            found.append(Status.NOT_REPORTED)
        elif covered < len(days):
            found.append(Status.PARTIAL)
        elif reports[index] == 0 and not coverage.silence_is_zero and _improbable(reports, index):
            found.append(Status.SILENT)
        else:
            found.append(Status.COMPLETE)
    return tuple(found)


def _improbable(reports: np.ndarray[tuple[int], np.dtype[np.int64]], index: int) -> bool:
    """Whether a period without events stands between, or next to, periods with many."""
    filled = np.flatnonzero(reports)
    before, after = filled[filled < index], filled[filled > index]
    nearest = [*before[-1:], *after[:1]]
    return bool(nearest) and float(np.exp(-reports[nearest].min())) < IMPROBABLE
