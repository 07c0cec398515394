"""SCORE2-Diabetes: 10-year cardiovascular disease in type 2 diabetes, Europe.

SCORE2-Diabetes working group. Eur Heart J 2023;44:2544-2556, doi:10.1093/eurheartj/ehad260.
"""

import numpy as np

from risk_models.equations.cautions import NOT_FOR_CHINA, age_outside
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    CautionRule,
    Columns,
    Equation,
    FloatArray,
    Outcome,
    Variant,
)
from risk_models.equations.score2_family import (
    RISK_FACTORS,
    SHORT_NAMES,
    cvd_risk,
    score2_terms,
)
from risk_models.results import CautionCode
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import Measure, age, egfr, hba1c_mmol_mol

IDENTIFIER = "score2_diabetes"
_AT_DIAGNOSIS = Measure("age_at_diagnosis", Unit.YEAR, 1, 79, below=80)
_TABLE = load(IDENTIFIER)
# The file writes a square with "^2"; here it is a product like any other.
_COEFFICIENTS = {
    sex: {name.replace("clnegfr^2", "clnegfr*clnegfr"): value for name, value in table.items()}
    for sex, table in _TABLE["coefficients"].items()
}


def _terms(x: Columns) -> dict[str, FloatArray]:
    return {
        **score2_terms(x),
        "cagediab": (x["age_at_diagnosis"] - 50.0) / 5.0,
        "chba1c": (x["hba1c"] - 31.0) / 9.34,
        "clnegfr": (np.log(x["egfr"]) - 4.5) / 0.15,
    }


_risk = cvd_risk({**_TABLE, "coefficients": _COEFFICIENTS}, _terms)


def _compute(x: Columns) -> dict[str, FloatArray]:
    risk = _risk(x)["cvd_10y"]
    # Nobody is diagnosed at an age not yet reached.
    return {"cvd_10y": np.where(x["age_at_diagnosis"] > x["age"], np.nan, risk)}


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="40-69 (applied to 79)",
    variants=(
        Variant(
            "published",
            "full adjustment, four European risk regions",
            (
                age(40, 79),
                *RISK_FACTORS,
                _AT_DIAGNOSIS,
                hba1c_mmol_mol(20, 195),
                egfr(5, 200),
            ),
            (
                Outcome(
                    "cvd",
                    10,
                    undefined=Message(
                        N_("age_at_diagnosis is greater than age: correct one of them")
                    ),
                ),
            ),
            _compute,
            (
                NOT_FOR_CHINA,
                age_outside(40, 69),
                CautionRule(
                    CautionCode.OUTSIDE_POPULATION,
                    Message(N_("Published for people with type 2 diabetes; use SCORE2.")),
                    lambda x: x["diabetes"] == 0.0,
                ),
            ),
        ),
    ),
    short_names=SHORT_NAMES,
)
