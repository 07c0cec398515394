"""SCORE2-OP: 10-year cardiovascular disease in Europe from 70 years on.

SCORE2-OP working group. Eur Heart J 2021;42:2455-2467, doi:10.1093/eurheartj/ehab312.
"""

from risk_models.equations.cautions import NOT_FOR_CHINA
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import Columns, Equation, FloatArray, Outcome, Variant
from risk_models.equations.score2_family import RISK_FACTORS, SHORT_NAMES, cvd_risk
from risk_models.variables import age

IDENTIFIER = "score2_op"
_TABLES = load(IDENTIFIER)["variants"]


def _terms(x: Columns) -> dict[str, FloatArray]:
    return {
        "cage": x["age"] - 73.0,
        "diabetes": x["diabetes"],
        "smoker": x["current_smoker"],
        "csbp": x["systolic_bp"] - 150.0,
        "ctc": x["total_cholesterol"] - 6.0,
        "chdl": x["hdl_cholesterol"] - 1.4,
    }


def _variant(name: str, description: str) -> Variant:
    return Variant(
        name,
        description,
        # The publication starts at 70 and names no end; 100 is a plausibility limit.
        (age(70, 100), *RISK_FACTORS),
        (Outcome("cvd", 10),),
        cvd_risk(_TABLES[name], _terms),
        (NOT_FOR_CHINA,),
    )


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="70 and over",
    variants=(
        _variant("published", "coefficients as printed; reproduces the paper's example"),
        _variant("full_precision", "the authors' own program, all digits"),
    ),
    short_names=SHORT_NAMES,
    variant_field="variant",
)
