"""Everything a report shows, as counts that add up from part to part.

A report is made from these and from nothing else: whoever writes it needs no person's data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl

from risk_models.cohort.fields import FIELDS
from risk_models.cohort.indicators import INDICATORS
from risk_models.cohort.scoring import ChosenEquation, is_risk
from risk_models.guidelines.china_lipid import LDL_TARGETS

AGE_BAND_YEARS = 5
RISK_BINS = 1000
"""Bins of the risk histogram: a tenth of a per cent each."""

FIXED_POINT = 1_000_000_000
"""Risks are summed as whole billionths, so that the sum is the same in any order."""

LAST_CLASSLESS = "no class"
"""Stands for people without a class of the main equation."""

STRATA = ("district", "sex", "age_band", "risk_class")


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of one part, or of all.

    Parameters
    ----------
    cube
        By `STRATA`: `people`, and per indicator `<name>.asked` and `<name>.yes`.
    risks
        Per outcome column and sex: histogram of the risk in `RISK_BINS` bins, with the sum.
    problems
        Per equation: how many people have each problem, and how many are scored.
    cautions
        Per equation and caution.
    completeness
        Per field: people with a valid value, and derived ones.
    trend
        Per month of visits: measured and below the limit.
    due
        Per month by which a reassessment is due: people; null where no date is known.
    issues
        Per field and issue: cells and rows.
    totals
        Rows, people, deceased.
    """

    cube: pl.DataFrame
    risks: pl.DataFrame
    problems: pl.DataFrame
    cautions: pl.DataFrame
    completeness: pl.DataFrame
    trend: pl.DataFrame
    due: pl.DataFrame
    issues: pl.DataFrame
    totals: pl.DataFrame


_KEYS = {
    "cube": STRATA,
    "risks": ("column", "sex", "bin"),
    "problems": ("equation", "problem"),
    "cautions": ("equation", "caution"),
    "completeness": ("field",),
    "trend": ("month",),
    "due": ("month",),
    "issues": ("field", "issue"),
    "totals": ("what",),
}

TREND_LIMITS = {
    "bp": ("systolic_bp", None),
    "ldl": ("ldl_cholesterol", LDL_TARGETS["low"]),
    "hba1c": ("hba1c", 7.0),
}
"""Measures followed by month, and the value to be below: 140/90, the mildest LDL target, 7 %."""


def add_up(parts: Sequence[Counts]) -> Counts:
    """Sum of the counts of all parts; does not depend on their order."""
    return Counts(**{name: _summed([getattr(p, name) for p in parts], name) for name in _KEYS})


