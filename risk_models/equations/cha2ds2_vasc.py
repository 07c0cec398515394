"""CHA2DS2-VASc: points for the risk of stroke in atrial fibrillation.

Lip GYH, et al. Chest 2010;137:263-272.
"""

from collections.abc import Callable, Mapping

import numpy as np

from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import Columns, Equation, FloatArray, Outcome, Variant
from risk_models.units import Unit
from risk_models.variables import DIABETES, SEX, Flag, Variable, age

IDENTIFIER = "cha2ds2_vasc"
CONDITIONS: tuple[Variable, ...] = (
    age(18, 120),
    Flag("congestive_heart_failure"),
    Flag("hypertension"),
    DIABETES,
    Flag("stroke_tia_thromboembolism"),
    Flag("vascular_disease"),
)


def stroke_points(points: Mapping[str, float]) -> Callable[[Columns], Mapping[str, FloatArray]]:
    """Sum the points; a table without ``female`` is CHA2DS2-VA."""
    flags = tuple(name for name in points if not name.startswith(("age_", "female")))

    def compute(x: Columns) -> Mapping[str, FloatArray]:
        years = x["age"]
        total = np.where(years >= 75, points["age_ge_75"], 0.0)
        total = total + np.where((years >= 65) & (years < 75), points["age_65_74"], 0.0)
        for name in flags:
            total = total + points[name] * x[name]
        if "female" in points:
            total = total + points["female"] * x["sex"]  # male is 0, female 1
        return {"points": np.where(np.isnan(years), np.nan, total)}

    return compute


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="18 and over",
    variants=(
        Variant(
            "published",
            "0-9 points",
            (*CONDITIONS, SEX),
            (Outcome("points", unit=Unit.POINTS),),
            stroke_points(load(IDENTIFIER)["points"]),
        ),
    ),
)
