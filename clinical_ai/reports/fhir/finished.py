"""The last touch on every resource: its words for a person, its label, and nothing empty."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.elements import Element, Resource, narrative, without_empty
from clinical_ai.reports.statements import number

_OF_AI = (
    "Observation",
    "DiagnosticReport",
    "RiskAssessment",
    "ServiceRequest",
    "Task",
    "Communication",
)


def finished(resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """Return resources as they are sent.

    What a machine asserted carries the tag that says so; each has a narrative (R4, dom-6).
    """
    label = {"meta": {"tag": [hl7.DEVICE_ASSERTED.coding]}}
    made = []
    for resource in resources:
        labelled = resource | label if resource["resourceType"] in _OF_AI else resource
        made.append(without_empty({"text": narrative(_lines(labelled)), **labelled}))
    return tuple(made)


def _lines(resource: Resource) -> list[str]:
    describe = _WORDS.get(resource["resourceType"])
    return [] if describe is None else [line for line in describe(resource) if line]


def _observation(resource: Resource) -> Iterator[str]:
    yield f"{_text(resource['code'])}: {_text(resource['valueCodeableConcept'])}"
    yield _text(resource.get("bodySite", {}))
    for component in resource.get("component", []):
        yield f"{_text(component['code'])}: {_value(component)}"
    yield from _notes(resource)


def _request(resource: Resource) -> Iterator[str]:
    yield _text(resource["code"])
    yield from _notes(resource)


def _task(resource: Resource) -> Iterator[str]:
    yield _text(resource["code"])
    yield str(resource["description"])


def _communication(resource: Resource) -> Iterator[str]:
    yield from (str(p["contentString"]) for p in resource["payload"])


def _device(resource: Resource) -> Iterator[str]:
    yield f"{resource['deviceName'][0]['name']} {resource['version'][0]['value']}"
    yield from _notes(resource)


def _study(resource: Resource) -> Iterator[str]:
    yield " ".join(m.get("code", "") for m in resource["modality"])
    yield str(resource.get("started", ""))
    yield str(resource.get("description", ""))
    yield from _notes(resource)


def _provenance(resource: Resource) -> Iterator[str]:
    yield f"{_text(resource['activity'])} {resource['recorded']}"
    yield from (_text(agent["type"]) for agent in resource["agent"])


def _audit(resource: Resource) -> Iterator[str]:
    yield f"{resource['type'].get('display', '')} {resource['recorded']}"


def _notes(resource: Resource) -> Iterator[str]:
    yield from (note["text"] for note in resource.get("note", []))


def _text(concept: Element) -> str:
    """Return what a CodeableConcept says, in words where it has any."""
    said = concept.get("text") or next((c["display"] for c in concept.get("coding", [])), "")
    return str(said)


def _value(component: Element) -> str:
    if "valueQuantity" in component:
        held: Any = component["valueQuantity"]
        return f"{number(held['value'])} {held['unit']}"
    if "valueCodeableConcept" in component:
        return _text(component["valueCodeableConcept"])
    return str(component.get("valueString", ""))


_WORDS: dict[str, Callable[[Resource], Iterator[str]]] = {
    "Observation": _observation,
    "ServiceRequest": _request,
    "Task": _task,
    "Communication": _communication,
    "Device": _device,
    "ImagingStudy": _study,
    "Provenance": _provenance,
    "AuditEvent": _audit,
}
