"""CHA2DS2-VA: CHA2DS2-VASc without the point for sex.

2024 ESC guideline on atrial fibrillation, Eur Heart J 2024;45:3314-3414.
"""

from risk_models.equations.cha2ds2_vasc import CONDITIONS, stroke_points
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import Equation, Outcome, Variant
from risk_models.units import Unit

IDENTIFIER = "cha2ds2_va"

EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="18 and over",
    variants=(
        Variant(
            "published",
            "0-8 points",
            CONDITIONS,
            (Outcome("points", unit=Unit.POINTS),),
            stroke_points(load(IDENTIFIER)["points"]),
        ),
    ),
)
