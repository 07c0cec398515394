"""Friedewald LDL cholesterol: ``TC - HDL - TG / 5`` (mg/dL) or ``TG / 2.2`` (mmol/L).

Friedewald WT, et al. 1972.
"""

from collections.abc import Callable, Mapping

from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import Columns, Equation, FloatArray, Variant
from risk_models.equations.ldl_family import (
    LDL,
    SHORT_NAMES,
    choose_unit,
    ldl_outcomes,
    with_lipids,
)
from risk_models.units import Unit
from risk_models.variables import Measure, triglycerides

IDENTIFIER = "ldl_friedewald"
_TABLE = load(IDENTIFIER)
_TG_MG_DL = triglycerides(10, 400, below_mg_dl=_TABLE["triglycerides_below_mg_dl"])
# The published limit in mmol/L is 4.5, not the converted 4.52.
_TG_MMOL_L = Measure(
    "triglycerides", Unit.MMOL_L, 0.11, 4.5, below=_TABLE["triglycerides_below_mmol_l"]
)


def _compute(divisor: float) -> Callable[[Columns], Mapping[str, FloatArray]]:
    def compute(x: Columns) -> Mapping[str, FloatArray]:
        non_hdl = x["total_cholesterol"] - x["hdl_cholesterol"]
        return with_lipids(x, non_hdl - x["triglycerides"] / divisor)

    return compute


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="adults",
    variants=(
        Variant(
            "mg_dl",
            "all in mg/dL",
            (*LDL[Unit.MG_DL], _TG_MG_DL),
            ldl_outcomes(Unit.MG_DL),
            _compute(_TABLE["divisor_mg_dl"]),
        ),
        Variant(
            "mmol_l",
            "all in mmol/L, with the divisor published for it",
            (*LDL[Unit.MMOL_L], _TG_MMOL_L),
            ldl_outcomes(Unit.MMOL_L),
            _compute(_TABLE["divisor_mmol_l"]),
        ),
    ),
    short_names=SHORT_NAMES,
    choose_variant=choose_unit,
)
