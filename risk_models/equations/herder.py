"""Herder: the Mayo probability updated with uptake on FDG-PET.

Herder GJ, et al. Chest 2005;128:2490-2496.
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
from risk_models.equations.formulas import logistic
from risk_models.equations.mayo_nodule import SHORT_NAMES, VARIABLES, mayo_probability
from risk_models.variables import Choice

IDENTIFIER = "herder"
_TABLE = load(IDENTIFIER)
PET_UPTAKE = Choice("pet_uptake", tuple(_TABLE["pet"]))


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    weights = np.asarray([*_TABLE["pet"].values(), np.nan], dtype=np.float64)
    unknown = len(weights) - 1
    uptake = weights[np.where(np.isnan(x["pet_uptake"]), unknown, x["pet_uptake"]).astype(np.intp)]
    before = mayo_probability(x)
    total = _TABLE["constant"] + _TABLE["mayo_probability"] * before + uptake
    return {"lung_cancer": logistic(total), "lung_cancer_before_pet": before}


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="adults",
    variants=(
        Variant(
            "published",
            "Mayo model and PET",
            (*VARIABLES, PET_UPTAKE),
            (Outcome("lung_cancer"), Outcome("lung_cancer_before_pet")),
            _compute,
            (ONE_SOURCE,),
        ),
    ),
    short_names={**SHORT_NAMES, "pet": ShortName("pet_uptake")},
)
