"""Spans of time as pathway files write them: ``2 weeks``, ``3 months``."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Unit = Literal["day", "week", "month", "year"]
_WRITTEN = re.compile(r"([1-9][0-9]{0,3}) (day|week|month|year)s?")


@dataclass(frozen=True, slots=True)
class Duration:
    """A number of days, weeks, calendar months or years; at least one."""

    count: int
    unit: Unit

    def __str__(self) -> str:
        """As it is written in a file."""
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"

    def after(self, day: date) -> date:
        """The day this long after `day`; a day that a month lacks becomes its last."""
        return self._moved(day, 1)

    def before(self, day: date) -> date:
        """The day this long before `day`."""
        return self._moved(day, -1)

    def covers(self, day: date, on: date) -> bool:
        """Whether `day` lies within this long up to `on`: ``7 days`` are `on` and the 6 before."""
        return self.before(on) < day <= on

    def _moved(self, day: date, sign: int) -> date:
        days = {"day": 1, "week": 7}.get(self.unit)
        if days is not None:
            try:
                return day + timedelta(days=sign * self.count * days)
            except OverflowError:
                return date.max if sign > 0 else date.min
        months = day.year * 12 + day.month - 1
        months += sign * self.count * (12 if self.unit == "year" else 1)
        year, month = divmod(months, 12)
        if not date.min.year <= year <= date.max.year:
            return date.max if sign > 0 else date.min
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last))


def parse_duration(text: str) -> Duration:
    """Return the duration of a text such as ``3 months``.

    Raises
    ------
    ValueError
        If it is none.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no span of time; write for example 2 weeks or 3 months")
    unit: Unit = found[2]  # type: ignore[assignment]
    return Duration(int(found[1]), unit)
