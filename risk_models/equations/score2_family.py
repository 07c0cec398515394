"""What SCORE2, SCORE2-Diabetes, SCORE2-OP and SCORE2 Asia-Pacific share.

A Cox model per sex, then a recalibration to the risk region:
``raw = 1 - S0 ** exp(LP - mean)``, ``risk = 1 - exp(-exp(s1 + s2 * ln(-ln(1 - raw))))``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from risk_models.equations.definition import Columns, FloatArray, ShortName
from risk_models.equations.formulas import LinearPredictor, by_group, recalibrated_risk
from risk_models.units import Unit
from risk_models.variables import (
    CURRENT_SMOKER,
    DIABETES,
    SEX,
    Choice,
    Variable,
    hdl_cholesterol,
    systolic_bp,
    total_cholesterol,
)

REGION = Choice("region", ("Low", "Moderate", "High", "Very high"))
"""Cardiovascular risk regions of the ESC (SCORE2) or of the Asia-Pacific paper."""

RISK_FACTORS: tuple[Variable, ...] = (
    SEX,
    REGION,
    systolic_bp(),
    total_cholesterol(Unit.MMOL_L),
    hdl_cholesterol(Unit.MMOL_L),
    CURRENT_SMOKER,
    DIABETES,
)

SHORT_NAMES = {
    "sbp": ShortName("systolic_bp"),
    "tc": ShortName("total_cholesterol", Unit.MMOL_L),
    "hdl": ShortName("hdl_cholesterol", Unit.MMOL_L),
    "smoker": ShortName("current_smoker"),
    "hba1c_mmol_mol": ShortName("hba1c", Unit.MMOL_MOL),
    "hba1c_percent": ShortName("hba1c", Unit.PERCENT),
}

CVD = "cvd_10y"
Terms = Callable[[Columns], dict[str, FloatArray]]


def score2_terms(x: Columns) -> dict[str, FloatArray]:
    """Centre and scale as SCORE2 does: per 5 years, 20 mmHg, 1 and 0.5 mmol/L."""
    return {
        "cage": (x["age"] - 60.0) / 5.0,
        "smoker": x["current_smoker"],
        "csbp": (x["systolic_bp"] - 120.0) / 20.0,
        "diabetes": x["diabetes"],
        "ctc": x["total_cholesterol"] - 6.0,
        "chdl": (x["hdl_cholesterol"] - 1.3) / 0.5,
    }


def cvd_risk(
    table: Mapping[str, Any], terms: Terms
) -> Callable[[Columns], Mapping[str, FloatArray]]:
    """Compute the 10-year risk from a coefficient table and its transformation of the inputs."""
    predictors = {sex: LinearPredictor.of(table["coefficients"][sex]) for sex in SEX.options}
    means = table.get("mean_lp", {})

    def of_one_group(group: tuple[int, ...], x: Columns) -> dict[str, FloatArray]:
        sex, region = SEX.options[group[0]], REGION.options[group[1]]
        predictor = predictors[sex](terms(x)) - means.get(sex, 0.0)
        survival = table["baseline_survival"][sex]
        scale = table["recalibration"][region][sex]
        risk = recalibrated_risk(survival, predictor, scale["scale1"], scale["scale2"])
        return {CVD: risk}

    def compute(x: Columns) -> Mapping[str, FloatArray]:
        groups = {"sex": x["sex"], "region": x["region"]}
        return by_group(groups, x, of_one_group, (2, len(REGION.options)), (CVD,))

    return compute
