"""Resources as JSON objects, and the references between them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from clinical_ai.records.elements import mapping
from clinical_ai.records.fhir.errors import FhirError

Resource = dict[str, Any]
"""A FHIR resource as parsed JSON."""

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")  # FHIR R4, datatype id
_REFERENCE = re.compile(
    r"(?:(?P<base>https?://[^\s?#]+)/)?(?P<type>[A-Z][A-Za-z]{1,63})/(?P<id>[A-Za-z0-9.-]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9.-]{1,64}))?"
)
# Where a resource says whom it is about (FHIR R4, compartment Patient).
_SUBJECTS = ("subject", "patient", "for", "individual")


def checked_type(resource_type: str) -> str:
    """Return a resource type that may stand in a URL.

    Raises
    ------
    FhirError
        If it is none.
    """
    if not _TYPE.fullmatch(resource_type):
        raise FhirError(f"{resource_type!r} is no resource type")
    return resource_type


def checked_id(resource_id: str) -> str:
    """Return an id that may stand in a URL.

    Raises
    ------
    FhirError
        If it is none; the id is not told.
    """
    if not _ID.fullmatch(resource_id) or set(resource_id) == {"."}:
        raise FhirError("an id of a resource has characters that FHIR does not allow")
    return resource_id


def reference_to(resource: Mapping[str, Any]) -> str:
    """Return ``Type/id`` of a resource."""
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def named_in(location: str) -> tuple[str, str | None]:
    """Return ``Type/id``, and the version if told, of a Location or reference; empty if none."""
    found = _REFERENCE.fullmatch(location.strip())
    if found is None:
        return "", None
    return f"{found['type']}/{found['id']}", found["version"]


def is_about(resource: Mapping[str, Any], patient_id: str, bases: Iterable[str]) -> bool:
    """Whether a resource says that it is about a patient, or is the patient.

    Servers that do not know a search parameter may ignore it, and give everybody's data.

    Parameters
    ----------
    bases
        Base URLs of the server: of our settings, and as it calls itself. A reference to
        another server is another patient, whatever its id.
    """
    if resource.get("resourceType") == "Patient":
        return resource.get("id") == patient_id
    wanted, known = f"Patient/{patient_id}", frozenset(bases)
    return any(own_reference(resource.get(name), known) == wanted for name in _SUBJECTS)


def own_reference(value: object, bases: frozenset[str]) -> str:
    """Return ``Type/id`` of a Reference to the same server; empty for any other value."""
    reference = mapping(value).get("reference")
    found = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
    if found is None or (found["base"] is not None and found["base"] not in bases):
        return ""
    return f"{found['type']}/{found['id']}"


def content_of(resource: Mapping[str, Any]) -> Resource:
    """Return a resource without what the server adds: version and time of the last change."""
    meta = {
        key: value
        for key, value in mapping(resource.get("meta")).items()
        if key not in ("versionId", "lastUpdated")
    }
    rest = {key: value for key, value in resource.items() if key != "meta"}
    return {**rest, "meta": meta} if meta else rest
