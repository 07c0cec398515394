"""Our own checks of the resources that we write; what general validators do not look at.

Validators know the shape of FHIR, not our promises: codes that must be there, references that
lead somewhere, numbers that can be true, and no final report without the name of a person.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clinical_ai.reports.fhir.elements import UCUM, Resource

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LOCAL_REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:\S+")

# What each kind must hold, beyond what R4 itself asks for.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "ImagingStudy": ("identifier", "status", "subject"),
    "Observation": (
        "identifier",
        "status",
        "category",
        "code",
        "subject",
        "device",
        "derivedFrom",
        "valueCodeableConcept",
    ),
    "DiagnosticReport": (
        "identifier",
        "status",
        "category",
        "code",
        "subject",
        "issued",
        "imagingStudy",
        "conclusion",
    ),
    "RiskAssessment": ("identifier", "status", "method", "subject", "occurrenceDateTime"),
    "Device": ("identifier", "deviceName", "version", "manufacturer"),
    "Provenance": ("target", "recorded", "agent", "activity"),
    "ServiceRequest": ("identifier", "status", "intent", "code", "subject", "requester"),
    "Task": ("identifier", "status", "intent", "code", "focus", "for"),
    "CarePlan": ("identifier", "status", "intent", "title", "subject"),
    "Goal": ("identifier", "lifecycleStatus", "description", "subject"),
    "AuditEvent": ("type", "action", "recorded", "outcome", "agent", "source", "entity"),
    "Communication": ("identifier", "status", "priority", "subject", "payload"),
}
STATUSES: Mapping[str, tuple[str, ...]] = {
    "ImagingStudy": ("available",),
    "Observation": ("preliminary", "final", "entered-in-error"),
    "DiagnosticReport": ("preliminary", "final", "corrected"),
    "RiskAssessment": ("preliminary", "cancelled", "final"),
    "ServiceRequest": ("draft", "active", "entered-in-error"),
    "Task": ("requested", "completed", "entered-in-error"),
    "Communication": ("in-progress", "completed", "entered-in-error"),
    "Device": ("active",),
}
_SIGNED = ("final", "corrected", "amended", "appended")
# Kinds whose origin a Provenance of the same bundle must tell
_OF_AI = ("Observation", "DiagnosticReport", "RiskAssessment", "ServiceRequest", "Communication")
_TIMES = (
    "effectiveDateTime",
    "issued",
    "recorded",
    "occurredDateTime",
    "occurrenceDateTime",
    "authoredOn",
    "lastModified",
    "started",
    "sent",
    "received",
    "start",
    "end",
    "dueDate",
    "startDate",
)
# Elements that name what the receiver holds already
_OF_THE_RECEIVER = ("subject", "for", "basis", "entity", "addresses")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that must not be sent.

    Parameters
    ----------
    where
        Kind, id and element; never a patient's value.
    """

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


def faults(resources: Sequence[Resource]) -> tuple[Fault, ...]:
    """Return what is wrong with the resources of one bundle; references are ``Type/id``."""
    known = {f"{r.get('resourceType')}/{r.get('id')}" for r in resources}
    found: list[Fault] = []
    for resource in resources:
        found += _shape(resource)
        found += [_at(resource, name, problem) for name, problem in _times(resource)]
        for path, element in _elements(resource, ""):
            found += [_at(resource, path, problem) for problem in _element(path, element, known)]
            found += [_at(resource, f"{path}.{n}", problem) for n, problem in _times(element)]
    return (*found, *_duplicates(resources), *_persons(resources), *_origins(resources))


def _at(resource: Resource, path: str, problem: str) -> Fault:
    name = f"{resource.get('resourceType')}/{resource.get('id')}"
    return Fault(f"{name} {path}".rstrip(), problem)


def _shape(resource: Resource) -> Iterator[Fault]:
    kind = resource.get("resourceType", "")
    if kind not in REQUIRED:
        yield _at(resource, "", f"{kind!r} is no kind of resource that is written here")
        return
    if not _ID.fullmatch(str(resource.get("id", ""))):
        yield _at(resource, "id", "is no FHIR id")
    for name in REQUIRED[kind]:
        if not resource.get(name):
            yield _at(resource, name, "is missing")
    allowed = STATUSES.get(kind)
    if allowed is not None and resource.get("status") not in allowed:
        yield _at(resource, "status", f"{resource.get('status')!r} is none of {', '.join(allowed)}")
    if kind == "ServiceRequest" and resource.get("intent") != "proposal":
        yield _at(resource, "intent", "only a clinician may order; the intent must be proposal")


