"""Sampson (NIH) LDL cholesterol, for triglycerides up to 800 mg/dL.

Sampson M, et al. JAMA Cardiol 2020;5:540-548.
"""

from collections.abc import Mapping

from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import Columns, Equation, FloatArray, Variant
from risk_models.equations.ldl_family import (
    LDL,
    SHORT_NAMES,
    choose_unit,
    in_mmol_l,
    ldl_outcomes,
    with_lipids,
)
from risk_models.units import Unit
from risk_models.variables import triglycerides

IDENTIFIER = "ldl_sampson"
_TABLE = load(IDENTIFIER)
_VARIABLES = (*LDL[Unit.MG_DL], triglycerides(10, _TABLE["triglycerides_up_to_mg_dl"]))


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    tc, hdl, tg = x["total_cholesterol"], x["hdl_cholesterol"], x["triglycerides"]
    vldl = (
        tg / _TABLE["tg_divisor"]
        + tg * (tc - hdl) / _TABLE["tg_non_hdl_divisor"]
        - tg * tg / _TABLE["tg_squared_divisor"]
    )
    ldl = tc / _TABLE["tc_divisor"] - hdl / _TABLE["hdl_divisor"] - vldl - _TABLE["constant"]
    return with_lipids(x, ldl)


def _compute_mmol_l(x: Columns) -> Mapping[str, FloatArray]:
    return in_mmol_l(_compute(x))


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="adults",
    variants=(
        Variant("mg_dl", "result in mg/dL", _VARIABLES, ldl_outcomes(Unit.MG_DL), _compute),
        Variant(
            "mmol_l", "result in mmol/L", _VARIABLES, ldl_outcomes(Unit.MMOL_L), _compute_mmol_l
        ),
    ),
    short_names=SHORT_NAMES,
    choose_variant=choose_unit,
)
