"""Revised Framingham Stroke Risk Profile 2017: first stroke within 1 to 10 years.

Dufouil C, et al. Circulation 2017;135:1145-1159, doi:10.1161/CIRCULATIONAHA.115.021275.
SBP is centred at 120 and not clamped there; the stronger diabetes term is the one for
people under 65.
"""

from collections.abc import Mapping

import numpy as np

from risk_models.equations.cautions import NOT_FOR_CHINA
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    CautionRule,
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
)
from risk_models.equations.formulas import LinearPredictor, by_group, cox_risk
from risk_models.results import CautionCode
from risk_models.text import N_, Message
from risk_models.variables import BP_TREATED, CURRENT_SMOKER, DIABETES, SEX, Flag, age, systolic_bp

IDENTIFIER = "framingham_stroke_2017"
_TABLE = load(IDENTIFIER)
_PREDICTORS = {sex: LinearPredictor.of(_TABLE["coefficients"][sex]) for sex in SEX.options}
_YEARS = tuple(range(1, 11))
# Ten years first: it is the published horizon.
_OUTCOMES = tuple(Outcome("stroke", years) for years in reversed(_YEARS))


def _of_one_sex(group: tuple[int, ...], x: Columns) -> dict[str, FloatArray]:
    sex = SEX.options[group[0]]
    old = (x["age"] >= 65).astype(np.float64)
    terms = {
        "age": x["age"] / 10.0,
        "smoker": x["current_smoker"],
        "cvd": x["prevalent_cvd"],
        "af": x["atrial_fibrillation"],
        "age_ge_65": old,
        "age_lt_65": 1.0 - old,
        "diabetes": x["diabetes"],
        "treated": x["bp_treated"],
        "untreated": 1.0 - x["bp_treated"],
        "sbp": (x["systolic_bp"] - 120.0) / 10.0,
    }
    centred = _PREDICTORS[sex](terms) - _TABLE["mean"][sex]
    survival = _TABLE["baseline_survival_by_year"][sex]
    return {f"stroke_{year}y": cox_risk(survival[str(year)], centred) for year in _YEARS}


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    keys = tuple(outcome.key for outcome in _OUTCOMES)
    return by_group({"sex": x["sex"]}, x, _of_one_sex, (2,), keys)


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="55 and over",
    variants=(
        Variant(
            "published",
            "yearly baseline survival",
            (
                # The publication names no upper age; 100 is a plausibility limit.
                age(55, 100),
                SEX,
                systolic_bp(),
                BP_TREATED,
                CURRENT_SMOKER,
                DIABETES,
                Flag("prevalent_cvd"),
                Flag("atrial_fibrillation"),
            ),
            _OUTCOMES,
            _compute,
            (
                NOT_FOR_CHINA,
                CautionRule(
                    CautionCode.ONE_SOURCE,
                    Message(N_("The baseline survival of years 1 to 9 rests on one source.")),
                    outcomes=frozenset(f"stroke_{year}y" for year in range(1, 10)),
                ),
            ),
        ),
    ),
    short_names={
        "female": ShortName("sex", words={0: "male", 1: "female"}),
        "sbp": ShortName("systolic_bp"),
        "treated": ShortName("bp_treated"),
        "smoker": ShortName("current_smoker"),
        "cvd": ShortName("prevalent_cvd"),
        "af": ShortName("atrial_fibrillation"),
    },
)