def _elements(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object inside a resource with its path, without positions in lists."""
    if isinstance(value, dict):
        if path:
            yield path, value
        for name, inner in value.items():
            yield from _elements(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield from _elements(item, path)


def _times(element: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and problem of each time of an element that is none."""
    for name in _TIMES:
        problem = _time_problem(str(element[name])) if name in element else ""
        if problem:
            yield name, problem


def _time_problem(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return "is no date or time"
    return "has no zone" if "T" in text and moment.tzinfo is None else ""


def _element(path: str, element: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    last = path.rsplit(".", 1)[-1]
    if last in ("coding", "tag", "security") and not (
        element.get("system") and element.get("code")
    ):
        yield "a code needs both its system and its value"
    if last == "identifier" and not element.get("value"):
        yield "an identifier without a value identifies nothing"
    if "coding" in element and not element["coding"]:
        yield "has an empty list of codes"
    if "system" in element and not _ABSOLUTE.fullmatch(str(element["system"])):
        yield f"the system {element['system']!r} is no URI"
    if "reference" in element:
        yield from _reference(path, str(element["reference"]), known)
    elif last in ("subject", "who", "focus", "requester") and not (
        element.get("identifier") or element.get("display")
    ):
        yield "refers to nothing: neither a reference nor an identifier"
    if "value" in element and "code" in element and "system" in element:
        yield from _quantity(element)
    if "start" in element and "end" in element and str(element["start"]) > str(element["end"]):
        yield "ends before it starts"
    if last == "prediction":
        yield from _prediction(element)
    if last in ("code", "type") and not any(element.get(n) for n in ("coding", "text", "code")):
        yield "has neither a code nor a text"


def _reference(path: str, reference: str, known: set[str]) -> Iterator[str]:
    if reference in known:
        return
    if not _LOCAL_REFERENCE.fullmatch(reference):
        yield f"the reference is neither Type/id nor part of the bundle ({len(reference)} letters)"
    elif path.split(".")[0] not in _OF_THE_RECEIVER:
        yield f"the {reference.split('/')[0]} it refers to is not in the bundle"


def _quantity(element: Mapping[str, Any]) -> Iterator[str]:
    value = element["value"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        yield "the value is no finite number"
    if element["system"] != UCUM:
        yield "the unit is not of UCUM"


def _prediction(element: Mapping[str, Any]) -> Iterator[str]:
    value = element.get("probabilityDecimal")
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100
    ):
        yield "the probability is not between 0 and 100 per cent"
    if not element.get("outcome"):
        yield "says of no outcome how probable it is"
    ages = element.get("whenRange")
    if ages and not ages.get("low", {}).get("value", 0) < ages.get("high", {}).get("value", 0):
        yield "the ages are not in order"


def _duplicates(resources: Sequence[Resource]) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for resource in resources:
        name = (str(resource.get("resourceType")), str(resource.get("id")))
        if name in seen:
            yield _at(resource, "id", "is in the bundle twice")
        seen.add(name)


def _persons(resources: Sequence[Resource]) -> Iterator[Fault]:
    """Yield what is called final without the name of a person."""
    reported: set[str] = set()
    for resource in resources:
        if resource.get("resourceType") != "DiagnosticReport":
            continue
        signed = resource.get("status") in _SIGNED
        people = _named(resource, "resultsInterpreter") and _named(resource, "performer")
        if signed and not people:
            yield _at(resource, "resultsInterpreter", "a final report needs a named clinician")
        if signed and people:
            reported |= {str(r.get("reference")) for r in resource.get("result", [])}
    for resource in resources:
        name = f"{resource.get('resourceType')}/{resource.get('id')}"
        if resource.get("status") not in _SIGNED or resource.get("resourceType") not in (
            "Observation",
            "RiskAssessment",
        ):
            continue
        if name not in reported and not _named(resource, "performer"):
            yield _at(resource, "status", "is final, but no clinician has reported it")


def _named(resource: Resource, element: str) -> bool:
    held = resource.get(element, [])
    people = held if isinstance(held, list) else [held]
    return any(p.get("type") == "Practitioner" and p.get("display") for p in people)


def _origins(resources: Sequence[Resource]) -> Iterator[Fault]:
    """Yield what an AI made without a Provenance that says so."""
    told = {
        str(target.get("reference"))
        for r in resources
        if r.get("resourceType") == "Provenance"
        for target in r.get("target", [])
    }
    for resource in resources:
        name = f"{resource.get('resourceType')}/{resource.get('id')}"
        if (
            resource.get("resourceType") in _OF_AI
            and resource.get("status") != "entered-in-error"
            and name not in told
        ):
            yield _at(resource, "", "has no Provenance in the bundle")
