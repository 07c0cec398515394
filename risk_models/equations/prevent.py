"""AHA PREVENT 2023: total CVD, ASCVD, heart failure, CHD and stroke over 10 and 30 years.

Khan SS, et al. Circulation 2024;149:430-449, doi:10.1161/CIRCULATIONAHA.123.067626.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from risk_models.equations.cautions import NOT_FOR_CHINA, age_outside
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
)
from risk_models.equations.formulas import LinearPredictor, by_group, logistic
from risk_models.units import Unit
from risk_models.variables import (
    BP_TREATED,
    CURRENT_SMOKER,
    DIABETES,
    SEX,
    Flag,
    Measure,
    Variable,
    age,
    body_mass_index,
    egfr,
    hba1c_percent,
    hdl_cholesterol,
    systolic_bp,
    total_cholesterol,
    uacr,
)

IDENTIFIER = "prevent_2023"
MMOL_L_PER_MG_DL = 0.02586
"""The conversion written into the published equations."""

_LIPID_FACTOR = 1 / MMOL_L_PER_MG_DL
_BASE: tuple[Variable, ...] = (
    age(30, 79),
    SEX,
    systolic_bp(90, 180),
    BP_TREATED,
    total_cholesterol(Unit.MG_DL, 130, 320, _LIPID_FACTOR),
    hdl_cholesterol(Unit.MG_DL, 20, 100, _LIPID_FACTOR),
    Flag("statin"),
    DIABETES,
    CURRENT_SMOKER,
    egfr(15, 140),
    body_mass_index(18.5, 39.9),
)
_SDI = Measure("sdi_decile", Unit.COUNT, 1, 10, whole=True)
_SDI_OR_MISSING = Measure("sdi_decile", Unit.COUNT, 1, 10, whole=True, optional=True)
_ADDED: dict[str, tuple[Variable, ...]] = {
    "base": (),
    "hba1c": (hba1c_percent(4.5, 15),),
    "uacr": (uacr(0.1, 25_000),),
    "sdi": (_SDI,),
    "full": (
        hba1c_percent(4.5, 15, optional=True),
        uacr(0.1, 25_000, optional=True),
        _SDI_OR_MISSING,
    ),
}
_DESCRIPTIONS = {
    "base": "base model",
    "hba1c": "base model with HbA1c",
    "uacr": "base model with urine albumin-to-creatinine ratio",
    "sdi": "base model with the Social Deprivation Index of a US zip code",
    "full": "base model with HbA1c, UACR and SDI, each of which may be missing",
}
_HORIZONS = (10, 30)
_OUTCOMES = ("total_cvd", "ascvd", "heart_failure", "chd", "stroke")


def _terms(x: Columns) -> dict[str, FloatArray]:
    """Centre, scale and bend the inputs as table S12 does."""
    diabetes, sbp, bmi, filtration = x["diabetes"], x["systolic_bp"], x["bmi"], x["egfr"]
    decades = (x["age"] - 55.0) / 10.0
    terms = {
        "age": decades,
        "age^2": decades * decades,
        "non_hdl": (x["total_cholesterol"] - x["hdl_cholesterol"]) * MMOL_L_PER_MG_DL - 3.5,
        "hdl": (x["hdl_cholesterol"] * MMOL_L_PER_MG_DL - 1.3) / 0.3,
        "sbp_lt110": (np.minimum(sbp, 110.0) - 110.0) / 20.0,
        "sbp_ge110": (np.maximum(sbp, 110.0) - 130.0) / 20.0,
        "dm": diabetes,
        "smoking": x["current_smoker"],
        "bmi_lt30": (np.minimum(bmi, 30.0) - 25.0) / 5.0,
        "bmi_ge30": (np.maximum(bmi, 30.0) - 30.0) / 5.0,
        "egfr_lt60": (np.minimum(filtration, 60.0) - 60.0) / -15.0,
        "egfr_ge60": (np.maximum(filtration, 60.0) - 90.0) / -15.0,
        "bp_tx": x["bp_treated"],
        "statin": x["statin"],
    }
    if "hba1c" in x:
        above = x["hba1c"] - 5.3
        terms["hba1c_missing"] = np.isnan(above).astype(np.float64)
        terms["hba1c_dm"] = np.nan_to_num(above) * diabetes
        terms["hba1c_nodm"] = np.nan_to_num(above) * (1.0 - diabetes)
    if "uacr" in x:
        logarithm = np.log(x["uacr"])
        terms["uacr_missing"] = np.isnan(logarithm).astype(np.float64)
        terms["ln_uacr"] = np.nan_to_num(logarithm)
    if "sdi_decile" in x:
        decile = x["sdi_decile"]
        terms["sdi_missing"] = np.isnan(decile).astype(np.float64)
        terms["sdi_4_6"] = ((decile >= 4) & (decile <= 6)).astype(np.float64)
        terms["sdi_7_10"] = (decile >= 7).astype(np.float64)
    return terms


def _compute(
    model: str, keys: tuple[str, ...] | None = None
) -> Callable[[Columns], Mapping[str, FloatArray]]:
    table = load(IDENTIFIER)["coefficients"][model]
    predictors = [
        {
            f"{outcome}_{years}y": LinearPredictor.of(table[f"{years}yr"][sex][outcome])
            for years in _HORIZONS
            for outcome in _OUTCOMES
        }
        for sex in SEX.options
    ]
    wanted = tuple(predictors[0]) if keys is None else keys

    def of_one_sex(group: tuple[int, ...], x: Columns) -> dict[str, FloatArray]:
        terms = _terms(x)
        return {key: logistic(predictors[group[0]][key](terms)) for key in wanted}

    def compute(x: Columns) -> Mapping[str, FloatArray]:
        return by_group({"sex": x["sex"]}, x, of_one_sex, (2,), wanted)

    return compute


def _outcomes(model: str) -> tuple[Outcome, ...]:
    variables = (*_BASE, *_ADDED[model])
    everything = frozenset(variable.name for variable in variables)
    lipids = {"total_cholesterol", "hdl_cholesterol", "statin"}
    # Heart failure has BMI and no lipid terms; the others the reverse.
    needs = {"heart_failure": everything - lipids}
    return tuple(
        Outcome(name, years, needs=needs.get(name, everything - {"bmi"}))
        for years in _HORIZONS
        for name in _OUTCOMES
    )


_THIRTY_YEARS = age_outside(30, 59, frozenset(f"{name}_30y" for name in _OUTCOMES))

EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="30-79 (30-year risk: 30-59)",
    variants=tuple(
        Variant(
            model,
            _DESCRIPTIONS[model],
            (*_BASE, *_ADDED[model]),
            _outcomes(model),
            _compute(model),
            (NOT_FOR_CHINA, _THIRTY_YEARS),
            partial(_compute, model),
        )
        for model in _ADDED
    ),
    short_names={
        "sbp": ShortName("systolic_bp"),
        "bp_tx": ShortName("bp_treated"),
        "total_c": ShortName("total_cholesterol", Unit.MG_DL),
        "hdl_c": ShortName("hdl_cholesterol", Unit.MG_DL),
        "dm": ShortName("diabetes"),
        "smoking": ShortName("current_smoker"),
        "hba1c": ShortName("hba1c", Unit.PERCENT),
        "uacr": ShortName("uacr", Unit.MG_G),
    },
    variant_field="model",
)
