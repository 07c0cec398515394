"""ACC/AHA Pooled Cohort Equations 2013: 10-year hard ASCVD.

Goff DC Jr, et al. Circulation 2014;129(25 suppl 2):S49-S73,
doi:10.1161/01.cir.0000437741.48606.98.
"""

from collections.abc import Mapping

import numpy as np

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
from risk_models.units import Unit
from risk_models.variables import (
    BP_TREATED,
    CURRENT_SMOKER,
    DIABETES,
    SEX,
    Choice,
    age,
    hdl_cholesterol,
    systolic_bp,
    total_cholesterol,
)

IDENTIFIER = "pce_2013"
_TABLE = load(IDENTIFIER)["coefficients"]
RACE = Choice("race", ("white", "black", "other"))
_COEFFICIENTS_FOR = {"white": "white", "black": "black", "other": "white"}
_PREDICTORS = {name: LinearPredictor.of(group["coefficients"]) for name, group in _TABLE.items()}


def _of_one_group(group: tuple[int, ...], x: Columns) -> dict[str, FloatArray]:
    name = f"{_COEFFICIENTS_FOR[RACE.options[group[1]]]}_{SEX.options[group[0]]}"
    terms = {
        "ln_age": np.log(x["age"]),
        "ln_tc": np.log(x["total_cholesterol"]),
        "ln_hdl": np.log(x["hdl_cholesterol"]),
        "ln_sbp": np.log(x["systolic_bp"]),
        "treated": x["bp_treated"],
        "untreated": 1.0 - x["bp_treated"],
        "smoker": x["current_smoker"],
        "diabetes": x["diabetes"],
    }
    centred = _PREDICTORS[name](terms) - _TABLE[name]["mean"]
    return {"ascvd_10y": cox_risk(_TABLE[name]["baseline_survival"], centred)}


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    groups = {"sex": x["sex"], "race": x["race"]}
    return by_group(groups, x, _of_one_group, (2, len(RACE.options)), ("ascvd_10y",))


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="40-79",
    variants=(
        Variant(
            "published",
            "four sex and race groups",
            (
                age(40, 79),
                SEX,
                RACE,
                systolic_bp(),
                BP_TREATED,
                total_cholesterol(Unit.MG_DL),
                hdl_cholesterol(Unit.MG_DL),
                CURRENT_SMOKER,
                DIABETES,
            ),
            (Outcome("ascvd", 10),),
            _compute,
            (
                CautionRule(
                    CautionCode.NOT_FOR_CHINA,
                    Message(N_("Overestimates the risk in Chinese cohorts.")),
                ),
                CautionRule(
                    CautionCode.STAND_IN,
                    Message(N_("No coefficients for this race: those for White adults are used.")),
                    lambda x: x["race"] == RACE.options.index("other"),
                ),
            ),
        ),
    ),
    short_names={
        "sbp": ShortName("systolic_bp"),
        "tx": ShortName("bp_treated"),
        "tc": ShortName("total_cholesterol", Unit.MG_DL),
        "hdl": ShortName("hdl_cholesterol", Unit.MG_DL),
        "sm": ShortName("current_smoker"),
        "dm": ShortName("diabetes"),
        "race": ShortName("race", words={"aa": "black"}),
    },
)
