"""Why one person of a scored cohort has the numbers they have."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from risk_models.cohort.engines import people_files
from risk_models.cohort.errors import CohortError
from risk_models.cohort.fields import FIELDS, IDENTITY
from risk_models.cohort.run import RECORDS, read_manifest
from risk_models.cohort.table_input import ROW
from risk_models.explain import Explanation, explain


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the record and where it comes from.

    Parameters
    ----------
    origin
        ``row 12 of 2025-05-01``, ``derived``, or ``taken for everyone``.
    """

    field: str
    value: str
    unit: str
    origin: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One equation's answer: the number with its shares, or the problems."""

    equation: str
    outcome: str
    value: float | None
    category: str | None
    problems: str | None
    cautions: str | None
    explanation: Explanation | None


@dataclass(frozen=True, slots=True)
class PersonReport:
    """Record, outcomes and unused cells of one person."""

    values: tuple[Value, ...]
    outcomes: tuple[Outcome, ...]
    issues: tuple[Mapping[str, Any], ...]


def explain_person(folder: Path, person_id: str) -> PersonReport:
    """Look one person up in the records of a scored cohort.

    Raises
    ------
    CohortError
        If nobody has that identifier.
    """
    manifest = read_manifest(folder)
    records = folder / RECORDS
    people = pl.scan_parquet(
        people_files(records), missing_columns="insert", extra_columns="ignore"
    )
    found = people.filter(pl.col("person_id") == person_id).collect(engine="streaming")
    if found.is_empty():
        raise CohortError(f"{folder}: nobody with the identifier given")
    row = found.row(0, named=True)
    origins = _origins(records, person_id)
    taken = {*manifest.constants, *manifest.absent_means_no}
    derived = set((row["derived"] or "").split())
    values = tuple(
        Value(
            name,
            _written(row[field.column]),
            field.unit,
            _origin(name, row, origins, derived, taken),
        )
        for name, field in FIELDS.items()
        if field.column in row and row[field.column] is not None and name != "person_id"
    )
    record = {
        column: value
        for field in FIELDS.values()
        for column in (field.column, *field.stated_columns.values())
        if (value := row.get(column)) is not None
    }
    outcomes = []
    for chosen in manifest.chosen:
        for outcome in chosen.outcomes:
            column = f"{chosen.name}.{outcome.key}"
            shares = None
            if row[column] is not None and outcome is chosen.main:
                told = explain(
                    chosen.name, {**record, **chosen.constants}, outcome.key, chosen.variant
                )
                shares = told if isinstance(told, Explanation) else None
            outcomes.append(
                Outcome(
                    chosen.name,
                    outcome.key,
                    row[column],
                    row.get(f"{column}_class"),
                    row[f"{chosen.name}.problems"],
                    row[f"{chosen.name}.cautions"],
                    shares,
                )
            )
    issues = pl.scan_parquet(records / "issues" / "part-*.parquet")
    mine = issues.filter(pl.col("person_id") == person_id).collect(engine="streaming")
    return PersonReport(values, tuple(outcomes), tuple(mine.iter_rows(named=True)))


def _origins(records: Path, person_id: str) -> dict[str, str]:
    provenance = pl.scan_parquet(records / "provenance" / "part-*.parquet")
    mine = provenance.filter(pl.col("person_id") == person_id).collect(engine="streaming")
    return {
        name: f"row {row}" + (f" of {day}" if day else "")
        for name, row, day in mine.select("field", ROW, "date").iter_rows()
    }


def _origin(
    name: str,
    row: Mapping[str, Any],
    origins: Mapping[str, str],
    derived: set[str],
    taken: set[str],
) -> str:
    if name in derived:
        return "derived"
    if name in origins:
        return origins[name]
    if name in taken:
        return "row or taken for everyone"
    day = row.get("date")
    if name in IDENTITY or not origins:
        return f"row {row[ROW]}" + (f" of {day}" if day and name not in IDENTITY else "")
    return "follows from other values"


def _written(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
