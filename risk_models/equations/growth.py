"""Volume doubling time of a nodule from two volumes or two diameters.

``t * ln 2 / ln(V2 / V1)``; from diameters of a sphere ``t * ln 2 / (3 * ln(D2 / D1))``.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from risk_models.equations.coefficients import load, sources
from risk_models.equations.definition import (
    CautionRule,
    Classes,
    Columns,
    Equation,
    FloatArray,
    Outcome,
    ShortName,
    Variant,
)
from risk_models.results import CautionCode
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import Measure

IDENTIFIER = "growth_vdt"
_BANDS = load(IDENTIFIER)["bands"]
_DAYS = Measure("interval", Unit.DAY, 1, 36_500)
_VOLUMES = tuple(Measure(f"volume_{i}", Unit.MM3, 0.1, 1_000_000) for i in (1, 2))
_DIAMETERS = tuple(Measure(f"diameter_{i}", Unit.MM, 0.5, 150) for i in (1, 2))


def _class(value: FloatArray, _x: Columns) -> NDArray[np.intp]:
    found = np.searchsorted(_BANDS["from"][1:], value, side="right").astype(np.intp)
    # A nodule that shrinks has no doubling time to judge.
    return np.where(value > 0.0, found, -1).astype(np.intp)


_OUTCOMES = (
    Outcome(
        "doubling_time",
        unit=Unit.DAY,
        classes=Classes(tuple(_BANDS["labels"]), _class),
        undefined=Message(N_("no change in size: the doubling time is infinite")),
    ),
)
_SHRINKING = Message(N_("The nodule has shrunk: the negative number is a halving time."))


def doubling_time(interval: FloatArray, log_volume_ratio: FloatArray) -> FloatArray:
    """Doubling time in the unit of `interval`; NaN without change, negative when shrinking."""
    changed = np.where(log_volume_ratio == 0.0, np.nan, log_volume_ratio)
    days: FloatArray = interval * np.log(2.0) / changed
    return days


def _from_volumes(x: Columns) -> Mapping[str, FloatArray]:
    ratio = np.log(x["volume_2"] / x["volume_1"])
    return {"doubling_time": doubling_time(x["interval"], ratio)}


def _from_diameters(x: Columns) -> Mapping[str, FloatArray]:
    ratio = 3.0 * np.log(x["diameter_2"] / x["diameter_1"])
    return {"doubling_time": doubling_time(x["interval"], ratio)}


def _choose(fields: frozenset[str]) -> str:
    return "diameters" if {"diameter_1", "diameter_2"} & fields else "volumes"


EQUATION = Equation(
    **sources(IDENTIFIER),
    age_range="any",
    variants=(
        Variant(
            "volumes",
            "from two volumes",
            (*_VOLUMES, _DAYS),
            _OUTCOMES,
            _from_volumes,
            (
                CautionRule(
                    CautionCode.OUTSIDE_POPULATION,
                    _SHRINKING,
                    lambda x: x["volume_2"] < x["volume_1"],
                ),
            ),
        ),
        Variant(
            "diameters",
            "from two diameters of a sphere",
            (*_DIAMETERS, _DAYS),
            _OUTCOMES,
            _from_diameters,
            (
                CautionRule(
                    CautionCode.OUTSIDE_POPULATION,
                    _SHRINKING,
                    lambda x: x["diameter_2"] < x["diameter_1"],
                ),
            ),
        ),
    ),
    short_names={
        "v1_mm3": ShortName("volume_1"),
        "v2_mm3": ShortName("volume_2"),
        "d1_mm": ShortName("diameter_1"),
        "d2_mm": ShortName("diameter_2"),
        "days": ShortName("interval"),
    },
    choose_variant=_choose,
)
