"""CKD-EPI 2021: estimated glomerular filtration rate from creatinine, without race.

Inker LA, et al. N Engl J Med 2021;385:1737-1749.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
    classes_from,
)
from risk_models.units import Unit
from risk_models.variables import FEMALE, SEX, Variable, age, creatinine

IDENTIFIER = "ckd_epi_2021"
VARIABLES: tuple[Variable, ...] = (age(18, 120), SEX, creatinine())
SHORT_NAMES = {
    "creatinine_mg_dl": ShortName("creatinine", Unit.MG_DL),
    "creatinine_umol_l": ShortName("creatinine", Unit.UMOL_L),
}


def filtration_rate(x: Columns, table: Mapping[str, Any]) -> FloatArray:
    """``c * min(Scr/k, 1)^a * max(Scr/k, 1)^b * g^age * f[female]``, mL/min/1.73 m2."""
    woman = x["sex"] == FEMALE
    ratio = x["creatinine"] / np.where(woman, table["kappa"]["female"], table["kappa"]["male"])
    alpha = np.where(woman, table["alpha"]["female"], table["alpha"]["male"])
    rate = (
        table["constant"]
        * np.minimum(ratio, 1.0) ** alpha
        * np.maximum(ratio, 1.0) ** table["exponent_above"]
        * table["age_base"] ** x["age"]
        * np.where(woman, table["female_factor"], 1.0)
    )
    return np.where(np.isnan(x["sex"]), np.nan, rate)


def egfr_outcome(table: Mapping[str, Any]) -> Outcome:
    """The eGFR with its GFR category (KDIGO G1-G5)."""
    stages = classes_from(tuple(table["stages"]["from"]), tuple(table["stages"]["labels"]))
    return Outcome("egfr", unit=Unit.ML_MIN_173, classes=stages)


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    return {"egfr": filtration_rate(x, load(IDENTIFIER))}


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="18 and over",
    variants=(
        Variant(
            "published", "without race", VARIABLES, (egfr_outcome(load(IDENTIFIER)),), _compute
        ),
    ),
    short_names=SHORT_NAMES,
)
