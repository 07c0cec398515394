"""CKD-EPI 2009: estimated glomerular filtration rate from creatinine.

Levey AS, et al. Ann Intern Med 2009;150:604-612.
"""

from collections.abc import Mapping

from risk_models.equations.ckd_epi_2021 import (
    SHORT_NAMES,
    VARIABLES,
    egfr_outcome,
    filtration_rate,
)
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import Columns, Equation, FloatArray, Variant

IDENTIFIER = "ckd_epi_2009"


def _not_black(x: Columns) -> Mapping[str, FloatArray]:
    return {"egfr": filtration_rate(x, load(IDENTIFIER))}


def _black(x: Columns) -> Mapping[str, FloatArray]:
    table = load(IDENTIFIER)
    return {"egfr": filtration_rate(x, table) * table["black_factor"]}


_OUTCOMES = (egfr_outcome(load(IDENTIFIER)),)

EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="18 and over",
    variants=(
        Variant("not_black", "without the race factor", VARIABLES, _OUTCOMES, _not_black),
        Variant("black", "with the factor for Black adults", VARIABLES, _OUTCOMES, _black),
    ),
    short_names=SHORT_NAMES,
)
