"""Data types of FHIR R4 (hl7.org/fhir/R4/datatypes.html) as the JSON that resources hold.

Plain dictionaries, not model classes: of the versions that the `fhir.resources` models know,
none is R4 itself, and they let any word pass as a status. What is written is checked by
`checks`, and in our tests by two independent validators.
"""

import html
import math
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from datetime import time as clock_time
from typing import Any

from clinical_ai.codes import PRIVATE_SCHEME, Code
from clinical_ai.errors import ReportError
from clinical_ai.identifiers import derive_uid, derive_uuid
from clinical_ai.texts import Texts

Element = dict[str, Any]
Resource = dict[str, Any]

# DICOM scheme designator -> URI of the code system (hl7.org/fhir/R4/terminologies-systems.html;
# RadLex as HL7's terminology server and its national guides name it).
CODE_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "RADLEX": "http://radlex.org",
    "UCUM": "http://unitsofmeasure.org",
    "UMLS": "http://www.nlm.nih.gov/research/umls",
    PRIVATE_SCHEME: f"urn:oid:{derive_uid('fhir', 'code system')}",
}
UCUM = CODE_SYSTEMS["UCUM"]
# Our own identifiers and account names; OIDs of the form that PS3.5 B.2 makes from a UUID.
IDENTIFIERS = f"urn:oid:{derive_uid('fhir', 'identifiers')}"
ACCOUNTS = f"urn:oid:{derive_uid('fhir', 'accounts')}"
MANIFESTS = f"urn:oid:{derive_uid('fhir', 'sha256 of manifests')}"
CONTENT_VERSIONS = f"urn:oid:{derive_uid('fhir', 'content versions')}"
DICOM_UID = "urn:dicom:uid"  # system of identifiers that are UIDs (FHIR R4, ImagingStudy)
_DECIMALS = 4
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def resource_id(kind: str, *parts: str) -> str:
    """Return the id of a resource of ours: the same for the same parts."""
    return str(derive_uuid("fhir", kind, *parts))


def new_resource(kind: str, *parts: str) -> Resource:
    """Return an empty resource with its id, and the identifier that equals it."""
    identity = resource_id(kind, *parts)
    return {
        "resourceType": kind,
        "id": identity,
        "identifier": [identifier(IDENTIFIERS, identity)],
    }


def reference_to(resource: Resource) -> Element:
    """Return a reference to a resource of the same bundle."""
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def logical_reference(kind: str, of: Element, display: str = "") -> Element:
    """Return a reference to something that is known by a business identifier only."""
    found: Element = {"type": kind, "identifier": of}
    return {**found, "display": display} if display else found


def identifier(system: str, value: str, **more: Element) -> Element:
    """Return an Identifier."""
    return {**more, "system": system, "value": value} if system else {**more, "value": value}


def dicom_uid(uid: str) -> Element:
    """Return a DICOM UID as an Identifier."""
    return identifier(DICOM_UID, f"urn:oid:{uid}")


def coding(code: Code) -> Element:
    """Return a Coding.

    The display of LOINC codes is left out: LOINC's own names are longer than DICOM allows, and
    what the code means is the text beside it.
    """
    found = {"system": CODE_SYSTEMS[code.scheme], "code": code.value}
    return found if code.scheme == "LN" else {**found, "display": code.meaning}


def concept(code: Code, texts: Texts) -> Element:
    """Return a CodeableConcept: the code as published, its meaning in the reader's language."""
    return {"coding": [coding(code)], "text": texts.code(code)}


def quantity(value: float, unit: Code) -> Element:
    """Return a Quantity in UCUM.

    Raises
    ------
    ReportError
        When the value is no finite number.
    """
    return {
        "value": decimal(value),
        "unit": unit.value,
        "system": UCUM,
        "code": unit.value,
    }


def decimal(value: float) -> float | int:
    """Return a number with four decimals at most.

    Raises
    ------
    ReportError
        When it is not finite: JSON has no way to say that.
    """
    if not math.isfinite(value):
        raise ReportError(f"the value {value!r} is no finite number; FHIR cannot hold it")
    rounded = round(value, _DECIMALS)
    return int(rounded) if rounded == int(rounded) else rounded


def instant(moment: datetime) -> str:
    """Return a time with its zone, to the second (FHIR ``instant`` and ``dateTime``).

    Raises
    ------
    ReportError
        When it has no zone.
    """
    if moment.tzinfo is None:
        raise ReportError(f"the time {moment.isoformat()} has no zone; FHIR needs one")
    return moment.isoformat(timespec="seconds")


def dicom_day(text: str) -> date | None:
    """Return a DICOM date (PS3.5, VR DA: eight digits); None if it is none."""
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{8}", digits):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def dicom_moment(day: str, time: str) -> str:
    """Return a DICOM date and time as a FHIR ``dateTime``; empty if the date is none.

    A time without a zone is local (PS3.3 C.12.1.1.8).
    """
    found = dicom_day(day)
    if found is None:
        return ""
    digits = re.fullmatch(r"([0-9]{2})([0-9]{2})([0-9]{2})?(\.[0-9]{1,6})?", time.strip())
    if digits is None:
        return found.isoformat()
    try:
        clock = clock_time(int(digits[1]), int(digits[2]), int(digits[3] or 0))
        return instant(datetime.combine(found, clock).astimezone())
    except (ValueError, OverflowError):  # no such time, or a year that has no zone
        return found.isoformat()


def annotation(text: str) -> Element:
    """Return an Annotation."""
    return {"text": text}


def notes(texts: Iterable[str]) -> list[Element]:
    """Return one Annotation for each text that is not empty, none twice."""
    return [annotation(text) for text in dict.fromkeys(texts) if text]


def narrative(lines: Sequence[str]) -> Element:
    """Return what a person reads of a resource, one paragraph a line."""
    inside = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line.strip())
    return {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{inside or "<p>-</p>"}</div>',
    }


def day_after(start: date, months: int) -> date:
    """Return the same day `months` later, or the last day of that month."""
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    for day in (start.day, 30, 29, 28):
        try:
            return date(year, month + 1, day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def without_empty(resource: Resource) -> Resource:
    """Return `resource` without control characters, and without the empty values that FHIR forbids.

    Texts of DICOM headers may hold anything; FHIR strings hold no control characters but tab
    and line ends.
    """
    kept = {name: _pruned(value) for name, value in resource.items()}
    return {name: value for name, value in kept.items() if value not in ("", [], {}, None)}


def cleaned(text: str) -> str:
    """Return `text` without control characters and blanks around it."""
    return _CONTROL.sub("", text).strip()


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return without_empty(value)
    if isinstance(value, list):
        pruned = [_pruned(item) for item in value]
        return [item for item in pruned if item not in ("", [], {}, None)]
    return cleaned(value) if isinstance(value, str) else value
