"""From a table of events to judged series."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from risk_models.cohort.suppression import SMALLEST_SHOWN
from risk_models.surveillance.counts import (
    CountSeries,
    Coverage,
    Selection,
    Span,
    Status,
    count_events,
    reported_days,
)
from risk_models.surveillance.errors import BaselineError, EventTableError, UnknownChoiceError
from risk_models.surveillance.events import EventColumns, Events, read_events
from risk_models.surveillance.groups import ALL, DiseaseGroup, belongs
from risk_models.surveillance.hiding import BoolArray, hidden_alone, hidden_beside_total
from risk_models.surveillance.methods import Method, Options, first_judged, method_named
from risk_models.surveillance.periods import Period, index_of, year_of
from risk_models.surveillance.rates import Population, read_population
from risk_models.surveillance.results import Judgement, SeriesResult

Progress = Callable[[str, int, int], None]

MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class SurveillanceRequest:
    """What is to be counted and judged.

    Parameters
    ----------
    as_of
        The reader's day; events dated later are not counted.
    each_district
        Judge every district by itself, besides the whole.
    since
        First day to be judged; None judges the last year.
    exact
        Hide no count: for the surveillance team's own eyes.
    """

    source: Path
    groups: tuple[DiseaseGroup, ...]
    methods: tuple[str, ...]
    period: Period
    as_of: date
    coverage: Coverage = field(default_factory=Coverage)
    columns: EventColumns = field(default_factory=EventColumns)
    selection: Selection = field(default_factory=Selection)
    each_district: bool = False
    since: date | None = None
    options: Options = field(default_factory=Options)
    population: Path | None = None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Surveillance:
    """A finished run."""

    request: SurveillanceRequest
    results: tuple[SeriesResult, ...]
    issues: pl.DataFrame
    rows: int
    counted_rows: int
    notes: tuple[str, ...]

    @property
    def issues_by_kind(self) -> list[tuple[str, int]]:
        """How often each kind of problem was found, the most frequent first."""
        counted = self.issues.group_by("issue").len()
        ordered = counted.sort("len", "issue", descending=[True, False])
        return [(str(kind), int(count)) for kind, count in ordered.iter_rows()]


def run_surveillance(
    request: SurveillanceRequest, progress: Progress = lambda *_: None
) -> Surveillance:
    """Read, count, judge.

    Raises
    ------
    SurveillanceError
        If the table cannot be used, a choice is unknown, or no method has a baseline long enough.
        If some series can be judged and others not, these say why in their result.
    """
    methods = tuple(method_named(name) for name in request.methods)
    _check_groups(request)
    with tempfile.TemporaryDirectory() as name:
        progress("read", 0, 0)
        events = read_events(request.source, Path(name), request.as_of, request.columns)
        population = read_population(request.population, Path(name)) if request.population else None
    _check_coverage(request)
    series = list(_series(request, events))
    results = []
    for done, (one, hidden) in enumerate(series):
        progress("judge", done, len(series))
        results.append(_judged(one, hidden, methods, request, population))
    progress("judge", len(series), len(series))
    if not any(result.judgements for result in results):
        raise BaselineError(results[0].problems[0])
    notes = (*events.notes, *_not_counted(request, events), *_notes(results))
    return Surveillance(
        request, tuple(results), events.issues, events.total, events.rows.height, notes
    )


def _check_groups(request: SurveillanceRequest) -> None:
    for position, group in enumerate(request.groups):
        for other in request.groups[position + 1 :]:
            either_all = ALL.name in (group.name, other.name)
            if not request.exact and (either_all or group.overlaps(other)):
                raise UnknownChoiceError(
                    f"the groups {group.name} and {other.name} share events: their difference "
                    "could give a hidden count away. Choose one of them, or --exact for a report "
                    "that stays with the surveillance team"
                )


def _check_coverage(request: SurveillanceRequest) -> None:
    last = request.coverage.last
    if last is not None and last > request.as_of:
        raise EventTableError(
            f"reporting cannot be complete to {last}, which is after {request.as_of}"
        )


def _series(
    request: SurveillanceRequest, events: Events
) -> Iterator[tuple[CountSeries, BoolArray]]:
    """Each series with what is hidden of it; the whole before its districts."""
    for group in request.groups:
        chosen = request.selection
        whole = count_events(events, group, request.period, request.coverage, chosen)
        if not request.each_district:
            hidden = hidden_alone(whole.events)
            yield whole, np.zeros_like(hidden) if request.exact else hidden
            continue
        districts = [
            count_events(
                events,
                group,
                request.period,
                request.coverage,
                Selection(name, chosen.sex, chosen.ages),
            )
            for name in sorted(events.rows["district"].unique())
        ]
        parts, total = hidden_beside_total([one.events for one in districts])
        for one, hidden in zip([whole, *districts], [total, *parts], strict=True):
            yield one, np.zeros_like(hidden) if request.exact else hidden


def _judged(
    series: CountSeries,
    hidden: BoolArray,
    methods: tuple[Method, ...],
    request: SurveillanceRequest,
    population: Population | None,
) -> SeriesResult:
    wanted = None
    if request.since is not None:
        wanted = index_of(series.starts, request.since, series.period)
        if wanted is None:
            raise EventTableError(
                f"--since {request.since} is outside the table's {series.period.value}s, "
                f"{series.labels[0]} to {series.labels[-1]}"
            )
    judgements, problems = [], []
    for method in methods:
        try:
            first = first_judged(series, method, request.options, wanted)
            found = method.run(series, first, request.options)
        except BaselineError as error:
            problems.append(str(error))
            continue
        judgements.append(Judgement(method.name, first, found))
    return SeriesResult(
        series, hidden, tuple(judgements), _people(series, population), tuple(problems)
    )


def _people(
    series: CountSeries, population: Population | None
) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    if population is None or series.selection.sex or series.selection.ages:
        return None
    people = [
        population.of(series.selection.district, year_of(start, series.period))
        for start in series.starts
    ]
    return np.array([np.nan if number is None else number for number in people])


def _not_counted(request: SurveillanceRequest, events: Events) -> Iterator[str]:
    """Events outside the covered days, and the most frequent names that no group knows."""
    first, last = reported_days(events)
    first, last = request.coverage.first or first, request.coverage.last or last
    outside = events.rows.filter(~pl.col("date").is_between(first, last)).height
    if outside:
        yield (
            f"{outside} events before {first} or after {last} are not counted; if they belong, say "
            "so with --complete-from and --complete-to"
        )
    known = pl.lit(value=False)
    for group in request.groups:
        known |= belongs(group, "code", "name")
    others = events.rows.filter(~known & pl.col("name").is_not_null()).group_by("name").len()
    names = others.sort("len", "name", descending=[True, False])
    listed = [f"{name} ({count})" for name, count in names.iter_rows() if count >= SMALLEST_SHOWN]
    if listed:
        yield f"names in no chosen group, the most frequent: {', '.join(listed[:MOST_NAMES])}"


def _notes(results: list[SeriesResult]) -> Iterator[str]:
    """Periods of the whole that are not judged, in runs."""
    series = results[0].series
    for status in (Status.PARTIAL, Status.NOT_REPORTED, Status.SILENT):
        names = [
            name for name, one in zip(series.labels, series.status, strict=True) if one is status
        ]
        if names:
            shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
            yield f"{status.value}: {shown}"


def parse_gap(text: str) -> Span:
    """``2023-01-02..2023-01-15`` as days.

    Raises
    ------
    EventTableError
        If it is not two days.
    """
    first, dots, last = text.partition("..")
    try:
        return Span(date.fromisoformat(first), date.fromisoformat(last if dots else first))
    except ValueError:
        raise EventTableError(
            f"{text!r} is not a gap; write two days as 2023-01-02..2023-01-15"
        ) from None
