"""Who a Patient resource describes, and which other Patient stands in for it."""

from clinical_ai.records.elements import Resource, day, mapping, mappings, reference, text
from clinical_ai.records.record import Demographics, Identifier, PersonName, Sex

_SEXES: dict[str, Sex] = {"male": "male", "female": "female", "other": "other"}
"""FHIR R4 administrative gender; "unknown" is not stated."""


def demographics_of(patient: Resource) -> Demographics:
    """Read a Patient resource; what it does not state, or not usably, is None or empty."""
    return Demographics(
        identifiers=tuple(
            Identifier(
                value=text(identifier.get("value")),
                system=text(identifier.get("system")),
                kind=_kind(identifier),
            )
            for identifier in mappings(patient.get("identifier"))
            if text(identifier.get("value"))
        ),
        names=tuple(
            name for name in map(_name, mappings(patient.get("name"))) if name != PersonName()
        ),
        birth_date=day(patient.get("birthDate")),
        sex=_SEXES.get(text(patient.get("gender"))),
        deceased=patient.get("deceasedBoolean") is True
        or bool(text(patient.get("deceasedDateTime"))),
        district=_district(patient),
    )


def replaced_by(patient: Resource) -> str:
    """Id of the Patient to be used in this one's place (Patient.link, type replaced-by), or ""."""
    for link in mappings(patient.get("link")):
        if text(link.get("type")) == "replaced-by":
            found = reference(link.get("other"))
            if found is not None and found[0] in ("Patient", "") and found[1] != patient.get("id"):
                return found[1]
    return ""


def _kind(identifier: Resource) -> str:
    for coding in mappings(mapping(identifier.get("type")).get("coding")):
        return text(coding.get("code"))
    return ""


def _name(name: Resource) -> PersonName:
    given = name.get("given")
    parts = given if isinstance(given, list) else [given]
    return PersonName(
        family=text(name.get("family")),
        given=" ".join(filter(None, map(text, parts))),
        text=text(name.get("text")),
    )


def _district(patient: Resource) -> str:
    for address in mappings(patient.get("address")):
        return text(address.get("district")) or text(address.get("city"))
    return ""