def save(counts: Counts, folder: Path) -> None:
    """Write each table to `folder` as Parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in fields(Counts):
        getattr(counts, one.name).write_parquet(folder / f"{one.name}.parquet")


def load(folder: Path) -> Counts:
    """Read what `save` wrote."""
    return Counts(
        **{one.name: pl.read_parquet(folder / f"{one.name}.parquet") for one in fields(Counts)}
    )


def count_people(
    people: pl.DataFrame,
    visits: pl.DataFrame,
    issues: pl.DataFrame,
    rows: int,
    chosen: tuple[ChosenEquation, ...],
) -> Counts:
    """Counts of one part, from its assessed people, its visits and its issues."""
    living = people.filter(~pl.col("deceased").fill_null(value=False))
    return Counts(
        cube=_cube(living),
        risks=_risks(living, chosen),
        problems=_problems(living, chosen),
        cautions=_cautions(living, chosen),
        completeness=_completeness(living),
        trend=_trend(visits),
        due=living.group_by(month=pl.col("due").dt.truncate("1mo"))
        .agg(count=pl.len())
        .cast({"count": pl.Int64}),
        issues=issues.group_by("field", "issue").agg(count=pl.len()).cast({"count": pl.Int64}),
        totals=pl.DataFrame(
            {
                "what": ["rows", "people", "deceased"],
                "count": [rows, living.height, people.height - living.height],
            }
        ),
    )


def age_band(age: pl.Expr) -> pl.Expr:
    """Lower limit of the five-year band."""
    return (age / AGE_BAND_YEARS).floor().cast(pl.Int32) * AGE_BAND_YEARS


def _summed(frames: list[pl.DataFrame], name: str) -> pl.DataFrame:
    keys = list(_KEYS[name])
    whole = pl.concat(frames)
    return whole.group_by(keys).agg(pl.exclude(keys).sum()).sort(keys, nulls_last=True)


def _cube(people: pl.DataFrame) -> pl.DataFrame:
    names = [indicator.name for indicator in INDICATORS]
    return (
        people.select("district", "sex", "risk_class", *names, age_band=age_band(pl.col("age")))
        .group_by(STRATA)
        .agg(
            pl.len().cast(pl.Int64).alias("people"),
            *(pl.col(name).count().cast(pl.Int64).alias(f"{name}.asked") for name in names),
            *(pl.col(name).sum().cast(pl.Int64).alias(f"{name}.yes") for name in names),
        )
    )


def _risks(people: pl.DataFrame, chosen: tuple[ChosenEquation, ...]) -> pl.DataFrame:
    frames = []
    for equation in chosen:
        for outcome in equation.outcomes:
            if not is_risk(outcome):
                continue
            column = f"{equation.name}.{outcome.key}"
            value = people.get_column(column).to_numpy()
            with np.errstate(invalid="ignore"):
                bins = np.minimum(np.floor(value * RISK_BINS), RISK_BINS - 1)
            frames.append(
                pl.DataFrame(
                    {"sex": people.get_column("sex"), "bin": bins, "value": value}, nan_to_null=True
                )
                .drop_nulls("bin")
                .group_by("sex", "bin")
                .agg(
                    count=pl.len().cast(pl.Int64),
                    total=(pl.col("value") * FIXED_POINT).round().cast(pl.Int64).sum(),
                )
                .select(
                    pl.lit(column).alias("column"),
                    "sex",
                    pl.col("bin").cast(pl.Int32),
                    "count",
                    "total",
                )
            )
    schema = {
        "column": pl.String,
        "sex": pl.String,
        "bin": pl.Int32,
        "count": pl.Int64,
        "total": pl.Int64,
    }
    return pl.concat([pl.DataFrame(schema=schema), *frames])


def _problems(people: pl.DataFrame, chosen: tuple[ChosenEquation, ...]) -> pl.DataFrame:
    """People per problem; "" counts those with at least one number, a person may have several."""
    frames = [pl.DataFrame(schema={"equation": pl.String, "problem": pl.String, "count": pl.Int64})]
    for equation in chosen:
        texts = people.group_by(pl.col(f"{equation.name}.problems").alias("problem")).len()
        each = (
            texts.drop_nulls()
            .with_columns(pl.col("problem").str.split("; "))
            .explode("problem")
            .group_by("problem")
            .agg(count=pl.col("len").sum().cast(pl.Int64))
        )
        scored = people.select(
            pl.any_horizontal(pl.col(name).is_not_null() for name in equation.columns).sum()
        ).item()
        whole = pl.DataFrame(
            {"problem": [""], "count": [scored]}, schema_overrides={"count": pl.Int64}
        )
        frames.append(
            pl.concat([whole, each]).select(
                pl.lit(equation.name).alias("equation"), "problem", "count"
            )
        )
    return pl.concat(frames)


def _cautions(people: pl.DataFrame, chosen: tuple[ChosenEquation, ...]) -> pl.DataFrame:
    frames = [pl.DataFrame(schema={"equation": pl.String, "caution": pl.String, "count": pl.Int64})]
    for equation in chosen:
        texts = people.group_by(pl.col(f"{equation.name}.cautions").alias("caution")).len()
        frames.append(
            texts.drop_nulls()
            .with_columns(pl.col("caution").str.split("; "))
            .explode("caution")
            .group_by("caution")
            .agg(count=pl.col("len").sum().cast(pl.Int64))
            .select(pl.lit(equation.name).alias("equation"), "caution", "count")
        )
    return pl.concat(frames)


def _completeness(people: pl.DataFrame) -> pl.DataFrame:
    have = [
        field
        for field in FIELDS.values()
        if field.column in people.columns and field.name not in ("person_id", "deceased", "date")
    ]
    valid = people.select(pl.col(field.column).count() for field in have).row(0)
    derived = people.get_column("derived").drop_nulls().str.split(" ").explode().value_counts()
    by_name = dict(derived.iter_rows())
    return pl.DataFrame(
        {
            "field": [field.name for field in have],
            "valid": list(valid),
            "derived": [by_name.get(field.name, 0) for field in have],
        },
        schema={"field": pl.String, "valid": pl.Int64, "derived": pl.Int64},
    )


def _trend(visits: pl.DataFrame) -> pl.DataFrame:
    counted = [f"{name}.{what}" for what in ("measured", "below") for name in TREND_LIMITS]
    kinds = pl.Schema({"month": pl.Date, "visits": pl.Int64, **dict.fromkeys(counted, pl.Int64)})
    if "date" not in visits.columns:
        return pl.DataFrame(schema=kinds)
    below: dict[str, pl.Expr] = {}
    for name, (field, limit) in TREND_LIMITS.items():
        column = FIELDS[field].column
        if column not in visits.columns:
            below[name] = pl.lit(None, pl.Boolean)
        elif limit is None:
            if "diastolic_bp" in visits.columns:
                below[name] = (pl.col(column) < 140) & (pl.col("diastolic_bp") < 90)
            else:
                below[name] = pl.lit(None, pl.Boolean)
        else:
            below[name] = pl.col(column) < limit
    return (
        visits.filter(pl.col("date").is_not_null())
        .select(pl.col("date").dt.truncate("1mo").alias("month"), **below)
        .group_by("month")
        .agg(
            visits=pl.len().cast(pl.Int64),
            **{f"{name}.measured": pl.col(name).count().cast(pl.Int64) for name in TREND_LIMITS},
            **{f"{name}.below": pl.col(name).sum().cast(pl.Int64) for name in TREND_LIMITS},
        )
        .select(list(kinds))
    )
