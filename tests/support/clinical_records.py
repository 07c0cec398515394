"""Small records for tests: facts in few words."""

from datetime import UTC, date, datetime

from clinical_ai.records.record import (
    ClinicalRecord,
    Concept,
    Demographics,
    FamilyCondition,
    Measured,
    Medication,
    Problem,
    Smoking,
    SmokingStatus,
    Source,
)

UNITS = {
    "systolic_bp": "mm[Hg]",
    "diastolic_bp": "mm[Hg]",
    "total_cholesterol": "mmol/L",
    "hdl_cholesterol": "mmol/L",
    "ldl_cholesterol": "mmol/L",
    "triglycerides": "mg/dL",
    "hba1c": "%",
    "creatinine": "mg/dL",
    "egfr": "mL/min/{1.73_m2}",
    "uacr": "mg/g",
    "bmi": "kg/m2",
    "waist": "cm",
}
SOME = Concept("1", "http://example.org")


def source(kind: str, number: int = 1) -> Source:
    return Source("local", f"{kind}/{number}")


def measured(kind: str, value: float, on: date = date(2026, 6, 1)) -> Measured:
    at = datetime(on.year, on.month, on.day, 9, tzinfo=UTC)
    return Measured(kind, value, UNITS[kind], at, source("Observation"))


def problem(*kinds: str, onset: date | None = None, active: bool = True) -> Problem:
    return Problem(SOME, kinds, active, onset, source("Condition"))


def drug(*kinds: str) -> Medication:
    return Medication(SOME, kinds, True, None, source("MedicationRequest"))


def relative(*kinds: str, relation: str = "FTH", age: float | None = None) -> FamilyCondition:
    return FamilyCondition(SOME, kinds, relation, age, source("FamilyMemberHistory"))


def smokes(
    status: SmokingStatus,
    pack_years: float | None = None,
    quit_on: date | None = None,
    at: date | None = date(2026, 1, 1),
) -> Smoking:
    return Smoking(status, at, source("Observation", 7), pack_years, quit_on)


def record(
    *,
    born: date | None = date(1966, 5, 1),
    sex: str | None = "male",
    deceased: bool = False,
    **facts: object,
) -> ClinicalRecord:
    who = Demographics(birth_date=born, sex=sex, deceased=deceased)  # type: ignore[arg-type]
    return ClinicalRecord("p1", who, **facts)  # type: ignore[arg-type]


def healthy_measurements(on: date = date(2026, 6, 1)) -> tuple[Measured, ...]:
    values = {
        "systolic_bp": 130,
        "diastolic_bp": 80,
        "total_cholesterol": 5.2,
        "hdl_cholesterol": 1.3,
        "bmi": 25.0,
        "waist": 88,
        "creatinine": 0.9,
    }
    return tuple(measured(kind, float(value), on) for kind, value in values.items())
