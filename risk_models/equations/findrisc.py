"""FINDRISC: points for the 10-year risk of type 2 diabetes.

Lindstrom J, Tuomilehto J. Diabetes Care 2003;26:725-731.
"""

from collections.abc import Mapping

import numpy as np

from risk_models.equations.cautions import NOT_FOR_CHINA
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
from risk_models.variables import FEMALE, SEX, Choice, Flag, age, body_mass_index, waist

IDENTIFIER = "findrisc"
_TABLE = load(IDENTIFIER)
_POINTS = _TABLE["points"]
FAMILY_HISTORY = Choice("family_history_diabetes", tuple(_POINTS["family_history"]))


def _three_bands(value: FloatArray, table: Mapping[str, float | list[int]]) -> FloatArray:
    """Below the lower limit, up to and including the upper one, above it."""
    low, middle, high = np.asarray(table["points"], dtype=np.float64)
    points = np.where(value > table["high_above"], high, middle)
    points = np.where(value < table["low_below"], low, points)
    return np.where(np.isnan(value), np.nan, points)


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    family = np.asarray(list(_POINTS["family_history"].values()), dtype=np.float64)
    known = ~np.isnan(x["family_history_diabetes"])
    kin = np.where(known, x["family_history_diabetes"], 0.0).astype(np.intp)
    girth = np.where(
        x["sex"] == FEMALE,
        _three_bands(x["waist"], _POINTS["waist"]["female"]),
        _three_bands(x["waist"], _POINTS["waist"]["male"]),
    )
    total = (
        points_from(x["age"], _POINTS["age"]["from"], _POINTS["age"]["points"])
        + _three_bands(x["bmi"], _POINTS["bmi"])
        + np.where(np.isnan(x["sex"]), np.nan, girth)
        + _POINTS["not_active"] * (1.0 - x["physically_active"])
        + _POINTS["no_daily_vegetables_fruit"] * (1.0 - x["daily_vegetables_fruit"])
        + _POINTS["antihypertensive"] * x["bp_treated"]
        + _POINTS["high_glucose_history"] * x["high_blood_glucose_history"]
        + np.where(known, family[kin], np.nan)
    )
    return {"points": total}


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="18 and over",
    variants=(
        Variant(
            "published",
            "26-point form",
            (
                age(18, 100),
                SEX,
                body_mass_index(),
                waist(),
                Flag("physically_active"),
                Flag("daily_vegetables_fruit"),
                Flag("bp_treated"),
                Flag("high_blood_glucose_history"),
                FAMILY_HISTORY,
            ),
            (
                Outcome(
                    "points",
                    unit=Unit.POINTS,
                    classes=classes_from(
                        tuple(_TABLE["bands"]["from"]), tuple(_TABLE["bands"]["labels"])
                    ),
                ),
            ),
            _compute,
            (NOT_FOR_CHINA,),
        ),
    ),
    short_names={
        "antihypertensive_medication": ShortName("bp_treated"),
        "family_history": ShortName("family_history_diabetes"),
    },
)
