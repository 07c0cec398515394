"""HAS-BLED: points for the risk of major bleeding on anticoagulation.

Pisters R, et al. Chest 2010;138:1093-1100.
"""

from collections.abc import Mapping

import numpy as np

from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
)
from risk_models.units import Unit
from risk_models.variables import Flag

IDENTIFIER = "has_bled"
_POINTS: dict[str, int] = load(IDENTIFIER)["points"]


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    total = np.zeros(len(next(iter(x.values()))))
    for name, points in _POINTS.items():
        total = total + points * x[name]
    return {"points": total}


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="18 and over",
    variants=(
        Variant(
            "published",
            "0-9 points",
            tuple(Flag(name) for name in _POINTS),
            (Outcome("points", unit=Unit.POINTS),),
            _compute,
        ),
    ),
    short_names={
        "hypertension_uncontrolled": ShortName("uncontrolled_hypertension_sbp_gt_160"),
        "elderly_over_65": ShortName("age_gt_65"),
        "alcohol_excess": ShortName("alcohol_ge_8_per_week"),
    },
)
