"""WHO cardiovascular risk charts 2019: 10-year CHD or stroke, with and without a laboratory.

WHO CVD Risk Chart Working Group. Lancet Glob Health 2019;7:e1332-e1345,
doi:10.1016/S2214-109X(19)30318-3.
"""

from collections.abc import Callable, Mapping

from risk_models.equations.cautions import ONE_SOURCE, age_outside
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
from risk_models.equations.formulas import LinearPredictor, by_group, recalibrated_risk
from risk_models.results import CautionCode
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import (
    CURRENT_SMOKER,
    DIABETES,
    SEX,
    Choice,
    age,
    body_mass_index,
    systolic_bp,
    total_cholesterol,
)

IDENTIFIER = "who_cvd_2019"
_TABLE = load(IDENTIFIER)
CHINA = "China"
_RECALIBRATION = {**_TABLE["regions"], **_TABLE["countries"]}
REGION = Choice("region", tuple(_RECALIBRATION))
_OUTCOMES = (Outcome("cvd", 10), Outcome("chd", 10), Outcome("stroke", 10))
_COMMON = (age(40, 80), SEX, systolic_bp(), CURRENT_SMOKER, REGION)
_VARIABLES = {
    "lab": (*_COMMON, total_cholesterol(Unit.MMOL_L), DIABETES),
    "nonlab": (*_COMMON, body_mass_index()),
}


def region_of_country(iso3: str) -> str | None:
    """Region whose published chart is meant for a country (ISO 3166 alpha-3), or None.

    China's chart is that of East Asia; region ``"China"`` uses country-level parameters.
    """
    for region, content in _TABLE["regions"].items():
        if iso3 in content["countries"]:
            return str(region)
    return None


def _terms(x: Columns) -> dict[str, FloatArray]:
    terms = {
        "age": x["age"] - 60.0,
        "sbp": x["systolic_bp"] - 120.0,
        "smoker": x["current_smoker"],
    }
    if "bmi" in x:
        return {**terms, "bmi": x["bmi"] - 25.0}
    return {**terms, "tc": x["total_cholesterol"] - 6.0, "diabetes": x["diabetes"]}


def _compute(model: str) -> Callable[[Columns], Mapping[str, FloatArray]]:
    endpoints = {
        sex: {
            name: (content["baseline_survival"], LinearPredictor.of(content["coefficients"]))
            for name, content in _TABLE["coefficients"][model][sex].items()
        }
        for sex in SEX.options
    }

    def of_one_group(group: tuple[int, ...], x: Columns) -> dict[str, FloatArray]:
        sex, region = SEX.options[group[0]], REGION.options[group[1]]
        terms = _terms(x)
        risks = {}
        for name, (survival, predictor) in endpoints[sex].items():
            scale = _RECALIBRATION[region][sex][model][name]
            risks[f"{name}_10y"] = recalibrated_risk(
                survival, predictor(terms), scale["intercept"], scale["slope"]
            )
        risks["cvd_10y"] = 1.0 - (1.0 - risks["chd_10y"]) * (1.0 - risks["stroke_10y"])
        return risks

    def compute(x: Columns) -> Mapping[str, FloatArray]:
        groups = {"sex": x["sex"], "region": x["region"]}
        keys = tuple(outcome.key for outcome in _OUTCOMES)
        return by_group(groups, x, of_one_group, (2, len(REGION.options)), keys)

    return compute


_COUNTRY_LEVEL = CautionRule(
    CautionCode.ONE_SOURCE,
    Message(
        N_(
            "Country-level parameters (2017), from one source; the published chart for China "
            "is that of East Asia."
        )
    ),
    lambda x: x["region"] == REGION.options.index(CHINA),
)

EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="40-80 (charts: 40-74)",
    variants=(
        Variant(
            "lab",
            "with total cholesterol and diabetes",
            _VARIABLES["lab"],
            _OUTCOMES,
            _compute("lab"),
            (age_outside(40, 74), _COUNTRY_LEVEL),
        ),
        Variant(
            "nonlab",
            "with body mass index instead of laboratory values",
            _VARIABLES["nonlab"],
            _OUTCOMES,
            _compute("nonlab"),
            (age_outside(40, 74), ONE_SOURCE),
        ),
    ),
    short_names={
        "sbp": ShortName("systolic_bp"),
        "tc_mmol_l": ShortName("total_cholesterol", Unit.MMOL_L),
        "tc_mg_dl": ShortName("total_cholesterol", Unit.MG_DL),
        "smoker": ShortName("current_smoker"),
    },
    variant_field="model",
)
