"""CKB-CVD: 10-year ischaemic heart disease and stroke in Chinese adults, without a laboratory.

Yang S, et al. Neurology 2022;98:e2307-e2317.
"""

from collections.abc import Mapping

import numpy as np

from risk_models.equations.cautions import ONE_SOURCE
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
)
from risk_models.equations.formulas import LinearPredictor, by_group, cox_risk
from risk_models.variables import (
    BP_TREATED,
    DIABETES,
    SEX,
    Flag,
    age,
    diastolic_bp,
    systolic_bp,
    waist,
)

IDENTIFIER = "ckb_cvd"
_TABLE = load(IDENTIFIER)
_ENDPOINTS = {
    "ihd": "ischaemic_heart_disease",
    "is": "ischaemic_stroke",
    "hs": "haemorrhagic_stroke",
}
_OUTCOMES = (*(Outcome(name, 10) for name in _ENDPOINTS.values()), Outcome("cvd", 10))
_PREDICTORS = {
    sex: {code: LinearPredictor.of(_TABLE["coefficients"][sex][code]) for code in _ENDPOINTS}
    for sex in SEX.options
}


def _of_one_sex(group: tuple[int, ...], x: Columns) -> dict[str, FloatArray]:
    sex = SEX.options[group[0]]
    terms = {
        "age": x["age"] - 55.0,
        "sbp": x["systolic_bp"] - 120.0,
        "dbp": x["diastolic_bp"] - 80.0,
        "waist": x["waist"] - 80.0,
        "bp_treated": x["bp_treated"],
        "smoker": x["daily_smoker"],
        "diabetes": x["diabetes"],
    }
    risks = {}
    free = np.ones_like(terms["age"])
    for code, name in _ENDPOINTS.items():
        survival = _TABLE["baseline_survival"][sex][code]
        risk = cox_risk(survival, _PREDICTORS[sex][code](terms))
        risks[f"{name}_10y"] = risk
        free = free * (1.0 - risk)
    # Any cardiovascular event: endpoints taken as independent, as in the author's program.
    risks["cvd_10y"] = 1.0 - free
    return risks


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    keys = tuple(outcome.key for outcome in _OUTCOMES)
    return by_group({"sex": x["sex"]}, x, _of_one_sex, (2,), keys)


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="30-79",
    variants=(
        Variant(
            "published",
            "without local recalibration",
            (
                age(30, 79),
                SEX,
                systolic_bp(),
                diastolic_bp(),
                BP_TREATED,
                Flag("daily_smoker"),
                DIABETES,
                waist(),
            ),
            _OUTCOMES,
            _compute,
            (ONE_SOURCE,),
        ),
    ),
    short_names={"sbp": ShortName("systolic_bp"), "dbp": ShortName("diastolic_bp")},
)
