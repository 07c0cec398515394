"""Blood pressure, LDL and HbA1c targets of each person, from the guideline modules."""

from collections.abc import Mapping

import polars as pl

from risk_models.cohort.by_group import answers_by_group
from risk_models.guidelines import china_blood_pressure, china_lipid
from risk_models.guidelines.classification import Classification

HBA1C_TARGET_PERCENT = 7.0
"""General target for adults with type 2 diabetes (Chinese guideline 2020), below this value.

Not part of the guideline modules and not verified in a source here, so it is a setting of
the run and the report says so.
"""

_BP = pl.Schema({"bp_target": pl.String})
_LDL = pl.Schema({"ascvd_risk": pl.String, "ldl_target_mmol_l": pl.Float64})

BP_TARGET_BELOW: Mapping[str, tuple[float, float]] = {
    "<150/90, if tolerated <140/90": (150, 90),
    "<140/90": (140, 90),
    "<130/80": (130, 80),
}
"""mmHg that both pressures must be below, by the target in the guideline's words."""

Memory = dict[tuple[object, ...], tuple[object, ...]]


def bp_targets(persons: pl.DataFrame, memory: Memory) -> pl.DataFrame:
    """Column `bp_target`: the 2024 guideline's words, null where the record does not decide.

    Under 65 the target depends on the guideline's own risk level, which needs more than most
    records hold (organ damage, risk factor count); only clinical disease decides there.
    """
    columns = ["age", "clinical_disease", "prevalent_cvd", "ascvd"]
    age = pl.col("age")
    band = pl.when(age >= 80).then(80).when(age >= 65).then(65).when(age >= 18).then(18)
    keys = [band, *(pl.col(name) for name in columns[1:])]
    return answers_by_group(persons, keys, columns, _bp_target, _BP, memory)


def ldl_targets(persons: pl.DataFrame, memory: Memory) -> pl.DataFrame:
    """Columns `ascvd_risk`, `ldl_target_mmol_l` of the 2023 lipid guideline; null if undecided."""
    columns = [name for name in _LIPID_INPUTS if name in persons.columns]
    age, tc, hdl, ldl = (
        pl.col(name)
        for name in (
            "age",
            "total_cholesterol_mmol_l",
            "hdl_cholesterol_mmol_l",
            "ldl_cholesterol_mmol_l",
        )
    )
    lipid_level = pl.max_horizontal(
        _steps(tc, (*(limit for limit, _ in china_lipid.STRATA), 7.2)),
        _steps(ldl, (*(limit for _, limit in china_lipid.STRATA), 4.9)),
    )
    # Three things are high risk at sight, whatever else is known.
    at_sight = (
        (lipid_level == HIGHEST_LEVEL)
        | (pl.col("diabetes") & (age >= 40))
        | pl.col("ckd_stage").is_in([3.0, 4.0])
    ).fill_null(value=False)
    open_case = ~pl.col("ascvd") & ~at_sight
    # The lifetime factors are looked at under 55 only.
    young = (age < 55).fill_null(value=True) & open_case
    lifetime = (
        (tc - hdl) >= 5.2,
        (pl.col("systolic_bp") >= 160) | (pl.col("diastolic_bp") >= 100),
        pl.col("bmi") >= 28,
    )
    primary = (
        _steps(age, (18, 40, 45, 55, 121)),
        pl.col("sex"),
        lipid_level,
        tc.is_null(),
        ldl.is_null(),
        hdl >= 1.0,
        *(pl.col(name) for name in ("ckd_stage", "hypertension", "current_smoker")),
    )
    secondary = ("diabetes", "severe_ascvd_events", "ascvd_high_risk_factors")
    keys = [
        pl.col("ascvd"),
        at_sight,
        *(pl.when(open_case).then(key) for key in primary),
        *(pl.when(young).then(key) for key in lifetime),
        *(pl.col(name) for name in secondary if name in columns),
    ]
    return answers_by_group(persons, keys, columns, _ldl_target, _LDL, memory)


HIGHEST_LEVEL = len(china_lipid.STRATA) + 1
"""Lipids that are high risk at sight."""

_LIPID_WHOLE = (
    "ascvd",
    "severe_ascvd_events",
    "ascvd_high_risk_factors",
    "diabetes",
    "ckd_stage",
    "hypertension",
    "current_smoker",
)
_LIPID_INPUTS = (
    "age",
    "sex",
    "total_cholesterol_mmol_l",
    "ldl_cholesterol_mmol_l",
    "hdl_cholesterol_mmol_l",
    "systolic_bp",
    "diastolic_bp",
    "bmi",
    *_LIPID_WHOLE,
)


def _steps(value: pl.Expr, limits: tuple[float, ...]) -> pl.Expr:
    """How many of the limits a value reaches; null if it is not known."""
    return pl.sum_horizontal(
        *((value >= limit).cast(pl.Int8) for limit in limits), ignore_nulls=False
    )


def _bp_target(record: Mapping[str, object]) -> tuple[object, ...]:
    age = record.get("age")
    if not isinstance(age, float) or age < 18:
        return (None,)
    disease = any(record.get(name) for name in ("clinical_disease", "prevalent_cvd", "ascvd"))
    if age < 65 and not disease:
        return (None,)
    return (china_blood_pressure.target(age, "low", clinical_disease=disease).category,)


def _ldl_target(record: Mapping[str, object]) -> tuple[object, ...]:
    answer = china_lipid.ascvd_risk(record)
    if isinstance(answer, Classification):
        return answer.category, answer.details["ldl_target_mmol_l"]
    return None, None
