"""Chinese guidelines as pure rules: category, the branch taken, and the citation.

`classify` takes records with the short field names that the guidelines' reference tables use.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from risk_models.errors import UnknownEquationError
from risk_models.guidelines import (
    china_blood_pressure,
    china_cvd_2019,
    china_lipid,
    diabetes_diagnosis,
)
from risk_models.guidelines.classification import (
    Answer,
    Classification,
    Guideline,
    NotClassified,
)
from risk_models.records import Record

_SHORT_NAMES = {
    "sbp": "systolic_bp",
    "dbp": "diastolic_bp",
    "rf": "risk_factors",
    "fpg": "fasting_glucose_mmol_l",
    "ogtt": "glucose_2h_mmol_l",
    "hba1c": "hba1c_percent",
    "risk10": "ten_year_risk",
    "lifetime": "lifetime_risk",
}


def _blood_pressure(record: Record) -> Answer:
    if "row" in record or "risk_factor_count" in record:
        return china_blood_pressure.stratify(record)
    return china_blood_pressure.grade(record)


def _lipids(record: Record) -> Answer:
    return (
        china_lipid.matrix_risk(record) if "stratum" in record else china_lipid.ascvd_risk(record)
    )


def _cvd_2019(record: Record) -> Answer:
    if "cvd" in record:
        return china_cvd_2019.assess(record)
    if "ten_year_risk" in record:
        return china_cvd_2019.ten_year_class(record)
    return china_cvd_2019.lifetime_class(record)


GUIDELINES: Mapping[str, Callable[[Record], Answer]] = MappingProxyType(
    {
        "china_bp_2018_2024": _blood_pressure,
        "china_lipid_2023": _lipids,
        "diabetes_diagnosis": diabetes_diagnosis.classify_glycaemia,
        "china_cvd_guideline_2019_flow": _cvd_2019,
    }
)
"""The rule each guideline applies to a record, chosen by the fields that it holds."""


def classify(guideline: str, record: Record) -> Answer:
    """Apply a guideline to one record; short field names (``sbp``, ``fpg``) are accepted.

    Raises
    ------
    UnknownEquationError
        If there is no guideline of that name.
    """
    if guideline not in GUIDELINES:
        names = ", ".join(GUIDELINES)
        raise UnknownEquationError(f"no guideline {guideline!r}; there are: {names}")
    full = {_SHORT_NAMES.get(name, name): value for name, value in record.items()}
    return GUIDELINES[guideline](full)


__all__ = [
    "GUIDELINES",
    "Answer",
    "Classification",
    "Guideline",
    "NotClassified",
    "classify",
]
