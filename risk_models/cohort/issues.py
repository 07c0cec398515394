"""What is wrong with cells and rows, as a table that its owner can work through.

The table holds the cell as it was written: it is patient data, as the input is.
"""

from enum import StrEnum

import polars as pl


class Issue(StrEnum):
    """Why a cell or a row is not used."""

    NOT_A_NUMBER = "not a number"
    IMPLAUSIBLE = "outside the plausible range"
    WRONG_UNIT = "outside the plausible range; plausible in another unit"
    UNIT_UNKNOWN = "unit missing or not known for this field"
    UNKNOWN_WORD = "word not known for this field"
    BAD_DATE = "not a date"
    FUTURE_DATE = "date in the future"
    FUTURE_BIRTH = "birth date in the future"
    CONTRADICTORY = "contradicts another value of this person"
    NO_PERSON = "no person identifier"
    DUPLICATE = "person already seen; this row is not used"
    TOO_OLD = "older than the accepted age of values"


SCHEMA = pl.Schema(
    {
        "source": pl.String,
        "source_row": pl.Int64,
        "person_id": pl.String,
        "field": pl.String,
        "column": pl.String,
        "issue": pl.String,
        "cell": pl.String,
        "hint": pl.String,
    }
)
"""Columns of the issue table; `hint` says what would be accepted."""


def none_found() -> pl.DataFrame:
    """An empty issue table."""
    return pl.DataFrame(schema=SCHEMA)


def listed(rows: pl.DataFrame, source: str, field: str, column: str) -> pl.DataFrame:
    """Bring rows with `source_row`, `person_id`, `issue`, `cell`, `hint` into the table's form."""
    whole = rows.with_columns(source=pl.lit(source), field=pl.lit(field), column=pl.lit(column))
    return whole.select(
        pl.col(name).cast(kind) if name in whole.columns else pl.lit(None, kind).alias(name)
        for name, kind in SCHEMA.items()
    )


def safe_for_spreadsheets(issues: pl.LazyFrame) -> pl.LazyFrame:
    """Put a quote before cells that a spreadsheet would run as a formula (OWASP CSV injection)."""
    risky = r"^[=+\-@\t\r]"
    return issues.with_columns(
        pl.when(pl.col(name).str.contains(risky))
        .then(pl.concat_str(pl.lit("'"), name))
        .otherwise(pl.col(name))
        .alias(name)
        for name, kind in SCHEMA.items()
        if kind == pl.String
    )
