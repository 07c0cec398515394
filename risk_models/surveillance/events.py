"""Reads a table of disease events; a bad row is listed and the others are counted."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from risk_models.cohort.cells import as_date
from risk_models.cohort.issues import Issue, listed, none_found
from risk_models.cohort.table_input import ROW, Table, open_table
from risk_models.cohort.words import MISSING, SEX_WORDS
from risk_models.surveillance.errors import EventTableError
from risk_models.surveillance.tables import column_of, required_column

NO_DISEASE = "no disease code or name"
NO_DATE = "no date"
UNSTATED = "unstated"
OLDEST_AGE = 120
EARLIEST = date(1950, 1, 1)
"""No register that is kept in such tables reaches further back; earlier dates are slips."""


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Columns the user named; None finds them by their headers."""

    date: str | None = None
    code: str | None = None
    name: str | None = None
    district: str | None = None


@dataclass(frozen=True, slots=True)
class Events:
    """The usable rows of a table and what is wrong with the others.

    Parameters
    ----------
    rows
        Columns ``date``, ``code``, ``name``, ``district``, ``sex``, ``age``; null where the
        table says nothing.
    issues
        As `risk_models.cohort.issues.SCHEMA`.
    total
        Rows of the table.
    notes
        What was found on the way: the encoding, which column is which.
    """

    rows: pl.DataFrame
    issues: pl.DataFrame
    total: int
    notes: tuple[str, ...]


def read_events(path: Path, work: Path, as_of: date, columns: EventColumns | None = None) -> Events:
    """Read events from CSV (UTF-8, GBK, GB18030) or Parquet; one row is one event.

    Parameters
    ----------
    work
        Folder for an intermediate copy of a CSV file.
    as_of
        Rows dated later are issues and not counted.

    Raises
    ------
    EventTableError
        If there is no date, or neither a code nor a name; or if no row can be used.
    InputFileError
        If the file is not what its suffix says.
    """
    chosen = columns or EventColumns()
    table = open_table(path, work)
    headers = [header for header in table.headers if header != ROW]
    day = required_column(headers, "date", path.name, chosen.date)
    code = column_of(headers, "code", path.name, chosen.code)
    name = column_of(headers, "name", path.name, chosen.name)
    if code is None and name is None:
        raise EventTableError(
            f"{path.name}: no column for the disease; name it with --code-column (ICD-10) or "
            f"--name-column. There are: {', '.join(headers)}"
        )
    found = {
        "date": day,
        "code": code,
        "name": name,
        "district": column_of(headers, "district", path.name, chosen.district),
        "sex": column_of(headers, "sex", path.name),
        "age": column_of(headers, "age", path.name),
    }
    wide = _read(table, found)
    issues = _issues(wide, found, as_of, path.name)
    known = pl.col("date").is_between(EARLIEST, as_of).fill_null(value=False)
    diseased = pl.col("code").is_not_null() | pl.col("name").is_not_null()
    rows = wide.filter(known & diseased).select(
        "date",
        "code",
        "name",
        pl.col("district").fill_null(UNSTATED),
        pl.col("sex_cell").replace_strict(dict(SEX_WORDS), default=None).alias("sex"),
        pl.when(pl.col("age").is_between(0, OLDEST_AGE)).then("age").alias("age"),
    )
    if rows.is_empty():
        first = issues.row(0, named=True) if issues.height else {"issue": "?"}
        raise EventTableError(
            f"{path.name}: none of {wide.height} rows can be counted; the first: {first['issue']}"
        )
    notes = (
        *table.notes,
        ", ".join(f"{field}: {column}" for field, column in found.items() if column is not None),
    )
    return Events(rows, issues, wide.height, notes)


def _read(table: Table, found: dict[str, str | None]) -> pl.DataFrame:
    """The columns that are used, each as text besides what it was read as."""
    scan = table.scan()
    schema = scan.collect_schema()

    def text(field: str) -> pl.Expr:
        column = found[field]
        if column is None:
            return pl.lit(None, pl.String)
        cell = pl.col(column).cast(pl.String).str.strip_chars()
        return pl.when(~cell.str.to_lowercase().is_in(list(MISSING))).then(cell)

    day = found["date"]
    assert day is not None
    return scan.select(
        ROW,
        as_date(day, schema[day]).alias("date"),
        text("date").alias("date_cell"),
        text("code").alias("code"),
        text("name").alias("name"),
        text("district").alias("district"),
        text("sex").str.to_lowercase().alias("sex_cell"),
        text("age")
        .str.extract(r"^(\d+(?:\.\d+)?)\s*(?:岁|y|years?)?$")
        .cast(pl.Float64)
        .alias("age"),
        text("age").alias("age_cell"),
    ).collect(engine="streaming")


def _issues(
    wide: pl.DataFrame, found: dict[str, str | None], as_of: date, file: str
) -> pl.DataFrame:
    day, age = pl.col("date"), pl.col("age")
    checks = (
        ("date", "date_cell", pl.col("date_cell").is_null(), NO_DATE, "YYYY-MM-DD"),
        (
            "date",
            "date_cell",
            day.is_null() & pl.col("date_cell").is_not_null(),
            Issue.BAD_DATE.value,
            "YYYY-MM-DD",
        ),
        ("date", "date_cell", day > as_of, Issue.FUTURE_DATE.value, f"{as_of} or before"),
        ("date", "date_cell", day < EARLIEST, Issue.IMPLAUSIBLE.value, f"{EARLIEST} or later"),
        (
            "code" if found["code"] else "name",
            "code",
            pl.col("code").is_null() & pl.col("name").is_null(),
            NO_DISEASE,
            "an ICD-10 code or a name",
        ),
        (
            "sex",
            "sex_cell",
            pl.col("sex_cell").is_not_null() & ~pl.col("sex_cell").is_in(list(SEX_WORDS)),
            Issue.UNKNOWN_WORD.value,
            "male or female; counted all the same, but in neither sex",
        ),
        (
            "age",
            "age_cell",
            pl.col("age_cell").is_not_null()
            & ~age.is_between(0, OLDEST_AGE).fill_null(value=False),
            Issue.NOT_A_NUMBER.value,
            f"0 to {OLDEST_AGE}; counted all the same, but in no age group",
        ),
    )
    parts = [
        listed(
            wide.filter(rule.fill_null(value=False)).select(
                ROW, issue=pl.lit(issue), cell=pl.col(cell), hint=pl.lit(hint)
            ),
            file,
            field,
            found[field] or "",
        )
        for field, cell, rule, issue, hint in checks
    ]
    return pl.concat([none_found(), *parts]).sort("source_row", maintain_order=True)
