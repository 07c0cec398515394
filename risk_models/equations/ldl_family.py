"""What the three LDL cholesterol equations share."""

from collections.abc import Mapping

import numpy as np

from risk_models.equations.definition import Columns, FloatArray, Outcome, ShortName
from risk_models.text import N_, Message
from risk_models.units import CHOLESTEROL_MG_DL_PER_MMOL_L, Unit
from risk_models.variables import Variable, hdl_cholesterol, total_cholesterol

LDL: dict[Unit, tuple[Variable, ...]] = {
    unit: (total_cholesterol(unit), hdl_cholesterol(unit)) for unit in (Unit.MG_DL, Unit.MMOL_L)
}
SHORT_NAMES = {
    "tc": ShortName("total_cholesterol", Unit.MG_DL),
    "hdl": ShortName("hdl_cholesterol", Unit.MG_DL),
    "tg": ShortName("triglycerides", Unit.MG_DL),
}


def ldl_outcomes(unit: Unit) -> tuple[Outcome, ...]:
    """LDL and non-HDL cholesterol in the unit of the variant."""
    return (
        Outcome(
            "ldl_cholesterol",
            unit=unit,
            undefined=Message(N_("HDL and triglycerides exceed the total")),
        ),
        Outcome(
            "non_hdl_cholesterol",
            unit=unit,
            needs=frozenset({"total_cholesterol", "hdl_cholesterol"}),
            undefined=Message(N_("HDL exceeds total cholesterol")),
        ),
    )


def with_lipids(x: Columns, ldl: FloatArray) -> Mapping[str, FloatArray]:
    """LDL with non-HDL; a negative concentration is no result."""
    non_hdl = x["total_cholesterol"] - x["hdl_cholesterol"]
    return {
        "ldl_cholesterol": np.where(ldl > 0.0, ldl, np.nan),
        "non_hdl_cholesterol": np.where(non_hdl > 0.0, non_hdl, np.nan),
    }


def in_mmol_l(values: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
    """Convert results computed in mg/dL."""
    return {name: column / CHOLESTEROL_MG_DL_PER_MMOL_L for name, column in values.items()}


def choose_unit(fields: frozenset[str]) -> str:
    """Results in mmol/L only if total cholesterol is given in mmol/L."""
    return "mmol_l" if "total_cholesterol_mmol_l" in fields else "mg_dl"
