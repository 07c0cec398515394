"""Values picked from a FHIR export become persons: checked, in one unit, the latest of each."""

from datetime import date
from pathlib import Path

import polars as pl

from risk_models.cohort.cells import EARLIEST_BIRTH
from risk_models.cohort.fhir_input import FhirExport, as_day
from risk_models.cohort.fields import FIELDS, Kind
from risk_models.cohort.issues import SCHEMA, Issue, none_found
from risk_models.cohort.persons import PROVENANCE, Persons
from risk_models.cohort.rows import completed_years
from risk_models.cohort.table_input import ROW

VALUES_A_PART = 2_000_000
"""Values whose persons are made at once; bounds memory, changes no result."""


def parts_of(export: FhirExport) -> int:
    """Into how many parts an export is split, by a hash of the person."""
    values = pl.scan_parquet(list(export.values)).select(pl.len()).collect().item()
    return max(1, -(-int(values) // VALUES_A_PART))


def build_persons(
    export: FhirExport, part: int, parts: int, as_of: date, oldest: date | None = None
) -> Persons:
    """Persons of one part; `part` counts from 0. Values before `oldest` are not used."""
    patients, patient_issues = _patients(export, part, parts, as_of)
    values, value_issues = _values(export, part, parts, as_of)
    usable = pl.col("issue").is_null()
    if oldest is not None:
        # What once was (a diagnosis) stays true; what was measured does not.
        usable &= ~(pl.col("measure") & (pl.col("date") < oldest).fill_null(value=True))
    ordered = values.filter(usable).sort("date", "source", "row")
    latest = ordered.group_by("person_id", "field", maintain_order=True).last()
    wide = patients
    for name in sorted(set(latest.get_column("field"))):
        wide = wide.join(_columns_of(latest, name), on="person_id", how="left")
    last_day = latest.group_by("person_id").agg(date=pl.col("date").max())
    wide = wide.join(last_day, on="person_id", how="left", maintain_order="left")
    known = latest.join(patients.select("person_id"), on="person_id", how="semi")
    return Persons(
        wide,
        pl.concat([none_found(), patient_issues, value_issues]),
        known.select("person_id", "field", source_row=pl.col("row"), date=pl.col("date")).cast(
            PROVENANCE
        ),
    )


def visits_of(export: FhirExport, part: int, parts: int, as_of: date) -> pl.DataFrame:
    """Valid values of one part as rows by person and day, one column per measure."""
    values, _ = _values(export, part, parts, as_of)
    measures = values.filter(
        pl.col("issue").is_null() & pl.col("date").is_not_null() & pl.col("low").is_not_null()
    ).sort("source", "row")
    wide = measures.group_by("person_id", "date").agg()
    for name in sorted(set(measures.get_column("field"))):
        one = (
            measures.filter(pl.col("field") == name)
            .group_by("person_id", "date")
            .agg(pl.col("kept").last().alias(FIELDS[name].column))
        )
        wide = wide.join(one, on=["person_id", "date"], how="left")
    return wide


def _of_part(files: tuple[Path, ...], part: int, parts: int) -> pl.DataFrame:
    rows = pl.scan_parquet(list(files))
    if parts > 1:
        rows = rows.filter(pl.col("person_id").hash(seed=0) % parts == part)
    return rows.collect(engine="streaming")


def _patients(
    export: FhirExport, part: int, parts: int, as_of: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = _of_part(export.patients, part, parts)
    rows = rows.with_columns(birth_date=as_day("birth", as_of)).with_row_index("__order")
    first = rows.unique("person_id", keep="first", maintain_order=True)
    again = rows.join(first.select("__order"), on="__order", how="anti")
    sexes = {"male": "male", "female": "female"}
    persons = first.select(
        pl.col("row").cast(pl.get_index_type()).alias(ROW),
        "person_id",
        sex=pl.col("sex").replace_strict(sexes, default=None, return_dtype=pl.String),
        birth_date="birth_date",
        district=pl.when(pl.col("district") != "").then(pl.col("district")),
        deceased="deceased",
        age=completed_years(pl.col("birth_date"), pl.lit(as_of)),
    )
    bad_birth = first.filter((pl.col("birth") != "") & pl.col("birth_date").is_null())
    issues = [
        _issues(
            again.with_columns(
                cell=pl.lit(None, pl.String),
                field=pl.lit("person_id"),
                issue=pl.lit(Issue.DUPLICATE.value),
                hint=pl.lit(None, pl.String),
            )
        ),
        _issues(
            bad_birth.with_columns(
                cell="birth",
                field=pl.lit("birth_date"),
                issue=pl.when(pl.col("birth").str.slice(0, 10) > str(as_of))
                .then(pl.lit(Issue.FUTURE_BIRTH.value))
                .otherwise(pl.lit(Issue.BAD_DATE.value)),
                hint=pl.lit(f"a whole date, {EARLIEST_BIRTH} to {as_of}"),
            )
        ),
    ]
    return persons, pl.concat(issues)


def _values(
    export: FhirExport, part: int, parts: int, as_of: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = _of_part(export.values, part, parts)
    rows = rows.join(_conversions(), on=["field", "unit"], how="left", maintain_order="left")
    kept = pl.col("value") * pl.col("factor") + pl.col("offset")
    measure = pl.col("field").is_in([f.name for f in FIELDS.values() if f.kind is Kind.MEASURE])
    rows = rows.with_columns(
        date=as_day("day", as_of),
        kept=pl.when(pl.col("factor") == 1.0, pl.col("offset") == 0.0)
        .then(pl.col("value"))
        .otherwise(kept),
        measure=measure,
    )
    rows = rows.with_columns(
        issue=pl.when(measure & pl.col("factor").is_null())
        .then(pl.lit(Issue.UNIT_UNKNOWN.value))
        .when(measure & ~pl.col("kept").is_between("low", "high"))
        .then(pl.lit(Issue.IMPLAUSIBLE.value))
        .when((pl.col("day") != "") & pl.col("date").is_null())
        .then(pl.lit(Issue.BAD_DATE.value))
    )
    bad = rows.filter(pl.col("issue").is_not_null()).with_columns(
        cell=pl.concat_str(
            pl.col("value").cast(pl.String), "unit", separator=" ", ignore_nulls=True
        ),
        hint=pl.when(pl.col("issue") == Issue.UNIT_UNKNOWN.value)
        .then(pl.lit("a UCUM unit of this field"))
        .when(pl.col("issue") == Issue.IMPLAUSIBLE.value)
        .then(pl.format("{} to {} {} in the field's own unit", "low", "high", "own")),
    )
    return rows, _issues(bad)


def _conversions() -> pl.DataFrame:
    rows = [
        (field.name, unit, change.factor, change.offset, field.low, field.high, field.unit)
        for field in FIELDS.values()
        if field.kind is Kind.MEASURE
        for unit, change in field.units.items()
    ]
    names = ["field", "unit", "factor", "offset", "low", "high", "own"]
    return pl.DataFrame(rows, schema=names, orient="row").cast(
        dict.fromkeys(("factor", "offset", "low", "high"), pl.Float64)
    )


def _columns_of(latest: pl.DataFrame, name: str) -> pl.DataFrame:
    """`person_id` and the record's columns of one field."""
    field = FIELDS[name]
    rows = latest.filter(pl.col("field") == name)
    if field.kind is Kind.FLAG:
        return rows.select("person_id", (pl.col("value") == 1.0).alias(field.column))
    stated = (
        pl.when(pl.col("unit") == unit).then(pl.col("value")).alias(column)
        for unit, column in field.stated_columns.items()
    )
    return rows.select("person_id", pl.col("kept").alias(field.column), *stated)


def _issues(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(source_row="row", column=pl.col("field")).select(
        pl.col(name).cast(kind) for name, kind in SCHEMA.items()
    )
