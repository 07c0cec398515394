"""The risk factor levels a person is compared with: "the risk at optimal factors"."""

from collections.abc import Mapping
from dataclasses import dataclass

from risk_models.equations.coefficients import load
from risk_models.equations.definition import Variant
from risk_models.text import N_, Message
from risk_models.units import CHOLESTEROL_MG_DL_PER_MMOL_L, Unit
from risk_models.variables import Measure

_IDEAL = load("china_par_10y")["ideal_profile"]

LEVELS: Mapping[str, float | bool] = {
    "systolic_bp": float(_IDEAL["systolic_bp"]),
    "diastolic_bp": 80.0,
    "hdl_cholesterol": float(_IDEAL["hdl_cholesterol_mg_dl"]),
    "total_cholesterol": float(_IDEAL["total_cholesterol_mg_dl"]),
    "bmi": 22.5,
    "egfr": 90.0,
    "hba1c": 5.3,
    "parents_with_hypertension": 0.0,
    "bp_treated": False,
    "statin": False,
    "lipid_lowering_drug": False,
    "diabetes": False,
    "current_smoker": False,
    "daily_smoker": False,
    "family_history_ascvd": False,
    "family_history_heart_attack": False,
    "prevalent_cvd": False,
    "atrial_fibrillation": False,
}
"""Levels by input name; cholesterol in mg/dL, HbA1c in per cent.

Blood pressure, cholesterol, waist and the flags: the ideal profile that the official
China-PAR calculator displays. Diastolic pressure: upper end of normal in the Chinese grades.
BMI: the optimal reference of the new-onset hypertension calculators. eGFR: start of category
G1. HbA1c: the level at which PREVENT's HbA1c terms are zero.
"""

WAIST = _IDEAL["waist"]
"""cm, by sex, of the same profile."""

_HYPERTENSION_LEVELS = {"systolic_bp": 110.5, "diastolic_bp": 70.5}
"""mmHg: the optimal reference of the new-onset hypertension calculators."""


@dataclass(frozen=True, slots=True)
class OptimalProfile:
    """Levels to compare with, in the equation's own units, by input name.

    Parameters
    ----------
    published
        Whether the equation's own publication or calculator uses this profile.
    """

    levels: Mapping[str, float | bool]
    published: bool
    source: Message


def optimal_profile(equation: str, variant: Variant, sex: str | None) -> OptimalProfile:
    """Optimal levels for the inputs of `variant`; inputs without a level (age, sex) stay as is."""
    levels = dict(LEVELS)
    if sex is not None:
        levels["waist"] = float(WAIST[sex])
    if equation == "hypertension_onset":
        levels.update(_HYPERTENSION_LEVELS)
    if equation == "score2_diabetes":
        # The population has diabetes: a person without it is outside the equation.
        levels.pop("diabetes"), levels.pop("hba1c")
    chosen = {
        variable.name: _in_unit(variable.name, levels[variable.name], variable)
        for variable in variant.variables
        if variable.name in levels
    }
    if equation == "china_par_10y":
        source = N_("ideal profile displayed by the official China-PAR calculator")
    elif equation == "hypertension_onset":
        source = N_("optimal reference of the published calculators of this equation")
    else:
        source = N_(
            "levels of the China-PAR ideal profile; this equation's publication defines none here"
        )
    published = equation in ("china_par_10y", "hypertension_onset")
    return OptimalProfile(chosen, published, Message(source))


def _in_unit(name: str, level: float | bool, variable: object) -> float | bool:
    if isinstance(variable, Measure) and variable.unit is Unit.MMOL_L:
        return level / CHOLESTEROL_MG_DL_PER_MMOL_L
    if name == "hba1c" and isinstance(variable, Measure) and variable.unit is Unit.MMOL_MOL:
        conversion = variable.conversions[Unit.PERCENT]
        return level * conversion.factor + conversion.offset
    return level
