"""Prefetch: what the client is asked to send along, and what of it can be used.

CDS Hooks 2.0, "Prefetch Template"; the queries are FHIR R4 reads and searches.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clinical_ai.decision_support.decide import Hook
from clinical_ai.decision_support.hook_request import is_of_patient

_ID = "{{context.patientId}}"
_ALL = {
    "patient": f"Patient/{_ID}",
    "conditions": f"Condition?patient={_ID}&_count=500",
    "vitals": f"Observation?patient={_ID}&category=vital-signs&_sort=-date&_count=300",
    "laboratory": f"Observation?patient={_ID}&category=laboratory&_sort=-date&_count=500",
    "social": f"Observation?patient={_ID}&category=social-history&_sort=-date&_count=50",
    "imaging": f"Observation?patient={_ID}&category=imaging&_sort=-date&_count=100",
    "medications": f"MedicationRequest?patient={_ID}&status=active,on-hold,completed&_count=300",
    "procedures": f"Procedure?patient={_ID}&_sort=-date&_count=300",
    "family": f"FamilyMemberHistory?patient={_ID}&_count=50",
}
_FOR_ORDERS = ("patient", "conditions", "laboratory", "medications")
TEMPLATES: dict[Hook, dict[str, str]] = {
    "patient-view": _ALL,
    "order-select": {key: _ALL[key] for key in _FOR_ORDERS},
    "order-sign": {key: _ALL[key] for key in _FOR_ORDERS},
}
MAX_RESOURCES = 20_000


@dataclass(frozen=True, slots=True)
class Query:
    """A prefetch template with the patient filled in: a read of `id`, or a search."""

    resource_type: str
    id: str | None
    parameters: tuple[tuple[str, str], ...] = ()


def query_of(hook: Hook, key: str, patient: str) -> Query:
    """Return what the template of a key asks for."""
    path, _, query = TEMPLATES[hook][key].replace(_ID, patient).partition("?")
    resource_type, _, identifier = path.partition("/")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return Query(resource_type, identifier or None, tuple((n, v) for n, _, v in pairs))


def as_prefetch(resources: Iterable[Mapping[str, Any]], *, more: bool) -> dict[str, Any]:
    """Return resources as a client would send them; `more` says that they are not all."""
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": resource} for resource in resources],
    }
    return {**bundle, "link": [{"relation": "next"}]} if more else bundle


_SUBJECTS = ("subject", "patient")


@dataclass(frozen=True, slots=True)
class Prefetched:
    """What came with a call.

    Parameters
    ----------
    resources
        Of this patient.
    missing
        Keys that were not sent, were null or an OperationOutcome, or whose search has more
        pages than came.
    has_patient
        The Patient itself came, and is the one of the context.
    foreign
        Resources left out because they are of another patient, or of none.
    """

    resources: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]
    has_patient: bool
    foreign: int


def read_prefetch(hook: Hook, prefetch: Mapping[str, Any], patient: str) -> Prefetched:
    """Return the resources that came along; nothing in them is trusted."""
    resources: list[dict[str, Any]] = []
    missing: list[str] = []
    foreign = 0
    for key in TEMPLATES[hook]:
        found, whole = _resources(prefetch.get(key))
        if not whole:
            missing.append(key)
        for resource in found[: MAX_RESOURCES - len(resources)]:
            if _is_of(resource, patient):
                resources.append(resource)
            else:
                foreign += 1
    has_patient = any(r.get("resourceType") == "Patient" for r in resources)
    if not has_patient and "patient" not in missing:
        missing.insert(0, "patient")
    return Prefetched(tuple(resources), tuple(missing), has_patient, foreign)


def _resources(value: object) -> tuple[list[dict[str, Any]], bool]:
    """The resources of one prefetch value, and whether they are all there is."""
    if not isinstance(value, dict) or value.get("resourceType") == "OperationOutcome":
        return [], False
    if value.get("resourceType") != "Bundle":
        return [value], True
    links = value.get("link")
    more = isinstance(links, list) and any(
        isinstance(link, dict) and link.get("relation") == "next" for link in links
    )
    entries = value.get("entry", [])
    if not isinstance(entries, list):
        return [], False
    return list(_entries(entries)), not more


def _entries(entries: list[object]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") != "OperationOutcome":
            yield resource


def _is_of(resource: dict[str, Any], patient: str) -> bool:
    if resource.get("resourceType") == "Patient":
        return resource.get("id") == patient
    for name in _SUBJECTS:
        subject = resource.get(name)
        if isinstance(subject, dict):
            return is_of_patient(subject.get("reference"), patient)
    return False
