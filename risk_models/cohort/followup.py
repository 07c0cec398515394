"""When each person is to be assessed again, after the 2019 guideline; and a list to act on."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from risk_models.cohort.by_group import answers_by_group
from risk_models.cohort.targets import Memory
from risk_models.guidelines import china_cvd_2019
from risk_models.guidelines.classification import Classification

MONTHS: Mapping[str, int] = {"yearly": 12, "1-2 years": 24, "2-3 years": 36, "3-5 years": 60}
"""Longest time the guideline's interval allows, in months; due by then, not before."""

_INTERVAL = pl.Schema({"reassess": pl.String})


def add_followup(persons: pl.DataFrame, as_of: date, memory: Memory) -> pl.DataFrame:
    """Add `reassess` (the guideline's interval), `due` and `overdue`.

    Counted from the latest visit. Risk factors are those that the record shows: hypertension,
    diabetes, smoking, LDL cholesterol not below target, BMI from 28. Someone without any date
    has no due date.
    """
    factors = pl.any_horizontal(
        pl.col("has_hypertension").fill_null(value=False),
        pl.col("diabetes").fill_null(value=False),
        pl.col("current_smoker").fill_null(value=False),
        ~pl.col("ldl_at_target").fill_null(value=True),
        (pl.col("bmi") >= 28).fill_null(value=False),
    )
    asked = persons.select(
        "age",
        high_risk=pl.col("high_risk").fill_null(value=False),
        risk_factors=factors,
    )
    age = pl.col("age")
    band = pl.when(age >= 35).then(35).when(age >= 20).then(20).when(age >= 0).then(0)
    keys = [band, pl.col("high_risk"), pl.col("risk_factors")]
    interval = answers_by_group(
        asked, keys, ["age", "high_risk", "risk_factors"], _interval, _INTERVAL, memory
    )
    day = pl.col("date") if "date" in persons.columns else pl.lit(None, pl.Date)
    months = pl.col("reassess").replace_strict(MONTHS, default=None, return_dtype=pl.Int32)
    due = day.dt.offset_by(pl.format("{}mo", months))
    dated = pl.concat([persons, interval], how="horizontal").with_columns(due=due)
    return dated.with_columns(overdue=pl.col("due") <= as_of)


def _interval(case: Mapping[str, object]) -> tuple[object, ...]:
    age = case.get("age")
    if not isinstance(age, float):
        return (None,)
    answer = china_cvd_2019.reassess_after(
        age, high_risk=bool(case["high_risk"]), risk_factors=bool(case["risk_factors"])
    )
    return (answer.category if isinstance(answer, Classification) else None,)
