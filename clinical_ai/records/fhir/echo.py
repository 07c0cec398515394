"""Whether a FHIR server answers us, lets us in, and offers what we need."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.records.fhir.client import FhirClient
from clinical_ai.records.fhir.fetch import RECORD_TYPES
from clinical_ai.records.fhir.resources import Resource

_R4 = "4.0"


@dataclass(frozen=True, slots=True)
class Echo:
    """What a server told.

    Parameters
    ----------
    fhir_version
        For example ``4.0.1``; empty if it does not tell.
    seconds
        For the CapabilityStatement, the sign-in and a search.
    lacking
        What we need and it does not claim to offer, each in words.
    unnamed
        Types of resource of a record that its statement does not name; it may have them still.
    """

    fhir_version: str
    seconds: float
    lacking: tuple[str, ...]
    unnamed: tuple[str, ...] = ()


def echo(name: str, settings: FhirServerSettings) -> Echo:
    """Ask a server what it offers, sign in, and search for a Patient; not within an event loop.

    Nothing of the Patients is asked for but whether there are any.

    Raises
    ------
    FhirError
        If it does not answer, or does not let us in.
    clinical_ai.errors.SettingsError
        If the key or the file of trusted authorities cannot be used.
    """

    async def ask() -> Resource:
        async with FhirClient(name, settings, attempts=1) as client:
            statement = await client.capability()
            # Of one Patient, not even the name: a server's statement is open to all, a search not.
            await client.search("Patient", [("_count", "1"), ("_elements", "id")], limit=1)
            return statement

    begun = time.perf_counter()
    statement = asyncio.run(ask())
    version = statement.get("fhirVersion")
    types = _types(statement) if "read" in settings.roles else {*RECORD_TYPES}
    return Echo(
        version if isinstance(version, str) and len(version) < 20 else "",
        time.perf_counter() - begun,
        tuple(_lacking(statement, settings)),
        tuple(one for one in RECORD_TYPES if one not in types),
    )


def _lacking(statement: Mapping[str, Any], settings: FhirServerSettings) -> Iterator[str]:
    version = statement.get("fhirVersion")
    if not isinstance(version, str) or not version.startswith(_R4):
        yield "FHIR R4 (4.0)"
    rest = [one for one in _objects(statement.get("rest")) if one.get("mode") == "server"]
    interactions = {one.get("code") for r in rest for one in _objects(r.get("interaction"))}
    if "write" in settings.roles and "transaction" not in interactions:
        yield "transactions, without which no results can be written"
    if "read" in settings.roles and "Patient" not in _types(statement):
        yield "Patient, without which no records can be read"


def _types(statement: Mapping[str, Any]) -> set[object]:
    return {
        one.get("type")
        for rest in _objects(statement.get("rest"))
        for one in _objects(rest.get("resource"))
    }


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
