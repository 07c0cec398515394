"""Rows of a table become visits: every field read, checked and in its own unit."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from risk_models.cohort.cells import Cells, prepared, read_cells
from risk_models.cohort.fields import FIELDS, Field
from risk_models.cohort.issues import Issue, listed, none_found
from risk_models.cohort.mapping import ColumnPlan, TablePlan
from risk_models.cohort.table_input import ROW

AGE_AGREES_YEARS = 1
"""A stated age and the one from the birth date may differ by this: nominal age, birthdays."""


@dataclass(frozen=True, slots=True)
class Visits:
    """Rows that were read.

    Parameters
    ----------
    rows
        `source_row`, `person_id` and one column per field that the table has.
    issues
        In the form of `issues.SCHEMA`.
    """

    rows: pl.DataFrame
    issues: pl.DataFrame


def read_visits(frame: pl.DataFrame, plan: TablePlan, source: str, as_of: date) -> Visits:
    """Read rows of a table (with `source_row`); rows without a person are left out."""
    kinds = frame.schema
    read = {c.field: read_cells(FIELDS[c.field], c, kinds[c.column], as_of) for c in plan.columns}
    columns = {c.field: c for c in plan.columns}
    person = read["person_id"].value
    wide = prepared(frame, plan.columns).select(
        ROW,
        person_id=person,
        **{
            name: expression
            for field, cells in read.items()
            if field != "person_id"
            for name, expression in _expressions(FIELDS[field], cells)
        },
    )
    found = [_issues_of(frame, wide, columns[name], source) for name in read if name != "person_id"]
    wide = wide.drop([name for name in wide.columns if name.startswith("__")])
    nobody = wide.filter(pl.col("person_id").is_null())
    found.append(_row_issue(nobody, Issue.NO_PERSON, "person_id", columns["person_id"], source))
    wide = wide.filter(pl.col("person_id").is_not_null())
    if "date" in wide.columns:
        # A visit of the future is not a visit yet; the date's own issue says so.
        future = frame.select(ROW).join(
            _in_issue(found, Issue.FUTURE_DATE), left_on=ROW, right_on="source_row", how="semi"
        )
        if future.height:
            wide = wide.join(future, on=ROW, how="anti")
    for first, second, wrong in _contradictions(wide):
        bad = wide.filter(wrong)
        found += [
            _row_issue(bad, Issue.CONTRADICTORY, name, columns[name], source)
            for name in (first, second)
        ]
        wide = wide.with_columns(
            pl.when(~wrong.fill_null(value=False)).then(pl.col(column)).alias(column)
            for name in (first, second)
            for column in _columns_in(wide, FIELDS[name])
        )
    return Visits(wide, pl.concat([none_found(), *found]))


def completed_years(birth: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Age on `day` in completed years, as the equations' publications count it."""
    before = (day.dt.month() < birth.dt.month()) | (
        (day.dt.month() == birth.dt.month()) & (day.dt.day() < birth.dt.day())
    )
    return (day.dt.year() - birth.dt.year() - before.cast(pl.Int32)).cast(pl.Float64)


def _expressions(field: Field, cells: Cells) -> Iterator[tuple[str, pl.Expr]]:
    yield field.column, cells.value
    for unit, expression in cells.stated.items():
        yield field.stated_columns[unit], expression
    yield f"__{field.name}_issue", cells.issue
    yield f"__{field.name}_hint", cells.hint


def _columns_in(wide: pl.DataFrame, field: Field) -> list[str]:
    return [c for c in (field.column, *field.stated_columns.values()) if c in wide.columns]


def _issues_of(
    frame: pl.DataFrame, wide: pl.DataFrame, column: ColumnPlan, source: str
) -> pl.DataFrame:
    name = column.field
    bad = wide.get_column(f"__{name}_issue").is_not_null()
    if not bad.any():
        return none_found()
    cell = pl.col(column.column).cast(pl.String)
    if column.unit_column is not None:
        cell = pl.concat_str(
            cell, pl.col(column.unit_column).cast(pl.String), separator=" ", ignore_nulls=True
        )
    rows = wide.filter(bad).select(
        pl.col(ROW), "person_id", issue=f"__{name}_issue", hint=f"__{name}_hint"
    )
    return listed(
        rows.with_columns(frame.filter(bad).select(cell=cell)), source, name, column.column
    )


def _row_issue(
    rows: pl.DataFrame, issue: Issue, name: str, column: ColumnPlan, source: str
) -> pl.DataFrame:
    if rows.is_empty():
        return none_found()
    return listed(
        rows.select(ROW, "person_id", issue=pl.lit(issue.value)), source, name, column.column
    )


def _in_issue(found: list[pl.DataFrame], issue: Issue) -> pl.DataFrame:
    rows = [f.filter(pl.col("issue") == issue.value).select("source_row") for f in found]
    return pl.concat(rows).cast({"source_row": pl.get_index_type()}) if rows else none_found()


def _contradictions(wide: pl.DataFrame) -> Iterator[tuple[str, str, pl.Expr]]:
    """Pairs of fields, and the rows where they cannot both be right."""
    have = set(wide.columns)
    if {"systolic_bp", "diastolic_bp"} <= have:
        yield "systolic_bp", "diastolic_bp", pl.col("systolic_bp") <= pl.col("diastolic_bp")
    total, hdl, ldl = (
        FIELDS[name].column for name in ("total_cholesterol", "hdl_cholesterol", "ldl_cholesterol")
    )
    if {total, hdl} <= have:
        yield "total_cholesterol", "hdl_cholesterol", pl.col(hdl) >= pl.col(total)
    if {total, ldl} <= have:
        # Direct LDL may pass total cholesterol by measurement error only.
        yield "total_cholesterol", "ldl_cholesterol", pl.col(ldl) > 1.1 * pl.col(total)
    if {"age", "birth_date", "date"} <= have:
        by_birth = completed_years(pl.col("birth_date"), pl.col("date"))
        yield "age", "birth_date", (by_birth - pl.col("age")).abs() > AGE_AGREES_YEARS + 0.5
