"""MESA 2015: 10-year coronary heart disease, with or without coronary artery calcium.

McClelland RL, et al. J Am Coll Cardiol 2015;66:1643-1653. Results are not clipped (a common
R package clips them to 1-30 %).
"""

from collections.abc import Callable, Mapping

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
from risk_models.equations.formulas import LinearPredictor, cox_risk
from risk_models.units import Unit
from risk_models.variables import (
    BP_TREATED,
    CURRENT_SMOKER,
    DIABETES,
    MALE,
    SEX,
    Choice,
    Flag,
    Measure,
    age,
    hdl_cholesterol,
    systolic_bp,
    total_cholesterol,
)

IDENTIFIER = "mesa_chd_cac_2015"
_MODELS = load(IDENTIFIER)["models"]
RACE = Choice("race", ("white", "chinese", "black", "hispanic"))
_WITHOUT = (
    age(45, 84),
    SEX,
    RACE,
    systolic_bp(),
    BP_TREATED,
    total_cholesterol(Unit.MG_DL),
    hdl_cholesterol(Unit.MG_DL),
    Flag("lipid_lowering_drug"),
    CURRENT_SMOKER,
    DIABETES,
    Flag("family_history_heart_attack"),
)
_CAC = Measure("coronary_artery_calcium", Unit.AGATSTON, 0, 20_000)


def _is(column: FloatArray, position: int) -> FloatArray:
    return np.where(np.isnan(column), np.nan, column == position)


def _terms(x: Columns) -> dict[str, FloatArray]:
    terms = {
        "age": x["age"],
        "male": _is(x["sex"], MALE),
        **{name: _is(x["race"], position) for position, name in enumerate(RACE.options)},
        "diabetes": x["diabetes"],
        "smoker": x["current_smoker"],
        "tc": x["total_cholesterol"],
        "hdl": x["hdl_cholesterol"],
        "lipid_med": x["lipid_lowering_drug"],
        "sbp": x["systolic_bp"],
        "bp_med": x["bp_treated"],
        "family_history": x["family_history_heart_attack"],
    }
    if "coronary_artery_calcium" in x:
        terms["ln_cac"] = np.log1p(x["coronary_artery_calcium"])
    return terms


def _compute(model: str) -> Callable[[Columns], Mapping[str, FloatArray]]:
    predictor = LinearPredictor.of(_MODELS[model]["coefficients"])
    survival = _MODELS[model]["baseline_survival"]

    def compute(x: Columns) -> Mapping[str, FloatArray]:
        return {"chd_10y": cox_risk(survival, predictor(_terms(x)))}

    return compute


def _choose(fields: frozenset[str]) -> str:
    return "with_cac" if _CAC.name in fields else "without_cac"


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="45-84",
    variants=tuple(
        Variant(
            model, description, variables, (Outcome("chd", 10),), _compute(model), (ONE_SOURCE,)
        )
        for model, description, variables in (
            ("without_cac", "traditional risk factors", _WITHOUT),
            ("with_cac", "with the Agatston score", (*_WITHOUT, _CAC)),
        )
    ),
    short_names={
        "male": ShortName("sex", words={0: "female", 1: "male"}),
        "sbp": ShortName("systolic_bp"),
        "bp_med": ShortName("bp_treated"),
        "totchol": ShortName("total_cholesterol", Unit.MG_DL),
        "hdl": ShortName("hdl_cholesterol", Unit.MG_DL),
        "lipid_med": ShortName("lipid_lowering_drug"),
        "smoker": ShortName("current_smoker"),
        "fh_heart_attack": ShortName("family_history_heart_attack"),
        "cac": ShortName("coronary_artery_calcium"),
    },
    variant_field="model",
    choose_variant=_choose,
)
