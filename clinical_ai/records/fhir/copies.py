"""Copies of patients' records from FHIR servers in the local store, with their age.

Readings work from the copies: a server that is down delays nothing, and the copy says how old
it is.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import anyio
import structlog
from sqlalchemy import Engine, delete, insert, select

from clinical_ai.errors import RecordError, SettingsError
from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.records.fhir.client import FhirClient
from clinical_ai.records.fhir.errors import FhirUnreachableError
from clinical_ai.records.fhir.fetch import (
    RECORD_TYPES,
    FetchedRecord,
    fetch_patient,
    find_patients,
)
from clinical_ai.records.fhir.resources import is_about
from clinical_ai.records.store import RecordStore
from clinical_ai.store.tables import fhir_copy
from pacs_bridge.database import writing

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """The copy of a patient's record.

    Parameters
    ----------
    server, person
        Name of the server, and id of the Patient there.
    copied_at
        Seconds since 1970 UTC.
    missing
        Types of resource that the server did not give whole.
    """

    server: str
    person: str
    copied_at: float
    missing: tuple[str, ...]

    def age_seconds(self, now: float) -> float:
        """Return how old the copy is at `now`, seconds since 1970 UTC."""
        return max(0.0, now - self.copied_at)


class RecordServers:
    """Copies records from the servers with role ``read``; not from within an event loop.

    Parameters
    ----------
    engine
        Database of the local store, which must be migrated.
    servers
        Of the settings, by name.
    seconds
        That a call may take altogether; a server that needs longer counts as not answering.
    """

    def __init__(
        self,
        engine: Engine,
        servers: Mapping[str, FhirServerSettings],
        *,
        seconds: float = 60.0,
    ) -> None:
        self._engine = engine
        self._servers = {name: s for name, s in servers.items() if "read" in s.roles}
        self._seconds = seconds

    @property
    def names(self) -> tuple[str, ...]:
        """Of the servers."""
        return tuple(self._servers)

    def look_for(self, number: str) -> tuple[str, ...]:
        """Copy the Patients with a number from all servers at once, without their records.

        Returns
        -------
        tuple of str
            Names of the servers that did not answer; the log has the reasons.
        """

        async def ask_all() -> list[str | None]:
            return await asyncio.gather(*(self._ask(name, number) for name in self._servers))

        unanswered = asyncio.run(ask_all()) if self._servers else []
        return tuple(name for name in unanswered if name is not None)

    def find(self, server: str, number: str) -> tuple[str, ...]:
        """Return the ids of the Patients of a server that have a number.

        Raises
        ------
        FhirError
            If the server does not answer.
        RecordError
            If no server with role ``read`` has the name.
        """
        found = self._with_client(server, lambda client: find_patients(client, number))
        return tuple(str(one.get("id")) for one in found)

    def refresh(self, server: str, person: str) -> RecordCopy:
        """Copy a patient's record as it is now; what the server no longer has is removed.

        Raises
        ------
        FhirError
            If the server does not answer; the copy stays as it was.
        RecordError
            If no server with role ``read`` has the name.
        """
        fetched = self._with_client(server, lambda client: fetch_patient(client, person))
        copy = RecordCopy(server, person, time.time(), fetched.missing)
        self._keep(copy, fetched)
        _log.info(
            "fhir.record_copied",
            server=server,
            resources=len(fetched.resources),
            missing=len(fetched.missing),
        )
        return copy

    def bring_up_to_date(self, server: str, person: str) -> bool:
        """Refresh a copy if its server answers; returns whether it did, the log has the reason."""
        try:
            self.refresh(server, person)
        except (RecordError, SettingsError) as error:
            _log.warning("fhir.unanswered", server=server, error=type(error).__name__)
            return False
        return True

    def copy(self, server: str, person: str) -> RecordCopy | None:
        """Return what is known of the copy of a patient's record; None if there is none."""
        query = select(fhir_copy).where(fhir_copy.c.server == server, fhir_copy.c.person == person)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return RecordCopy(row.server, row.person, row.copied_at, tuple(row.missing.split()))

    async def _ask(self, name: str, number: str) -> str | None:
        """Copy the Patients that one server has; returns its name if it does not answer."""
        try:
            with anyio.fail_after(self._seconds):
                async with FhirClient(name, self._servers[name]) as client:
                    found = await find_patients(client, number)
        except (RecordError, SettingsError, TimeoutError) as error:
            _log.warning("fhir.unanswered", server=name, error=type(error).__name__)
            return name
        RecordStore(self._engine).put(found, origin=name)
        return None

    def _with_client(self, server: str, work: Callable[[FhirClient], Awaitable[_T]]) -> _T:
        settings = self._servers.get(server)
        if settings is None:
            known = ", ".join(self._servers) or "none"
            raise RecordError(
                f"no FHIR server with role 'read' is named {server!r}; configured: {known}"
            )

        async def run() -> _T:
            try:
                with anyio.fail_after(self._seconds):
                    async with FhirClient(server, settings) as client:
                        return await work(client)
            except TimeoutError as error:
                raise FhirUnreachableError(
                    f"{server} did not answer within {self._seconds:g} s"
                ) from error

        return asyncio.run(run())

    def _keep(self, copy: RecordCopy, fetched: FetchedRecord) -> None:
        store = RecordStore(self._engine)
        now = {(str(r["resourceType"]), str(r.get("id"))) for r in fetched.resources}
        asked = [kind for kind in RECORD_TYPES if kind not in copy.missing]
        before = store.resources(copy.person, asked, origin=copy.server)
        with writing(self._engine) as connection:
            store.put_within(connection, fetched.resources, origin=copy.server)
            connection.execute(
                delete(fhir_copy).where(
                    fhir_copy.c.server == copy.server, fhir_copy.c.person == copy.person
                )
            )
            connection.execute(
                insert(fhir_copy).values(
                    server=copy.server,
                    person=copy.person,
                    copied_at=copy.copied_at,
                    missing=" ".join(copy.missing),
                )
            )
        persons = [name for kind, name in now if kind == "Patient"]
        # The store gives what is referred to as well.
        bases = (self._servers[copy.server].base_url,)
        kept = [
            (str(r["resourceType"]), str(r["id"]))
            for r in before
            if r["resourceType"] in asked and any(is_about(r, one, bases) for one in persons)
        ]
        gone = [key for key in kept if key not in now]
        if gone:
            store.remove(gone, origin=copy.server)
