"""Framingham Stroke Risk Profile 1994 for men, in points: 10-year probability of stroke.

D'Agostino RB, et al. Stroke 1994;25:40-43, as printed by NINDS. The table for women and the
coefficients were not found. Ages count as completed years, blood pressures as whole mmHg.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from risk_models.equations.cautions import NOT_FOR_CHINA
from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    BoolArray,
    CautionRule,
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
)
from risk_models.equations.formulas import points_from
from risk_models.results import CautionCode
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import (
    BP_TREATED,
    CURRENT_SMOKER,
    DIABETES,
    Choice,
    Flag,
    age,
    systolic_bp,
)

IDENTIFIER = "framingham_stroke_1994_men"
_TABLE = load(IDENTIFIER)
_POINTS: dict[str, Any] = _TABLE["points"]
_PROBABILITY = {int(k): v for k, v in _TABLE["probability_percent_by_points"].items()}
HIGHEST_PRINTED = max(_PROBABILITY)


def _row(rows: list[dict[str, Any]], value: FloatArray) -> FloatArray:
    return points_from(value, [r["range"][0] for r in rows], [r["points"] for r in rows])


def _points(x: Columns) -> FloatArray:
    sbp = np.floor(x["systolic_bp"] + 0.5)
    pressure = np.where(
        x["bp_treated"] == 1.0,
        _row(_POINTS["sbp_treated"], sbp),
        _row(_POINTS["sbp_untreated"], sbp),
    )
    total: FloatArray = (
        _row(_POINTS["age"], np.floor(x["age"]))
        + np.where(np.isnan(x["bp_treated"]), np.nan, pressure)
        + _POINTS["diabetes"] * x["diabetes"]
        + _POINTS["cigarettes"] * x["current_smoker"]
        + _POINTS["cvd"] * x["cardiovascular_disease"]
        + _POINTS["atrial_fibrillation"] * x["atrial_fibrillation"]
        + _POINTS["lvh_ecg"] * x["left_ventricular_hypertrophy"]
    )
    return total


def _compute(x: Columns) -> Mapping[str, FloatArray]:
    points = _points(x)
    printed = np.full(HIGHEST_PRINTED + 1, np.nan)
    for total, percent in _PROBABILITY.items():
        printed[total] = percent / 100.0
    known = ~np.isnan(points)
    row = np.minimum(np.where(known, points, 0.0), HIGHEST_PRINTED).astype(np.intp)
    return {"points": points, "stroke_10y": np.where(known, printed[row], np.nan)}


def _above_table(x: Columns) -> BoolArray:
    return _points(x) > HIGHEST_PRINTED


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="54-85, men",
    variants=(
        Variant(
            "points",
            "point table printed by NINDS",
            (
                age(54, 85),
                Choice("sex", ("male",), optional=True),
                systolic_bp(97, 205),
                BP_TREATED,
                DIABETES,
                CURRENT_SMOKER,
                Flag("cardiovascular_disease"),
                Flag("atrial_fibrillation"),
                Flag("left_ventricular_hypertrophy"),
            ),
            (
                Outcome(
                    "stroke",
                    10,
                    undefined=Message(N_("the table prints no probability for 0 points")),
                ),
                Outcome("points", unit=Unit.POINTS),
            ),
            _compute,
            (
                NOT_FOR_CHINA,
                CautionRule(
                    CautionCode.BOUND_ONLY,
                    Message(
                        N_("The printed table ends at {points} points; the true risk is higher."),
                        {"points": HIGHEST_PRINTED},
                    ),
                    _above_table,
                    frozenset({"stroke_10y"}),
                ),
            ),
        ),
    ),
    short_names={
        "sbp": ShortName("systolic_bp"),
        "treated": ShortName("bp_treated"),
        "smoker": ShortName("current_smoker"),
        "cvd": ShortName("cardiovascular_disease"),
        "af": ShortName("atrial_fibrillation"),
        "lvh": ShortName("left_ventricular_hypertrophy"),
    },
)
