"""FHIR R4 resources of made-up people for the record store."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any


def patient(person: str, *, family: str = "Zhang", born: str = "1970-03-01", **more: Any) -> dict:
    """Return a Patient."""
    return {
        "resourceType": "Patient",
        "id": person,
        "name": [{"family": family, "given": ["San"]}],
        "gender": "female",
        "birthDate": born,
        **more,
    }


def condition(person: str, number: int, icd10: str, onset: str) -> dict:
    """Return an active Condition."""
    return {
        "resourceType": "Condition",
        "id": f"{person}-c{number}",
        "subject": {"reference": f"Patient/{person}"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": icd10}]},
        "onsetDateTime": onset,
    }


def value(person: str, number: int, loinc: str, amount: float, unit: str, at: str) -> dict:
    """Return an Observation with one number."""
    return {
        "resourceType": "Observation",
        "id": f"{person}-o{number}",
        "status": "final",
        "subject": {"reference": f"Patient/{person}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "effectiveDateTime": at,
        "valueQuantity": {
            "value": amount, "system": "http://unitsofmeasure.org", "code": unit, "unit": unit,
        },
    }  # fmt: skip


def blood_pressure(
    person: str, number: int, systolic: int, diastolic: int, at: str, *, home: bool = False
) -> dict:
    """Return a blood pressure panel; from home with the profile of self-measured pressure."""

    def part(loinc: str, amount: int) -> dict:
        return {
            "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
            "valueQuantity": {
                "value": amount,
                "system": "http://unitsofmeasure.org",
                "code": "mm[Hg]",
            },
        }

    found = {
        "resourceType": "Observation",
        "id": f"{person}-bp{number}",
        "status": "final",
        "subject": {"reference": f"Patient/{person}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "effectiveDateTime": at,
        "component": [part("8480-6", systolic), part("8462-4", diastolic)],
    }
    if home:
        profile = "http://hl7.org/fhir/uv/cardx-htn-mng/StructureDefinition/self-measured-bp"
        found["meta"] = {"profile": [profile]}
    return found


def week_at_home(person: str, systolic: int, diastolic: int, last: date) -> Iterator[dict]:
    """Yield two measurements a morning and evening on the 7 days up to `last`."""
    number = 100
    for back in range(6, -1, -1):
        day = last - timedelta(days=back)
        for clock in ("07:00:00", "07:02:00", "20:00:00", "20:02:00"):
            number += 1
            at = f"{day.isoformat()}T{clock}+08:00"
            yield blood_pressure(person, number, systolic, diastolic, at, home=True)
