"""Mayo Clinic probability that a solitary pulmonary nodule is malignant.

Swensen SJ, et al. Arch Intern Med 1997;157:849-855.
"""

from collections.abc import Mapping

from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
)
from risk_models.equations.formulas import LinearPredictor, logistic
from risk_models.units import Unit
from risk_models.variables import Flag, Measure, Variable, age

IDENTIFIER = "mayo_nodule"
_PREDICTOR = LinearPredictor.of(load(IDENTIFIER)["coefficients"])
VARIABLES: tuple[Variable, ...] = (
    age(18, 100),
    Flag("ever_smoker"),
    Flag("cancer_history_over_5_years"),
    Measure("nodule_diameter", Unit.MM, 4, 30),
    Flag("spiculation"),
    Flag("upper_lobe"),
)
SHORT_NAMES = {
    "cancer_history_gt5y": ShortName("cancer_history_over_5_years"),
    "diameter_mm": ShortName("nodule_diameter"),
}


def mayo_probability(x: Columns) -> FloatArray:
    """Probability of malignancy before PET."""
    return logistic(
        _PREDICTOR(
            {
                "age": x["age"],
                "ever_smoker": x["ever_smoker"],
                "cancer_history": x["cancer_history_over_5_years"],
                "diameter": x["nodule_diameter"],
                "spiculation": x["spiculation"],
                "upper_lobe": x["upper_lobe"],
            }
        )
    )


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    return {"lung_cancer": mayo_probability(x)}


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="adults",
    variants=(
        Variant(
            "published", "clinical and CT data", VARIABLES, (Outcome("lung_cancer"),), _compute
        ),
    ),
    short_names=SHORT_NAMES,
)
