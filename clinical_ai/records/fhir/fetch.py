"""All that a server has of one patient, and whom it knows under a number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from clinical_ai.records.elements import mappings
from clinical_ai.records.fhir.client import FhirClient
from clinical_ai.records.fhir.errors import FhirNotFoundError, FhirStatusError
from clinical_ai.records.fhir.resources import (
    Resource,
    is_about,
    named_in,
    own_reference,
    reference_to,
)

RECORD_TYPES = (
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "FamilyMemberHistory",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Procedure",
    "RiskAssessment",
)
"""Types of resource that are asked for beside the Patient."""

_MOST_UNFILTERED = 2000  # resources looked through where a server cannot search by patient
_MOST_PATIENTS = 200
_MOST_MERGED = 10
_IDS_AT_ONCE = 50
# Where a server answers so, it does not offer the type, or not to us; the others may be had.
_NOT_OFFERED = frozenset({400, 403, 404, 405, 422, 501})
_UNKNOWN_PARAMETER = frozenset({400, 422})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FetchedRecord:
    """What a server has of a patient.

    Parameters
    ----------
    resources
        The Patient first, then those merged with it; with the Medication resources that others
        refer to.
    missing
        Types that the server does not offer, or did not give whole: that nothing of the type
        is there says nothing.
    """

    resources: tuple[Resource, ...]
    missing: tuple[str, ...]


async def patient_resources(client: FhirClient, patient_id: str) -> list[Resource]:
    """Return the resources of `fetch_patient`, without what is missing."""
    return list((await fetch_patient(client, patient_id)).resources)


async def fetch_patient(client: FhirClient, patient_id: str) -> FetchedRecord:
    """Return all that a server has of a patient, and of Patients that were merged with this one.

    Whatever the server gives, what is about another patient, or about nobody, is left out.

    Raises
    ------
    FhirNotFoundError
        If there is no such Patient.
    FhirError
        If the server does not answer.
    """
    resources = await _merged(client, patient_id)
    missing = []
    for person in [str(one["id"]) for one in resources]:
        for resource_type in RECORD_TYPES:
            kept, whole = await _of_type(client, resource_type, person)
            resources += kept
            if not whole and resource_type not in missing:
                missing.append(resource_type)
    medications, whole = await _medications(client, resources)
    if not whole:
        missing.append("Medication")
    return FetchedRecord((*resources, *medications), tuple(missing))


async def find_patients(
    client: FhirClient, identifier: str, *, system: str = ""
) -> tuple[Resource, ...]:
    """Return the Patients with an identifier, by ``POST Patient/_search``.

    Parameters
    ----------
    identifier
        Its value; matched exactly, whatever the server takes for a match.
    system
        Its system; empty for any.
    """
    value = _escaped(identifier)
    wanted = f"{_escaped(system)}|{value}" if system else value
    found = await client.search("Patient", [("identifier", wanted)], limit=_MOST_PATIENTS)
    return tuple(one for one in found.matches if _has_identifier(one, identifier, system))


async def _merged(client: FhirClient, patient_id: str) -> list[Resource]:
    """Return a Patient, and those that replace it or that it replaces (``Patient.link``).

    When two records are merged, servers differ in which Patient the resources then refer to.
    """
    found = {patient_id: await client.read("Patient", patient_id)}
    waiting = [patient_id]
    while waiting and len(found) < _MOST_MERGED:
        for linked in _links(found[waiting.pop()], client.settings.base_url):
            if linked in found or len(found) >= _MOST_MERGED:
                continue
            try:
                found[linked] = await client.read("Patient", linked)
            except FhirNotFoundError:
                continue
            waiting.append(linked)
    return list(found.values())


def _links(patient: Mapping[str, Any], base_url: str) -> Iterator[str]:
    for link in mappings(patient.get("link")):
        if link.get("type") in ("replaced-by", "replaces"):
            kind, _, linked = own_reference(link.get("other"), frozenset({base_url})).partition("/")
            if kind == "Patient":
                yield linked


async def _of_type(
    client: FhirClient, resource_type: str, patient_id: str
) -> tuple[list[Resource], bool]:
    """Return the resources of a type, and whether they are all."""
    try:
        found = await client.search(resource_type, [("patient", patient_id)])
    except FhirStatusError as error:
        if error.status not in _NOT_OFFERED:
            raise
        if error.status in _UNKNOWN_PARAMETER and error.outcome.has("not-supported"):
            return await _looked_through(client, resource_type, patient_id)
        return [], False
    kept = [one for one in found.matches if is_about(one, patient_id, found.bases)]
    if len(kept) < len(found.matches):
        _log.warning(
            "fhir.search_not_honoured",
            server=client.name,
            type=resource_type,
            left_out=len(found.matches) - len(kept),
        )
    return kept, not found.truncated


async def _looked_through(
    client: FhirClient, resource_type: str, patient_id: str
) -> tuple[list[Resource], bool]:
    """Look through all resources of a type, for a server that cannot search it by patient."""
    try:
        found = await client.search(resource_type, limit=_MOST_UNFILTERED)
    except FhirStatusError as error:
        if error.status not in _NOT_OFFERED:
            raise
        return [], False
    kept = [one for one in found.matches if is_about(one, patient_id, found.bases)]
    return kept, not found.truncated


async def _medications(
    client: FhirClient, resources: Sequence[Resource]
) -> tuple[list[Resource], bool]:
    """Return the Medication resources that others refer to, and whether they are all there."""
    wanted = sorted({one for resource in resources for one in _medication_ids(resource)})
    found: dict[str, Resource] = {}
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        some = wanted[start : start + _IDS_AT_ONCE]
        try:
            answer = await client.search("Medication", [("_id", ",".join(some))])
        except FhirStatusError as error:
            if error.status not in _NOT_OFFERED:
                raise
            break
        found |= {reference_to(one): one for one in answer.matches if one.get("id") in some}
    return list(found.values()), len(found) == len(wanted)


def _medication_ids(resource: Mapping[str, Any]) -> Iterator[str]:
    value = resource.get("medicationReference")
    reference = value.get("reference") if isinstance(value, Mapping) else None
    if isinstance(reference, str):
        kind, _, resource_id = named_in(reference)[0].partition("/")
        if kind == "Medication":
            yield resource_id


def _has_identifier(patient: Mapping[str, Any], value: str, system: str) -> bool:
    identifiers = patient.get("identifier")
    return any(
        isinstance(one, Mapping)
        and one.get("value") == value
        and (not system or one.get("system") == system)
        for one in (identifiers if isinstance(identifiers, list) else ())
    )


def _escaped(value: str) -> str:
    r"""Return a value for a token parameter: ``\``, ``|``, ``,`` and ``$`` mean something there."""
    for mark in "\\|,$":
        value = value.replace(mark, f"\\{mark}")
    return value
