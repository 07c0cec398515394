"""China-PAR: 10-year risk of atherosclerotic cardiovascular disease in Chinese adults.

Yang X, et al. Circulation 2016;134:1430-1440, doi:10.1161/CIRCULATIONAHA.116.022367.
The default variant reproduces the official calculator; the two paper variants are for
citation. The lifetime equation is not published and is not offered.
"""

from collections.abc import Callable, Mapping

import numpy as np

from risk_models.equations.cautions import age_outside
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    CautionRule,
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
    classes_from,
)
from risk_models.equations.formulas import LinearPredictor, by_group, cox_risk, event_probability
from risk_models.results import CautionCode
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import (
    BP_TREATED,
    CURRENT_SMOKER,
    DIABETES,
    SEX,
    Flag,
    age,
    hdl_cholesterol,
    systolic_bp,
    total_cholesterol,
    waist,
)

IDENTIFIER = "china_par_10y"
MG_DL_PER_MMOL_L = 1 / 0.0259
"""The cholesterol conversion of the official calculator."""

_MEN_ONLY = ("sex", "male")
_VARIABLES = (
    age(20, 85),
    SEX,
    systolic_bp(),
    BP_TREATED,
    total_cholesterol(Unit.MG_DL, mg_dl_per_mmol_l=MG_DL_PER_MMOL_L),
    hdl_cholesterol(Unit.MG_DL, mg_dl_per_mmol_l=MG_DL_PER_MMOL_L),
    waist(),
    CURRENT_SMOKER,
    DIABETES,
    Flag("north_of_yangtze"),
    Flag("urban", only_for=_MEN_ONLY),
    Flag("family_history_ascvd", only_for=_MEN_ONLY),
)
_ASCVD = Outcome("ascvd", 10, classes=classes_from((0.0, 0.05, 0.10), ("low", "medium", "high")))


def _terms(x: Columns) -> dict[str, FloatArray]:
    return {
        "ln_age": np.log(x["age"]),
        "ln_sbp": np.log(x["systolic_bp"]),
        "treated": x["bp_treated"],
        "untreated": 1.0 - x["bp_treated"],
        "ln_tc": np.log(x["total_cholesterol"]),
        "ln_hdl": np.log(x["hdl_cholesterol"]),
        "ln_waist": np.log(x["waist"]),
        "current_smoker": x["current_smoker"],
        "diabetes": x["diabetes"],
        "north": x["north_of_yangtze"],
        "urban": x["urban"],
        "family_history_ascvd": x["family_history_ascvd"],
    }


def _compute(variant: str) -> Callable[[Columns], Mapping[str, FloatArray]]:
    table = load(IDENTIFIER)["variants"][variant]
    predictors = [LinearPredictor.of(table[sex]["coefficients"]) for sex in SEX.options]

    def risk(sex: str, predictor: FloatArray) -> FloatArray:
        numbers = table[sex]
        if "intercept" in numbers:
            return event_probability(np.exp(predictor + numbers["intercept"]))
        return cox_risk(numbers["baseline_survival"], predictor - numbers["mean"])

    def of_one_sex(group: tuple[int, ...], x: Columns) -> dict[str, FloatArray]:
        position = group[0]
        return {_ASCVD.key: risk(SEX.options[position], predictors[position](_terms(x)))}

    def compute(x: Columns) -> Mapping[str, FloatArray]:
        return by_group({"sex": x["sex"]}, x, of_one_sex, (2,), (_ASCVD.key,))

    return compute


_CAUTIONS = {
    "official_site": (
        CautionRule(
            CautionCode.DERIVED_COEFFICIENTS,
            Message(
                N_(
                    "Coefficients fitted to the outputs of the official calculator, within the "
                    "rounding of the published ones; they reproduce it to 0.1 point."
                )
            ),
        ),
    ),
    "paper_refined": (),
    "published_2dp": (
        CautionRule(
            CautionCode.KNOWN_BIAS,
            Message(
                N_("The printed two-decimal coefficients for men run about 6 % (relative) high.")
            ),
            lambda x: x["sex"] == SEX.options.index("male"),
        ),
    ),
}

EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="35-74 (official calculator: 20-85)",
    variants=tuple(
        Variant(
            name,
            load(IDENTIFIER)["variants"][name]["description"],
            _VARIABLES,
            (_ASCVD,),
            _compute(name),
            (age_outside(35, 74), *cautions),
        )
        for name, cautions in _CAUTIONS.items()
    ),
    short_names={
        "sbp": ShortName("systolic_bp"),
        "treated": ShortName("bp_treated"),
        "tc_mg_dl": ShortName("total_cholesterol", Unit.MG_DL),
        "tc_mmol_l": ShortName("total_cholesterol", Unit.MMOL_L),
        "hdl_mg_dl": ShortName("hdl_cholesterol", Unit.MG_DL),
        "hdl_mmol_l": ShortName("hdl_cholesterol", Unit.MMOL_L),
        "north": ShortName("north_of_yangtze"),
        "family_history": ShortName("family_history_ascvd"),
    },
    variant_field="variant",
)
