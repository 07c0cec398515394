"""Martin-Hopkins LDL cholesterol: triglycerides divided by a factor from a table.

Martin SS, et al. JAMA 2013;310:2061-2068. The row for triglycerides of 400 mg/dL and more is
missing from the source, so such values are refused.
"""

from collections.abc import Mapping

import numpy as np

from risk_models.equations.cautions import ONE_SOURCE
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import Columns, Equation, FloatArray, Outcome, Variant
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

IDENTIFIER = "ldl_martin_hopkins"
_TABLE = load(IDENTIFIER)
_VARIABLES = (
    *LDL[Unit.MG_DL],
    triglycerides(_TABLE["triglycerides_from"][0], 399, below_mg_dl=_TABLE["triglycerides_below"]),
)
_FACTORS = np.asarray(_TABLE["factors"], dtype=np.float64)
_FACTOR_OUTCOME = Outcome("triglyceride_factor", unit=Unit.COUNT)


def _factor(x: Columns) -> FloatArray:
    """Cell of the table; rows and columns start at the printed whole numbers."""
    non_hdl = x["total_cholesterol"] - x["hdl_cholesterol"]
    row = np.searchsorted(_TABLE["triglycerides_from"], x["triglycerides"], side="right") - 1
    column = np.searchsorted(_TABLE["non_hdl_from"], non_hdl, side="right") - 1
    found = _FACTORS[np.clip(row, 0, len(_FACTORS) - 1), np.clip(column, 0, None)]
    return np.where(np.isnan(x["triglycerides"]) | ~(non_hdl > 0.0), np.nan, found)


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    factor = _factor(x)
    ldl = x["total_cholesterol"] - x["hdl_cholesterol"] - x["triglycerides"] / factor
    return {**with_lipids(x, ldl), _FACTOR_OUTCOME.key: factor}


def _compute_mmol_l(x: Columns) -> Mapping[str, FloatArray]:
    in_mg_dl = dict(_compute(x))
    factor = in_mg_dl.pop(_FACTOR_OUTCOME.key)
    return {**in_mmol_l(in_mg_dl), _FACTOR_OUTCOME.key: factor}


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="adults",
    variants=(
        Variant(
            "mg_dl",
            "result in mg/dL",
            _VARIABLES,
            (*ldl_outcomes(Unit.MG_DL), _FACTOR_OUTCOME),
            _compute,
            (ONE_SOURCE,),
        ),
        Variant(
            "mmol_l",
            "result in mmol/L",
            _VARIABLES,
            (*ldl_outcomes(Unit.MMOL_L), _FACTOR_OUTCOME),
            _compute_mmol_l,
            (ONE_SOURCE,),
        ),
    ),
    short_names=SHORT_NAMES,
    choose_variant=choose_unit,
)
