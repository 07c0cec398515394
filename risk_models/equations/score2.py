"""SCORE2: 10-year fatal and non-fatal cardiovascular disease in Europe, 40-69 years.

SCORE2 working group. Eur Heart J 2021;42:2439-2454, doi:10.1093/eurheartj/ehab309.
"""

import numpy as np
from numpy.typing import NDArray

from risk_models.equations.cautions import NOT_FOR_CHINA
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    CautionRule,
    Classes,
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
from risk_models.variables import age

IDENTIFIER = "score2"


def _esc_2021_class(value: FloatArray, x: Columns) -> NDArray[np.intp]:
    """2021 ESC prevention guideline: 2.5 and 7.5 % under 50 years, 5 and 10 % from 50 to 69."""
    young = x["age"] < 50
    high = np.where(young, 0.025, 0.05)
    very_high = np.where(young, 0.075, 0.10)
    found = (value >= high).astype(np.intp) + (value >= very_high).astype(np.intp)
    return np.where(np.isnan(value), -1, found).astype(np.intp)


WITHOUT_DIABETES = CautionRule(
    CautionCode.OUTSIDE_POPULATION,
    Message(N_("Published for people without diabetes; use SCORE2-Diabetes.")),
    lambda x: x["diabetes"] == 1.0,
)

EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="40-69",
    variants=(
        Variant(
            "published",
            "four European risk regions",
            (age(40, 69), *RISK_FACTORS),
            (
                Outcome(
                    "cvd",
                    10,
                    classes=Classes(("low to moderate", "high", "very high"), _esc_2021_class),
                ),
            ),
            cvd_risk(load(IDENTIFIER), score2_terms),
            (NOT_FOR_CHINA, WITHOUT_DIABETES),
        ),
    ),
    short_names=SHORT_NAMES,
)
