"""A patient's record without identity: only codes, kinds, numbers and moved days.

Made from what is allowed, not by taking out what is not: names, numbers, places, free text and
the ids of resources have no way in.
"""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from clinical_ai.records.record import ClinicalRecord, Concept

MAX_AGE = 90
"""Ages above 89 are told as 90 (45 CFR 164.514(b)(2)(i)(C), and as our images do)."""
_DAYS_OF_89_YEARS = 32_507
# As all these systems write their codes; longer or other ones may hold anything.
_CODE = re.compile(r"[A-Za-z0-9.-]{1,20}")
_SYSTEMS = frozenset(
    {
        "http://snomed.info/sct",
        "http://hl7.org/fhir/sid/icd-10",
        "http://hl7.org/fhir/sid/icd-10-cm",
        "http://loinc.org",
        "http://www.nlm.nih.gov/research/umls/rxnorm",
        "http://www.whocc.no/atc",
    }
)
Plain = dict[str, Any]


def plain_record(record: ClinicalRecord, on: date, shift: timedelta) -> Plain:
    """Return the record as JSON values.

    Parameters
    ----------
    on
        Day on which the age is told.
    shift
        How far every day is moved; the same as that of the images.
    """
    age = record.demographics.age_on(on)

    def day(value: date | None) -> str | None:
        # A day that long ago tells an age above 89, as the age itself would.
        if value is None or (on - value).days > _DAYS_OF_89_YEARS:
            return None
        try:
            return (value + shift).isoformat()
        except OverflowError:
            return None

    smoking = record.smoking
    return {
        "sex": record.demographics.sex,
        "age_years": None if age is None else min(age, MAX_AGE),
        "record_complete": record.complete,
        "problems": [
            {
                "code": _code(p.concept),
                "kinds": list(p.kinds),
                "active": p.active,
                "on": day(p.onset),
            }
            for p in record.problems
        ],
        "medications": [
            {
                "code": _code(m.concept),
                "kinds": list(m.kinds),
                "active": m.active,
                "on": day(m.since),
            }
            for m in record.medications
        ],
        "allergies": [_coded(a.concept, ()) for a in record.allergies],
        "procedures": [{**_coded(p.concept, p.kinds), "on": day(p.on)} for p in record.procedures],
        "family_history": [{"kinds": list(f.kinds)} for f in record.family_history],
        "smoking": None
        if smoking is None
        else {
            "status": smoking.status,
            "pack_years": smoking.pack_years,
            "on": day(smoking.at),
        },
        "measurements": [
            {
                "kind": m.kind,
                "value": m.value,
                "unit": m.unit,
                "on": day(m.at.date()),
                "home": m.home,
            }
            for m in record.measurements
        ],
    }


def _coded(concept: Concept, kinds: Sequence[str]) -> Plain:
    return {"code": _code(concept), "kinds": list(kinds)}


def _code(concept: Concept) -> str | None:
    """Return a code of a public system; local codes and words may say who somebody is."""
    if concept.system not in _SYSTEMS or not _CODE.fullmatch(concept.code):
        return None
    return f"{concept.system}|{concept.code}"
