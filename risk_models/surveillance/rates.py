"""Rates of events with exact intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from scipy.stats import chi2

from risk_models.cohort.table_input import open_table
from risk_models.surveillance.errors import EventTableError
from risk_models.surveillance.tables import column_of, required_column

PER = 100_000


@dataclass(frozen=True, slots=True)
class EventRate:
    """Events per 100,000 people in a period, with its interval."""

    value: float
    low: float
    high: float


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a Poisson mean: ``chi2(a/2; 2x)/2`` to ``chi2(1-a/2; 2x+2)/2``.

    References
    ----------
    Garwood F. Fiducial limits for the Poisson distribution. Biometrika 1936;28:437-442.
    doi:10.1093/biomet/28.3-4.437.
    """
    if count < 0 or not 0 < confidence < 1:
        raise ValueError(
            f"a count from 0 up and a confidence between 0 and 1, not {count}, {confidence}"
        )
    tail = (1 - confidence) / 2
    low = float(chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    return low, float(chi2.ppf(1 - tail, 2 * count + 2)) / 2


def event_rate(count: int, population: float) -> EventRate:
    """Rate per 100,000 people in the period of the count."""
    if population <= 0:
        raise ValueError(f"the population must be above zero, not {population:g}")
    low, high = poisson_interval(count)
    return EventRate(count / population * PER, low / population * PER, high / population * PER)


@dataclass(frozen=True, slots=True)
class Population:
    """People by district and year; the district None holds the sum."""

    people: Mapping[str | None, Mapping[int, float]]

    def of(self, district: str | None, year: int) -> float | None:
        """People in a year, else in the latest year before it; None for an unknown district.

        Raises
        ------
        EventTableError
            If the district's figures start later.
        """
        years = self.people.get(district)
        if years is None:
            return None
        known = [other for other in years if other <= year]
        if not known:
            raise EventTableError(
                f"the population of {year} is missing; the earliest given is of {min(years)}"
            )
        return years[max(known)]


def read_population(path: Path, work: Path) -> Population:
    """Read a table with columns year, population and, if there are several, district.

    Raises
    ------
    EventTableError
        If a column is absent or a number is not one.
    """
    table = open_table(path, work)
    headers = [*table.headers]
    district = column_of(headers, "district", path.name)
    rows = (
        table.scan()
        .select(
            row="source_row",
            district=pl.col(district).cast(pl.String) if district else pl.lit(None, pl.String),
            year=_number(required_column(headers, "year", path.name)).cast(pl.Int64),
            people=_number(required_column(headers, "population", path.name)),
        )
        .collect()
    )
    bad = rows.filter(pl.col("year").is_null() | ~(pl.col("people") > 0).fill_null(value=False))
    if bad.height:
        raise EventTableError(
            f"{path.name}, row {bad['row'][0]}: a year and a population above zero are needed"
        )
    people: dict[str | None, dict[int, float]] = {None: {}}
    for _, name, year, number in rows.iter_rows():
        if name is not None:
            people.setdefault(name, {})[year] = number
        people[None][year] = people[None].get(year, 0.0) + number
    if any(set(years) != set(people[None]) for years in people.values()):
        raise EventTableError(f"{path.name}: every district needs the same years")
    return Population(people)


def _number(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String).str.strip_chars().str.replace_all(",", "")
    return text.cast(pl.Float64, strict=False)
