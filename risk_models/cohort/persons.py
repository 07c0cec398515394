"""Visits become persons: for every field the latest valid value, with its row and date."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from risk_models.cohort.fields import FIELDS, IDENTITY
from risk_models.cohort.issues import Issue, listed, none_found
from risk_models.cohort.rows import completed_years
from risk_models.cohort.table_input import ROW

FIXED = ("sex", "birth_date")
"""What cannot change from visit to visit."""

_COLUMN_FIELD = {
    column: field.name
    for field in FIELDS.values()
    for column in (field.column, *field.stated_columns.values())
}


@dataclass(frozen=True, slots=True)
class Persons:
    """One row per person.

    Parameters
    ----------
    rows
        As the visits' rows; `date` is the latest visit's, `source_row` its row.
    provenance
        `person_id`, `field`, `source_row`, `date` of every value of a person with several
        visits; a person with one visit has all values from that row.
    """

    rows: pl.DataFrame
    issues: pl.DataFrame
    provenance: pl.DataFrame


PROVENANCE = pl.Schema(
    {"person_id": pl.String, "field": pl.String, "source_row": pl.Int64, "date": pl.Date}
)


def merge_visits(visits: pl.DataFrame, source: str) -> Persons:
    """Make one row per person; visits are ordered by date, then by row.

    Several rows of a person without dates cannot be ordered: the first is used and the others
    are reported. Two sexes or two birth dates are reported, and none is used.
    """
    if "date" not in visits.columns:
        visits = visits.with_columns(date=pl.lit(None, pl.Date))
    ordered = visits.sort("person_id", "date", ROW, nulls_last=False)
    repeated = ordered.filter(pl.len().over("person_id") > 1)
    if repeated.is_empty():
        return Persons(ordered, none_found(), pl.DataFrame(schema=PROVENANCE))
    kept, surplus = _without_surplus(repeated)
    values = [c for c in kept.columns if c not in ("person_id", ROW, "date")]
    merged = kept.group_by("person_id", maintain_order=True).agg(
        pl.col(ROW).last(),
        pl.col("date").last(),
        *(
            pl.struct(name, *_with_it(name, values), row=ROW, day="date")
            .filter(pl.col(name).is_not_null())
            .last()
            .alias(f"__{name}")
            for name in values
            if name not in _followers(values)
        ),
        *(
            pl.col(name).drop_nulls().n_unique().alias(f"__{name}_n")
            for name in FIXED
            if name in values
        ),
    )
    conflicts = _conflicts(merged, kept, source)
    persons = pl.concat(
        [
            ordered.filter(pl.len().over("person_id") == 1),
            _unpacked(merged, values, visits.columns),
        ]
    ).sort(ROW)
    duplicates = none_found()
    if surplus.height:
        rows = surplus.select(
            ROW,
            "person_id",
            issue=pl.lit(Issue.DUPLICATE.value),
            hint=pl.lit("give each visit its own date, or remove the row"),
        )
        duplicates = listed(rows, source, "person_id", "person_id")
    return Persons(persons, pl.concat([duplicates, conflicts]), _provenance(merged, values))


def with_age(persons: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Add `age` on `as_of` from the birth date; a stated age stands where there is none."""
    if "birth_date" not in persons.columns:
        return persons
    by_birth = completed_years(pl.col("birth_date"), pl.lit(as_of))
    if "age" in persons.columns:
        by_birth = pl.coalesce(by_birth, pl.col("age"))
    return persons.with_columns(age=by_birth)


def _without_surplus(repeated: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split off rows that cannot be ordered: no date, and not the person's first such row."""
    undated = pl.col("date").is_null() & (pl.col("date").is_null().cum_sum().over("person_id") > 1)
    return repeated.filter(~undated), repeated.filter(undated)


def _followers(values: list[str]) -> frozenset[str]:
    """Columns that keep a value as given and go with their field's own column."""
    return frozenset(
        column for name in values if name in _COLUMN_FIELD for column in _with_it(name, values)
    )


def _with_it(name: str, values: list[str]) -> list[str]:
    field = FIELDS[_COLUMN_FIELD[name]]
    if name != field.column:
        return []
    return [column for column in field.stated_columns.values() if column in values]


def _conflicts(merged: pl.DataFrame, kept: pl.DataFrame, source: str) -> pl.DataFrame:
    found = [none_found()]
    for name in FIXED:
        if f"__{name}_n" not in merged.columns:
            continue
        people = merged.filter(pl.col(f"__{name}_n") > 1).select("person_id")
        rows = kept.join(people, on="person_id", how="semi").select(
            ROW,
            "person_id",
            cell=pl.col(name).cast(pl.String),
            issue=pl.lit(Issue.CONTRADICTORY.value),
            hint=pl.lit("one person, two values"),
        )
        found.append(listed(rows, source, name, name))
    return pl.concat(found)


def _unpacked(merged: pl.DataFrame, values: list[str], order: list[str]) -> pl.DataFrame:
    expressions = []
    for name in values:
        if name in _followers(values):
            continue
        value = pl.col(f"__{name}").struct.field(name)
        if name in FIXED:
            value = pl.when(pl.col(f"__{name}_n") <= 1).then(value)
        expressions.append(value.alias(name))
        expressions += [
            pl.col(f"__{name}").struct.field(column).alias(column)
            for column in _with_it(name, values)
        ]
    return merged.select("person_id", ROW, "date", *expressions).select(order)


def _provenance(merged: pl.DataFrame, values: list[str]) -> pl.DataFrame:
    parts = [
        merged.select(
            "person_id",
            field=pl.lit(_COLUMN_FIELD[name]),
            source_row=pl.col(f"__{name}").struct.field("row").cast(pl.Int64),
            date=pl.col(f"__{name}").struct.field("day"),
        ).filter(pl.col("source_row").is_not_null())
        for name in values
        if name not in _followers(values) and _COLUMN_FIELD[name] not in IDENTITY
    ]
    return pl.concat([pl.DataFrame(schema=PROVENANCE), *parts])
