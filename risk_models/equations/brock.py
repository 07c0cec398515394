"""Brock (PanCan) probability that a lung nodule of a screening CT is cancer, full model 2b.

McWilliams A, et al. N Engl J Med 2013;369:910-919.
"""

from collections.abc import Mapping

import numpy as np

from risk_models.equations.cautions import age_outside
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    CautionRule,
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
)
from risk_models.equations.formulas import LinearPredictor, logistic
from risk_models.results import CautionCode
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import SEX, Choice, Flag, Measure, age

IDENTIFIER = "brock_pancan"
NODULE_TYPE = Choice("nodule_type", ("solid", "nonsolid", "part_solid"))
CENTRE_SIZE = 1.58113883
"""(4 mm / 10) ** -0.5, the size at which the size term is zero."""

_PREDICTOR = LinearPredictor.of(load(IDENTIFIER)["coefficients"])


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    kind = x["nodule_type"]
    terms = {
        "age": x["age"] - 62.0,
        "female": x["sex"],  # male is 0, female 1
        "family_history": x["family_history_lung_cancer"],
        "emphysema": x["emphysema"],
        "size": (x["nodule_size"] / 10.0) ** -0.5 - CENTRE_SIZE,
        "nonsolid": np.where(np.isnan(kind), np.nan, kind == 1),
        "part_solid": np.where(np.isnan(kind), np.nan, kind == 2),
        "upper_lobe": x["upper_lobe"],
        "count": x["nodule_count"] - 4.0,
        "spiculation": x["spiculation"],
    }
    return {"lung_cancer": logistic(_PREDICTOR(terms))}


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="50-75",
    variants=(
        Variant(
            "full_2b",
            "full model with spiculation",
            (
                age(18, 100),
                SEX,
                Flag("family_history_lung_cancer"),
                Flag("emphysema"),
                Measure("nodule_size", Unit.MM, 1, 50),
                NODULE_TYPE,
                Flag("upper_lobe"),
                Measure("nodule_count", Unit.COUNT, 1, 100, whole=True),
                Flag("spiculation"),
            ),
            (Outcome("lung_cancer"),),
            _compute,
            (
                age_outside(50, 75),
                CautionRule(
                    CautionCode.OUTSIDE_POPULATION,
                    Message(N_("More than {size} mm is a mass, not a nodule."), {"size": 30}),
                    lambda x: x["nodule_size"] > 30,
                ),
            ),
        ),
    ),
    short_names={
        "female": ShortName("sex", words={0: "male", 1: "female"}),
        "size_mm": ShortName("nodule_size"),
        "type": ShortName("nodule_type"),
    },
)
