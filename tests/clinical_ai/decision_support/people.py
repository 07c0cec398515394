"""Records made by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime

from clinical_ai.decision_support.cards import Writer, cards
from clinical_ai.decision_support.decide import advice_for
from clinical_ai.decision_support.situation import Situation
from clinical_ai.records.record import (
    ClinicalRecord,
    Concept,
    Demographics,
    FamilyCondition,
    ImagingFact,
    Measured,
    Medication,
    Problem,
    Procedure,
    Smoking,
    Source,
)
from clinical_ai.risk.assess import assess_risk

TODAY = date(2026, 3, 2)
SOURCE = Source("local", "Observation/1")
UNITS = {
    "systolic_bp": "mm[Hg]",
    "diastolic_bp": "mm[Hg]",
    "ldl_cholesterol": "mmol/L",
    "total_cholesterol": "mmol/L",
    "hdl_cholesterol": "mmol/L",
    "hba1c": "%",
    "egfr": "mL/min/{1.73_m2}",
    "creatinine": "mg/dL",
    "uacr": "mg/g",
    "bmi": "kg/m2",
    "waist": "cm",
}


def person(age=60, sex="male", **parts) -> ClinicalRecord:
    born = date(TODAY.year - age, 1, 1)
    return ClinicalRecord("p1", Demographics(birth_date=born, sex=sex), **parts)


def measured(kind, value, on=date(2026, 2, 1), *, home=False) -> Measured:
    at = datetime(on.year, on.month, on.day, 9, tzinfo=UTC)
    return Measured(kind, value, UNITS[kind], at, SOURCE, home=home)


def pressure(systolic, diastolic, on=date(2026, 2, 1), *, home=False):
    return (
        measured("systolic_bp", systolic, on, home=home),
        measured("diastolic_bp", diastolic, on, home=home),
    )


def problem(*kinds, onset=date(2015, 1, 1), active=True, code="", system="") -> Problem:
    return Problem(Concept(code, system), kinds, active, onset, Source("local", "Condition/1"))


def diabetes(onset=date(2015, 1, 1)) -> Problem:
    return problem("diabetes", "diabetes_type_2", onset=onset)


def drug(*kinds, name="drug", active=True) -> Medication:
    return Medication(
        Concept("", "", name), kinds, active, None, Source("local", "MedicationRequest/1")
    )


def procedure(kind, on) -> Procedure:
    return Procedure(Concept("", ""), (kind,), on, Source("local", "Procedure/1"))


def image(kind, value, on, *, signed=True) -> ImagingFact:
    return ImagingFact(kind, value, on, Source("readings", "Reading/1"), signed=signed)


def smoker(status="current", pack_years=None, quit_on=None) -> Smoking:
    return Smoking(status, date(2026, 1, 1), SOURCE, pack_years, quit_on)


def relative(kind, relation="FTH") -> FamilyCondition:
    return FamilyCondition(Concept("", ""), (kind,), relation, None, SOURCE)


def seen(record, hook="patient-view", *, on=TODAY, risk=False, **more):
    """What the rules say, by kind."""
    profile = assess_risk(record, on) if risk else None
    advice = advice_for(hook, Situation(record=record, on=on, profile=profile, **more))
    found = {one.kind: one for one in advice}
    assert len(found) == len(advice), "one card a kind"
    return found


def as_cards(record, hook="patient-view", language="en", *, on=TODAY, **more):
    profile = assess_risk(record, on)
    situation = Situation(record=record, on=on, profile=profile, **more)
    return dict(cards(advice_for(hook, situation), Writer(language), "p1"))


def without(record, **parts):
    return replace(record, **parts)
