"""Whether readings rise or fall: a robust line through the days of a window.

Theil-Sen: the median of all slopes between two days, with Sen's confidence interval (P. K. Sen,
J Am Stat Assoc 1968;63:1379-1389, doi:10.1080/01621459.1968.10480934), as SciPy computes both.
Days count, not readings: someone who measures ten times on one bad day does not bend the line.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Literal

from scipy.stats import theilslopes

from clinical_ai.pathways.case import Case
from clinical_ai.pathways.durations import Duration
from clinical_ai.records.record import Measured

Direction = Literal["rising", "falling", "no trend shown"]
HOME_KINDS = (
    "systolic_bp",
    "diastolic_bp",
    "heart_rate",
    "glucose",
    "fasting_glucose",
    "spo2",
    "weight",
    "steps",
)
MIN_DAYS = 5
"""Fewer days give an interval that says nothing; our own choice."""
CONFIDENCE = 0.95
_DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through the daily medians of a kind.

    Parameters
    ----------
    slope, low, high
        Change in a week, in `unit`, with its 95 % confidence interval.
    days, readings
        How many of each it rests on.
    direction
        Rising or falling where the whole interval lies on one side of zero.
    """

    kind: str
    unit: str
    first: date
    last: date
    days: int
    readings: int
    median: float
    slope: float
    low: float
    high: float
    direction: Direction


def trend(readings: Sequence[Measured]) -> Trend | None:
    """Return the trend of readings of one kind; None with readings on fewer than `MIN_DAYS` days.

    Parameters
    ----------
    readings
        Of one kind and unit, plausible; in any order.
    """
    by_day: defaultdict[date, list[float]] = defaultdict(list)
    for m in readings:
        by_day[m.at.date()].append(m.value)
    days = sorted(by_day)
    if len(days) < MIN_DAYS:
        return None
    values = [median(by_day[day]) for day in days]
    since_first = [(day - days[0]).days for day in days]
    slope, _, low, high = (
        float(number) for number in theilslopes(values, since_first, alpha=CONFIDENCE)
    )
    return Trend(
        kind=readings[0].kind,
        unit=readings[0].unit,
        first=days[0],
        last=days[-1],
        days=len(days),
        readings=len(readings),
        median=median(values),
        slope=slope * _DAYS_A_WEEK,
        low=low * _DAYS_A_WEEK,
        high=high * _DAYS_A_WEEK,
        direction="rising" if low > 0 else "falling" if high < 0 else "no trend shown",
    )


def home_trends(case: Case, window: Duration) -> tuple[Trend, ...]:
    """Return the trends of what the patient measures at home, where there are days enough."""
    found = (trend(case.series(kind, home=True, within=window)) for kind in HOME_KINDS)
    return tuple(one for one in found if one is not None)
