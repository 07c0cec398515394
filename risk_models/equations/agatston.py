"""Agatston score of one calcified lesion in one axial slice, and the class of a total score.

Agatston AS, et al. J Am Coll Cardiol 1990;15:827-832. A scan's score is the sum over lesions
and slices; finding the lesions is the reader's work.
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
)
from risk_models.equations.formulas import points_from
from risk_models.units import Unit
from risk_models.variables import Measure

IDENTIFIER = "agatston"
_TABLE = load(IDENTIFIER)


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    factor = points_from(x["peak"], _TABLE["factor"]["from"], _TABLE["factor"]["factor"])
    score = x["area"] * factor * (x["slice_thickness"] / _TABLE["reference_thickness_mm"])
    counts = (x["area"] >= _TABLE["minimum_area_mm2"]) & (x["peak"] >= _TABLE["threshold_hu"])
    known = ~(np.isnan(x["area"]) | np.isnan(x["peak"]) | np.isnan(x["slice_thickness"]))
    return {"score": np.where(known, np.where(counts, score, 0.0), np.nan)}


def agatston_class(total: float) -> str:
    """Class of a whole scan's score (>= 0): none, minimal, mild, moderate or severe.

    The published classes are whole numbers (0, 1-10, 11-100, 101-400, > 400); a score between
    two of them belongs to the higher one.
    """
    if not total >= 0:
        raise ValueError(f"An Agatston score cannot be {total}; give a number of at least 0.")
    for label, highest in (("none", 0), ("minimal", 10), ("mild", 100), ("moderate", 400)):
        if total <= highest:
            return label
    return "severe"


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="adults",
    variants=(
        Variant(
            "published",
            "one lesion in one slice",
            (
                Measure("area", Unit.MM2, 0, 10_000),
                Measure("peak", Unit.HOUNSFIELD, -1024, 3071),
                Measure("slice_thickness", Unit.MM, 0.1, 10),
            ),
            (Outcome("score", unit=Unit.AGATSTON),),
            _compute,
            (ONE_SOURCE,),
        ),
    ),
    short_names={
        "area_mm2": ShortName("area"),
        "peak_hu": ShortName("peak"),
        "thickness_mm": ShortName("slice_thickness"),
    },
)
