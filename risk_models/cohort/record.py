"""Completes persons for scoring: what follows from other values, constants, "absent is no"."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from risk_models.cohort.fields import FIELDS, Kind
from risk_models.cohort.mapping import Constant
from risk_models.scoring import evaluate_columns

DERIVED = "derived"
"""Column that names the values that were not measured but follow from others."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is taken for granted about everyone; the report lists it.

    Parameters
    ----------
    constants
        Fields with one value for everyone; a value in the data comes first.
    absent_means_no
        Flags that are False where nothing is known.
    """

    constants: Mapping[str, Constant]
    absent_means_no: tuple[str, ...]


def complete(persons: pl.DataFrame, assumptions: Assumptions) -> pl.DataFrame:
    """Add derived values (BMI, eGFR, CKD stage), constants and assumed answers.

    BMI is weight by squared height; eGFR is CKD-EPI 2021 from creatinine, as PREVENT wants
    it; the CKD stage is that of the eGFR alone (0 from 60 up), without albuminuria or the
    three months a diagnosis asks for. A value in the data always comes first.
    """
    have = persons
    for name, value in assumptions.constants.items():
        have = _filled(have, FIELDS[name].column, pl.lit(value))
    for name in assumptions.absent_means_no:
        have = _filled(have, FIELDS[name].column, pl.lit(value=False))
    if "deceased" not in have.columns:
        have = have.with_columns(deceased=pl.lit(value=False))
    # Later steps may ask for any of these; a field nobody has is a column of nulls.
    have = have.with_columns(
        pl.lit(None, pl.Float64 if FIELDS[name].kind is Kind.MEASURE else pl.Boolean).alias(
            FIELDS[name].column
        )
        for name in _ASKED
        if FIELDS[name].column not in have.columns
    )
    have = have.with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in ("sex", "district")
        if name not in have.columns
    )
    have = have.with_columns(
        # ASCVD is part of cardiovascular disease: who has none of it has no ASCVD.
        ascvd=pl.coalesce("ascvd", pl.when(~pl.col("prevalent_cvd")).then(pl.lit(value=False))),
        prevalent_cvd=pl.when("ascvd").then(pl.lit(value=True)).otherwise(pl.col("prevalent_cvd")),
    )
    before = have.select(
        bmi=pl.col("bmi").is_null(),
        egfr=pl.col("egfr").is_null(),
        ckd_stage=pl.col("ckd_stage").is_null(),
    )
    have = have.with_columns(
        bmi=pl.coalesce("bmi", _plausible("bmi", pl.col("weight") / (pl.col("height") / 100) ** 2))
    )
    have = have.with_columns(egfr=pl.coalesce("egfr", _plausible("egfr", _egfr(have))))
    have = have.with_columns(ckd_stage=pl.coalesce("ckd_stage", _ckd_stage(pl.col("egfr"))))
    marks = (
        pl.when(before.get_column(name) & pl.col(name).is_not_null()).then(pl.lit(name))
        for name in ("bmi", "egfr", "ckd_stage")
    )
    return have.with_columns(pl.concat_str(*marks, separator=" ", ignore_nulls=True).alias(DERIVED))


_ASKED = (
    "age",
    "systolic_bp",
    "diastolic_bp",
    "total_cholesterol",
    "hdl_cholesterol",
    "ldl_cholesterol",
    "hba1c",
    "bmi",
    "height",
    "weight",
    "egfr",
    "creatinine",
    "ckd_stage",
    "hypertension",
    "bp_treated",
    "diabetes",
    "statin",
    "current_smoker",
    "prevalent_cvd",
    "ascvd",
    "clinical_disease",
)


def _filled(frame: pl.DataFrame, column: str, value: pl.Expr) -> pl.DataFrame:
    if column in frame.columns:
        value = pl.coalesce(column, value)
    return frame.with_columns(value.alias(column))


def _plausible(name: str, value: pl.Expr | pl.Series) -> pl.Expr:
    low, high = FIELDS[name].low, FIELDS[name].high
    expression = pl.lit(value) if isinstance(value, pl.Series) else value
    return pl.when(expression.is_between(low, high)).then(expression)


def _egfr(frame: pl.DataFrame) -> pl.Series:
    return evaluate_columns("ckd_epi_2021", frame, details=False).get_column("ckd_epi_2021.egfr")


def _ckd_stage(egfr: pl.Expr) -> pl.Expr:
    """KDIGO limits 60, 30 and 15 mL/min/1.73 m2."""
    return (
        pl.when(egfr >= 60)
        .then(0.0)
        .when(egfr >= 30)
        .then(3.0)
        .when(egfr >= 15)
        .then(4.0)
        .when(egfr.is_not_null())
        .then(5.0)
    )
