"""Chinese Diabetes Risk Score: points for undiagnosed type 2 diabetes.

Zhou X, et al. Diabetes Care 2013;36:3944-3952; the table of the Chinese type 2 diabetes
guideline. Not the score of the same name by Gao (2010).
"""

from collections.abc import Mapping

import numpy as np

from risk_models.equations.cautions import ONE_SOURCE
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
from risk_models.equations.formulas import points_from
from risk_models.units import Unit
from risk_models.variables import MALE, SEX, Flag, age, body_mass_index, systolic_bp, waist

IDENTIFIER = "cdrs_2013"
_TABLE = load(IDENTIFIER)
_POINTS = _TABLE["points"]
HIGH_RISK_FROM = float(_TABLE["high_risk_from"])


def _row(table: dict[str, list[float]], value: FloatArray) -> FloatArray:
    return points_from(value, table["from"], table["points"])


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    man = x["sex"] == MALE
    girth = np.where(
        man,
        _row(_POINTS["waist"]["male"], x["waist"]),
        _row(_POINTS["waist"]["female"], x["waist"]),
    )
    total = (
        _row(_POINTS["age"], x["age"])
        + np.where(np.isnan(x["sex"]), np.nan, girth + _POINTS["male"] * man)
        + _row(_POINTS["sbp"], x["systolic_bp"])
        + _row(_POINTS["bmi"], x["bmi"])
        + _POINTS["family_history"] * x["family_history_diabetes"]
    )
    return {"points": total}


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="20-74",
    variants=(
        Variant(
            "guideline_table",
            "51-point form",
            (
                age(20, 74),
                SEX,
                body_mass_index(),
                waist(),
                systolic_bp(),
                Flag("family_history_diabetes"),
            ),
            (
                Outcome(
                    "points",
                    unit=Unit.POINTS,
                    classes=classes_from(
                        (0.0, HIGH_RISK_FROM), ("not high", "high: oral glucose tolerance test")
                    ),
                ),
            ),
            _compute,
            (ONE_SOURCE,),
        ),
    ),
    short_names={
        "sbp": ShortName("systolic_bp"),
        "family_history": ShortName("family_history_diabetes"),
    },
)
