"""SCORE2 Asia-Pacific: SCORE2 recalibrated to four Asia-Pacific risk regions.

SCORE2 Asia-Pacific writing group. Eur Heart J 2025;46:702, doi:10.1093/eurheartj/ehae609.
The region of China is not confirmed from a source here, so the caller must name a region.
"""

from risk_models.equations.cautions import ONE_SOURCE
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import Equation, Outcome, Variant
from risk_models.equations.score2 import WITHOUT_DIABETES
from risk_models.equations.score2_family import RISK_FACTORS, SHORT_NAMES, cvd_risk, score2_terms
from risk_models.variables import age

IDENTIFIER = "score2_asia_pacific"

EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="40-69",
    variants=(
        Variant(
            "published",
            "four Asia-Pacific risk regions",
            (age(40, 69), *RISK_FACTORS),
            (Outcome("cvd", 10),),
            cvd_risk(load(IDENTIFIER), score2_terms),
            (ONE_SOURCE, WITHOUT_DIABETES),
        ),
    ),
    short_names=SHORT_NAMES,
)
