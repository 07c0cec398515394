"""Framingham general cardiovascular risk 2008, with lipids or with body mass index.

D'Agostino RB Sr, et al. Circulation 2008;117:743-753, doi:10.1161/CIRCULATIONAHA.107.699579.
"""

from collections.abc import Callable, Mapping

import numpy as np

from risk_models.equations.cautions import NOT_FOR_CHINA
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
from risk_models.units import Unit
from risk_models.variables import (
    BP_TREATED,
    CURRENT_SMOKER,
    DIABETES,
    SEX,
    age,
    body_mass_index,
    hdl_cholesterol,
    systolic_bp,
    total_cholesterol,
)

IDENTIFIER = "framingham_cvd_2008"
_MODELS = load(IDENTIFIER)["models"]
_COMMON = (age(30, 74), SEX, systolic_bp(), BP_TREATED, CURRENT_SMOKER, DIABETES)
_VARIABLES = {
    "lab": (*_COMMON, total_cholesterol(Unit.MG_DL), hdl_cholesterol(Unit.MG_DL)),
    "bmi": (*_COMMON, body_mass_index()),
}
_DESCRIPTIONS = {"lab": "with total and HDL cholesterol", "bmi": "with BMI instead of lipids"}


def _terms(x: Columns) -> dict[str, FloatArray]:
    terms = {
        "ln_age": np.log(x["age"]),
        "ln_sbp": np.log(x["systolic_bp"]),
        "treated": x["bp_treated"],
        "untreated": 1.0 - x["bp_treated"],
        "smoker": x["current_smoker"],
        "diabetes": x["diabetes"],
    }
    if "bmi" in x:
        return {**terms, "ln_bmi": np.log(x["bmi"])}
    return {
        **terms,
        "ln_tc": np.log(x["total_cholesterol"]),
        "ln_hdl": np.log(x["hdl_cholesterol"]),
    }


def _compute(model: str) -> Callable[[Columns], Mapping[str, FloatArray]]:
    table = _MODELS[model]
    predictors = {sex: LinearPredictor.of(table[sex]["coefficients"]) for sex in SEX.options}

    def of_one_sex(group: tuple[int, ...], x: Columns) -> dict[str, FloatArray]:
        sex = SEX.options[group[0]]
        centred = predictors[sex](_terms(x)) - table[sex]["mean"]
        return {"cvd_10y": cox_risk(table[sex]["baseline_survival"], centred)}

    def compute(x: Columns) -> Mapping[str, FloatArray]:
        return by_group({"sex": x["sex"]}, x, of_one_sex, (2,), ("cvd_10y",))

    return compute


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="30-74",
    variants=tuple(
        Variant(
            model,
            _DESCRIPTIONS[model],
            variables,
            (Outcome("cvd", 10),),
            _compute(model),
            (NOT_FOR_CHINA,),
        )
        for model, variables in _VARIABLES.items()
    ),
    short_names={
        "sbp": ShortName("systolic_bp"),
        "tx": ShortName("bp_treated"),
        "tc": ShortName("total_cholesterol", Unit.MG_DL),
        "hdl": ShortName("hdl_cholesterol", Unit.MG_DL),
        "sm": ShortName("current_smoker"),
        "dm": ShortName("diabetes"),
    },
    variant_field="model",
)
