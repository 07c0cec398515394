"""How a resource is kept: its row, and which of two versions is the newer; pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from clinical_ai.records.elements import Resource, is_id, is_type, mapping, moment, reference, text
from clinical_ai.records.extract import USED_TYPES
from clinical_ai.records.patients import demographics_of, replaced_by
from clinical_ai.records.record import Demographics, Identifier, PersonName
from pacs_bridge.text import fold_name

Key = tuple[str, str]
"""Type and id of a resource."""

_ABOUT = ("subject", "patient", "beneficiary")
"""Elements that name the patient a resource is about (FHIR R4 compartment of Patient)."""
_NEED_A_PATIENT = frozenset(USED_TYPES)
"""Without a patient no record would ever show them."""


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """A resource, ready to be written.

    Parameters
    ----------
    person
        Id of the Patient it is about, None if it is about none.
    updated_at
        meta.lastUpdated as UTC epoch seconds.
    digest
        Of `body`, hexadecimal; empty where the source has deleted it.
    """

    type: str
    id: str
    person: str | None
    updated_at: float | None
    version_id: str | None
    digest: str
    body: bytes | None

    @property
    def key(self) -> Key:
        """Type and id."""
        return self.type, self.id


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """What is kept of a resource, as far as a newer version needs to know."""

    updated_at: float | None
    version_id: str | None
    digest: str


def resource_row(resource: object) -> ResourceRow | str:
    """Return the row of a resource, or the reason why it cannot be kept."""
    if not isinstance(resource, Mapping):
        return "not a JSON object"
    if not is_type(resource.get("resourceType")):
        return "no resourceType"
    if not is_id(resource.get("id")):
        return "no id, or one that FHIR does not allow (letters, digits, - and ., 64 at most)"
    person = person_of(resource)
    if person is None and resource["resourceType"] in _NEED_A_PATIENT:
        return "names no patient that it is about"
    try:
        body = orjson.dumps(resource)
    except TypeError:  # orjson.JSONEncodeError
        return "nested too deep, a number too large, or text that is no Unicode"
    meta = mapping(resource.get("meta"))
    updated = moment(meta.get("lastUpdated"))
    version = text(meta.get("versionId"), 64)
    return ResourceRow(
        type=str(resource["resourceType"]),
        id=str(resource["id"]),
        person=person,
        updated_at=None if updated is None else updated.timestamp(),
        version_id=version or None,
        digest=hashlib.blake2b(body, digest_size=16).hexdigest(),
        body=body,
    )


def person_of(resource: Resource) -> str | None:
    """Id of the Patient that a resource is or is about, None if it names none."""
    if resource.get("resourceType") == "Patient":
        return str(resource["id"]) if is_id(resource.get("id")) else None
    for name in _ABOUT:
        found = reference(resource.get(name))
        if found is not None and found[0] in ("Patient", ""):
            return found[1]
    return None


def is_newer(row: ResourceRow, kept: StoredVersion) -> bool:
    """Whether a version that comes in replaces the one that is kept.

    By meta.lastUpdated where both have one, then by a numeric meta.versionId where both have
    one. Where neither tells, the one that comes later counts.
    """
    incoming, present = row.updated_at, kept.updated_at
    if incoming is not None and present is not None and incoming != present:
        return incoming > present
    new, old = _count(row.version_id), _count(kept.version_id)
    return new is None or old is None or new >= old


def _count(version: str | None) -> int | None:
    return int(version) if version is not None and version.isascii() and version.isdigit() else None


def person_row(patient: Resource) -> dict[str, str]:
    """Columns of a Patient's row in the index of persons, without origin."""
    who = demographics_of(patient)
    return {
        "person": str(patient["id"]),
        "birth_date": "" if who.birth_date is None else who.birth_date.isoformat(),
        "sex": who.sex or "",
        "name_folded": folded_names(who),
        "body": orjson.dumps(who).decode(),
        "replaced_by": replaced_by(patient),
    }


def folded_names(who: Demographics) -> str:
    """All names of a person as they are searched: without case and accents."""
    words = dict.fromkeys(
        fold(word)
        for name in who.names
        for word in (f"{name.family} {name.given}", name.text)
        if word.strip()
    )
    return "\n".join(words)


def fold(words: str) -> str:
    """Words without case, accents and width variants, one blank between them."""
    return " ".join(fold_name(words.replace("=", " ").replace("\\", " ")).rstrip("=").split())


def demographics_from(body: str) -> Demographics:
    """Read `person_row`'s body back."""
    said: dict[str, Any] = orjson.loads(body)
    born = said["birth_date"]
    return Demographics(
        identifiers=tuple(Identifier(**one) for one in said["identifiers"]),
        names=tuple(PersonName(**one) for one in said["names"]),
        birth_date=None if born is None else date.fromisoformat(born),
        sex=said["sex"],
        deceased=said["deceased"],
        district=said["district"],
    )
