"""Counts the cardiovascular risk factors that the 2024 Chinese hypertension guideline lists.

Hypertension itself is on the printed list, but the table's rows count the *other* factors, so
it is left out here.
"""

from dataclasses import dataclass

from risk_models.guidelines.classification import Values, number, read
from risk_models.records import Record
from risk_models.results import Problem, ProblemKind
from risk_models.units import Unit
from risk_models.variables import (
    SEX,
    Flag,
    Measure,
    age,
    body_mass_index,
    glucose,
    hdl_cholesterol,
    ldl_cholesterol,
    total_cholesterol,
    uric_acid,
    waist,
)

VARIABLES = (
    age(18, 120),
    SEX,
    Flag("current_smoker"),
    Flag("passive_smoker"),
    glucose("fasting_glucose"),
    glucose("glucose_2h"),
    total_cholesterol(Unit.MMOL_L),
    ldl_cholesterol(),
    hdl_cholesterol(Unit.MMOL_L),
    Flag("family_history_cvd_before_50"),
    waist(),
    body_mass_index(),
    Measure("homocysteine", Unit.UMOL_L, 1, 300),
    uric_acid(),
    Measure("resting_heart_rate", Unit.COUNT, 20, 250),
)


@dataclass(frozen=True, slots=True)
class RiskFactors:
    """Risk factors found, ruled out, and not known for want of data.

    Parameters
    ----------
    problems
        Inputs that are present but cannot be used (a missing one is no problem here).
    """

    present: tuple[str, ...]
    absent: tuple[str, ...]
    unknown: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def at_least(self) -> int:
        """Number of risk factors for certain."""
        return len(self.present)

    @property
    def at_most(self) -> int:
        """Number if every unknown one were present."""
        return len(self.present) + len(self.unknown)


def risk_factors(record: Record) -> RiskFactors:
    """Count the listed risk factors in a record; what is not in the record stays unknown."""
    values, problems = read(VARIABLES, record)
    found = {
        "age over 55 (men) or 65 (women)": _by_sex(values, "age", 55, 65, strict=True),
        "smoking or passive smoking": _any(values["current_smoker"], values["passive_smoker"]),
        "impaired glucose": _any(
            _within(values, "fasting_glucose", 6.1, 7.0), _within(values, "glucose_2h", 7.8, 11.1)
        ),
        "dyslipidaemia": _any(
            _from(values, "total_cholesterol", 5.2),
            _over(values, "ldl_cholesterol", 3.4),
            _below(values, "hdl_cholesterol", 1.0),
        ),
        "family history of early CVD": values["family_history_cvd_before_50"],
        "abdominal obesity or obesity": _any(
            _by_sex(values, "waist", 90, 85), _from(values, "bmi", 28)
        ),
        "homocysteine 10 umol/L or more": _from(values, "homocysteine", 10),
        "high uric acid": _by_sex(values, "uric_acid", 420, 360),
        "resting heart rate over 80": _over(values, "resting_heart_rate", 80),
    }
    return RiskFactors(
        present=tuple(name for name, state in found.items() if state is True),
        absent=tuple(name for name, state in found.items() if state is False),
        unknown=tuple(name for name, state in found.items() if state is None),
        problems=tuple(p for p in problems if p.kind is not ProblemKind.MISSING),
    )


def _any(*states: float | bool | str | None) -> bool | None:
    """True if one is true; unknown if none is true and one is unknown."""
    if any(state is True for state in states):
        return True
    return None if any(state is None for state in states) else False


def _from(values: Values, name: str, limit: float) -> bool | None:
    value = number(values, name)
    return None if value is None else value >= limit


def _over(values: Values, name: str, limit: float) -> bool | None:
    value = number(values, name)
    return None if value is None else value > limit


def _below(values: Values, name: str, limit: float) -> bool | None:
    value = number(values, name)
    return None if value is None else value < limit


def _within(values: Values, name: str, low: float, below: float) -> bool | None:
    value = number(values, name)
    return None if value is None else low <= value < below


def _by_sex(
    values: Values, name: str, men: float, women: float, *, strict: bool = False
) -> bool | None:
    if values["sex"] is None:
        return None
    limit = men if values["sex"] == "male" else women
    return _over(values, name, limit) if strict else _from(values, name, limit)
