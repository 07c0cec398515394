"""What a run of surveillance finds: series, what the methods say of them, alarms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from risk_models.surveillance.counts import CountSeries, Status
from risk_models.surveillance.detectors.detection import Detection, FloatArray
from risk_models.surveillance.hiding import BoolArray, sum_may_be_shown
from risk_models.surveillance.periods import year_of
from risk_models.surveillance.rates import EventRate, event_rate


@dataclass(frozen=True, slots=True)
class Judgement:
    """One method on one series.

    Parameters
    ----------
    first
        Index of the first judged period.
    """

    method: str
    first: int
    detection: Detection


@dataclass(frozen=True, slots=True)
class Alarm:
    """A period in which a method raised an alarm, and why.

    Parameters
    ----------
    observed, threshold
        None where the count is hidden: the threshold would say too much about it.
    by_sum
        The method judges a sum over periods, not this period's count alone.
    """

    group: str
    district: str | None
    period: str
    start: date
    method: str
    observed: int | None
    expected: float
    threshold: float | None
    by_sum: bool

    @property
    def reason(self) -> str:
        """The comparison in one line of English."""
        count = "hidden count" if self.observed is None else f"{self.observed} observed"
        limit = "" if self.threshold is None else f", threshold {self.threshold:.1f}"
        return f"{count}, {self.expected:.1f} expected{limit}" + (
            "; the sum over several periods reached its limit" if self.by_sum else ""
        )


@dataclass(frozen=True, slots=True)
class YearTotal:
    """Events in the completely reported periods of a year, and their rate.

    Parameters
    ----------
    events
        None where the sum would give a hidden count away.
    """

    year: int
    periods: int
    events: int | None
    rate: EventRate | None


@dataclass(frozen=True, slots=True)
class SeriesResult:
    """A series with what is hidden of it and what the methods say.

    Parameters
    ----------
    hidden
        Counts that are not shown; shape (n,).
    population
        People in each period; NaN where unknown; shape (n,).
    problems
        Why a method could not judge it.
    """

    series: CountSeries
    hidden: BoolArray
    judgements: tuple[Judgement, ...]
    population: FloatArray | None
    problems: tuple[str, ...]

    @property
    def district(self) -> str | None:
        """The district, None for all of them."""
        return self.series.selection.district

    def rate(self, index: int) -> EventRate | None:
        """Rate of a completely reported period whose count is shown."""
        if (
            self.population is None
            or np.isnan(self.population[index])
            or self.hidden[index]
            or self.series.status[index] is not Status.COMPLETE
        ):
            return None
        return event_rate(int(self.series.events[index]), float(self.population[index]))

    def alarms(self, *, exact: bool = False) -> Iterator[Alarm]:
        """Every alarm, by method, latest last; `exact` shows hidden counts too.

        Where the series has hidden counts, what the method computed from them is rounded.
        """
        rounded = bool(self.hidden.any()) and not exact
        labels = self.series.labels
        for judgement in self.judgements:
            found = judgement.detection
            for index in np.flatnonzero(found.alarm):
                hide = bool(self.hidden[index]) and not exact
                yield Alarm(
                    self.series.group.name,
                    self.district,
                    labels[index],
                    self.series.starts[index],
                    judgement.method,
                    None if hide else int(self.series.events[index]),
                    _plain(found.expected[index], rounded),
                    None if hide else _plain(found.threshold[index], rounded),
                    judgement.method.startswith("cusum"),
                )

    def years(self) -> Iterator[YearTotal]:
        """Totals by year of the completely reported periods."""
        complete = np.array([status is Status.COMPLETE for status in self.series.status])
        years = np.array([year_of(start, self.series.period) for start in self.series.starts])
        for year in np.unique(years):
            chosen = complete & (years == year)
            if not chosen.any():
                continue
            events, hidden = self.series.events[chosen], self.hidden[chosen]
            total = int(events.sum())
            shown = sum_may_be_shown(events, hidden)
            people = np.nan if self.population is None else float(self.population[chosen].mean())
            # The rate is of the periods that were reported, not of a whole year.
            rate = event_rate(total, people) if shown and not np.isnan(people) else None
            yield YearTotal(int(year), int(chosen.sum()), total if shown else None, rate)


def _plain(value: float, rounded: bool) -> float:
    return float(np.round(value)) if rounded else float(value)


def in_order(alarms: Sequence[Alarm]) -> list[Alarm]:
    """Latest first, then by group, district and method."""
    by_name = sorted(alarms, key=lambda a: (a.group, a.district or "", a.method))
    return sorted(by_name, key=lambda a: a.start, reverse=True)
