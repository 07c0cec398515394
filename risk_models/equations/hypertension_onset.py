"""Framingham risk of new-onset hypertension within 1, 2 and 4 years.

Parikh NI, et al. Ann Intern Med 2008;148:102-110. Weibull accelerated failure time:
``risk(t) = 1 - exp(-exp((ln t - sum) / scale))``.
"""

from collections.abc import Mapping

import numpy as np

from risk_models.equations.cautions import NOT_FOR_CHINA, age_outside
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
)
from risk_models.equations.formulas import LinearPredictor, event_probability
from risk_models.units import Unit
from risk_models.variables import CURRENT_SMOKER, SEX, Measure, age, body_mass_index

IDENTIFIER = "hypertension_onset"
_TABLE = load(IDENTIFIER)
_PREDICTOR = LinearPredictor.of(_TABLE["coefficients"])
_YEARS = (4, 2, 1)


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    log_time = _PREDICTOR(
        {
            "age": x["age"],
            "female": x["sex"],  # male is 0, female 1
            "bmi": x["bmi"],
            "sbp": x["systolic_bp"],
            "dbp": x["diastolic_bp"],
            "smoker": x["current_smoker"],
            "parents": x["parents_with_hypertension"],
        }
    )
    return {
        f"hypertension_{years}y": event_probability(
            np.exp((np.log(years) - log_time) / _TABLE["scale"])
        )
        for years in _YEARS
    }


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="20-69 (calculators accept 20-80)",
    variants=(
        Variant(
            "published",
            "Weibull model",
            (
                age(20, 80),
                SEX,
                body_mass_index(),
                # Hypertension itself (>= 140/90) is the outcome, so it cannot be an input.
                Measure("systolic_bp", Unit.MMHG, 60, 140, below=140),
                Measure("diastolic_bp", Unit.MMHG, 30, 90, below=90),
                CURRENT_SMOKER,
                Measure("parents_with_hypertension", Unit.COUNT, 0, 2, whole=True),
            ),
            tuple(Outcome("hypertension", years) for years in _YEARS),
            _compute,
            (NOT_FOR_CHINA, age_outside(20, 69)),
        ),
    ),
    short_names={
        "female": ShortName("sex", words={0: "male", 1: "female"}),
        "sbp": ShortName("systolic_bp"),
        "dbp": ShortName("diastolic_bp"),
        "smoker": ShortName("current_smoker"),
        "parents": ShortName("parents_with_hypertension"),
    },
)
