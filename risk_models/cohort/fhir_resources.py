"""What one FHIR R4 resource says about a person; no files here.

Only the fields a risk record needs are looked at; names, addresses and numbers of a person
are never read, apart from the district.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from risk_models.cohort.fields import FIELDS, Kind, load_table
from risk_models.cohort.words import unit_of

Resource = Mapping[str, Any]


class Value(NamedTuple):
    """One number of one person. `unit` is UCUM, None where it is absent or not known."""

    person: str
    field: str
    value: float
    unit: str | None
    day: str


class Mark(NamedTuple):
    """One yes or no about one person."""

    person: str
    field: str
    value: bool
    day: str


class Patient(NamedTuple):
    """A person; texts as FHIR gives them."""

    person: str
    sex: str
    birth_date: str
    deceased: bool
    district: str


USED_STATUS = frozenset({"final", "amended", "corrected"})
"""Observation.status; preliminary, cancelled and entered-in-error values are not used."""
_REFUTED = frozenset({"refuted", "entered-in-error"})
_CURRENT = frozenset({"active", "recurrence", "relapse", ""})


@dataclass(frozen=True, slots=True)
class FhirCodes:
    """Code tables, ready for look-up.

    Parameters
    ----------
    fields
        Field by observation code.
    smoking
        By observation code and answer, the flags that follow.
    conditions
        Fields by condition code, SNOMED CT in full or ICD-10 as a prefix.
    ingredients
        Pattern and field for drug names.
    """

    fields: Mapping[str, str]
    smoking: Mapping[str, Mapping[str, Mapping[str, bool]]]
    conditions: Mapping[str, tuple[str, ...]]
    ever: frozenset[str]
    ingredients: Mapping[str, re.Pattern[str]]
    units: dict[str, str | None] = field(default_factory=dict)

    def unit(self, written: str) -> str | None:
        """UCUM code of a unit as written, remembered."""
        if written not in self.units:
            self.units[written] = unit_of(written)
        return self.units[written]


def fhir_codes(local: Mapping[str, str] | None = None) -> FhirCodes:
    """The code tables of this package, with local observation codes added."""
    observations = load_table("loinc")
    conditions: dict[str, list[str]] = {}
    table = load_table("conditions")["fields"]
    for name, content in table.items():
        for code in (*content["snomed"], *content["icd10"]):
            conditions.setdefault(code, []).append(name)
    return FhirCodes(
        fields={**observations["codes"], **(local or {})},
        smoking=observations["smoking"],
        conditions={code: tuple(names) for code, names in conditions.items()},
        ever=frozenset(name for name, content in table.items() if content["ever"]),
        ingredients={
            name: re.compile("|".join(_whole_word(drug) for drug in drugs))
            for name, drugs in load_table("medications")["ingredients"].items()
        },
    )


def condition_fields() -> tuple[str, ...]:
    """Flags that a list of conditions decides."""
    return tuple(load_table("conditions")["fields"])


def medication_fields() -> tuple[str, ...]:
    """Flags that a list of medications decides."""
    return tuple(load_table("medications")["ingredients"])


def patient_of(resource: Resource) -> Patient | None:
    """A Patient resource, or None without an id."""
    person = resource.get("id")
    if not isinstance(person, str):
        return None
    address = _first(resource.get("address"))
    district = address.get("district") or address.get("city") or ""
    dead = resource.get("deceasedBoolean") is True or "deceasedDateTime" in resource
    return Patient(
        person,
        str(resource.get("gender", "")),
        str(resource.get("birthDate", "")),
        dead,
        str(district),
    )


def observation_values(resource: Resource, codes: FhirCodes) -> Iterator[Value | Mark]:
    """Numbers and smoking answers of an Observation with a used status."""
    if resource.get("status") not in USED_STATUS:
        return
    person, day = _subject(resource), _day(resource)
    if not person:
        return
    for part in (resource, *resource.get("component", ())):
        for coding in part.get("code", {}).get("coding", ()):
            code = coding.get("code")
            name = codes.fields.get(code)
            if name is not None:
                yield from _quantity(part, person, name, day, codes)
                break
            if code in codes.smoking:
                yield from _smoking(part, person, day, codes.smoking[code])
                break


def condition_marks(resource: Resource, codes: FhirCodes) -> Iterator[Mark]:
    """What a Condition says is present; refuted and mistaken entries say nothing."""
    if _REFUTED & _codes_in(resource.get("verificationStatus")):
        return
    person, day = _subject(resource), _day(resource)
    if not person:
        return
    current = bool(_CURRENT & (_codes_in(resource.get("clinicalStatus")) or {""}))
    for code in _codes_in(resource.get("code")):
        names = codes.conditions.get(code) or _by_prefix(code, codes.conditions)
        for name in names:
            if current or name in codes.ever:
                yield Mark(person, name, True, day)


def medication_marks(resource: Resource, codes: FhirCodes) -> Iterator[Mark]:
    """What an active MedicationRequest or MedicationStatement says is taken."""
    if resource.get("status") != "active":
        return
    person = _subject(resource)
    concept = resource.get("medicationCodeableConcept") or {}
    names = [str(coding.get("display", "")) for coding in concept.get("coding", ())]
    text = " ".join([*names, str(concept.get("text", ""))]).lower()
    if not person or not text.strip():
        return
    day = _day(resource)
    for name, pattern in codes.ingredients.items():
        if pattern.search(text):
            yield Mark(person, name, True, day)


def check_local_codes(local: Mapping[str, str]) -> list[str]:
    """Names in `local` that are no measures, for the caller's error message."""
    return [
        name
        for name in local.values()
        if name not in FIELDS or FIELDS[name].kind is not Kind.MEASURE
    ]


def _quantity(
    part: Resource, person: str, name: str, day: str, codes: FhirCodes
) -> Iterator[Value]:
    quantity = part.get("valueQuantity")
    if not isinstance(quantity, dict) or "comparator" in quantity:
        return
    value = quantity.get("value")
    if isinstance(value, int | float) and not isinstance(value, bool):
        written = quantity.get("code") or quantity.get("unit") or ""
        yield Value(person, name, float(value), codes.unit(str(written)), day)


def _smoking(
    part: Resource, person: str, day: str, answers: Mapping[str, Mapping[str, bool]]
) -> Iterator[Mark]:
    for code in _codes_in(part.get("valueCodeableConcept")):
        for name, value in answers.get(code, {}).items():
            yield Mark(person, name, value, day)


def _subject(resource: Resource) -> str:
    reference = resource.get("subject") or resource.get("patient") or {}
    return str(reference.get("reference", "")).rpartition("/")[2].removeprefix("urn:uuid:")


def _day(resource: Resource) -> str:
    for name in ("effectiveDateTime", "onsetDateTime", "authoredOn", "recordedDate", "issued"):
        if name in resource:
            return str(resource[name])[:10]
    period = resource.get("effectivePeriod") or {}
    return str(period.get("end") or period.get("start") or "")[:10]


def _codes_in(concept: Any) -> set[str]:
    if not isinstance(concept, dict):
        return set()
    return {str(coding.get("code", "")) for coding in concept.get("coding", ())}


def _by_prefix(code: str, conditions: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Fields of an ICD-10 code, by its category and its first decimal."""
    found = dict.fromkeys(
        name
        for length in (3, 5)
        if not code.isdigit()
        for name in conditions.get(code[:length], ())
    )
    return tuple(found)


def _first(items: Any) -> Mapping[str, Any]:
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}


def _whole_word(drug: str) -> str:
    return rf"\b{re.escape(drug)}\b" if drug.isascii() else re.escape(drug)
