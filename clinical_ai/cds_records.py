"""Where the record behind a hook call comes from: the call itself, a known FHIR server, our store.

No address that a call names is ever called, unless it is the base URL of a server in
``fhir_servers``: an open one would let any caller reach into the hospital's network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import anyio
import structlog
from anyio import to_thread

from clinical_ai.decision_support.hook_request import HookRequest
from clinical_ai.decision_support.prefetch import (
    Prefetched,
    Query,
    as_prefetch,
    query_of,
    read_prefetch,
)
from clinical_ai.errors import DecisionSupportError, FhirError
from clinical_ai.fhir_settings import LOCAL, BearerAuth, FhirServerSettings
from clinical_ai.imaging_facts import imaging_facts
from clinical_ai.records.extract import clinical_record
from clinical_ai.records.fhir.client import FhirClient
from clinical_ai.records.record import ClinicalRecord, ImagingFact
from clinical_ai.records.store import RecordStore
from clinical_ai.services import Services

_log = structlog.get_logger(__name__)

PREFETCH = "prefetch"
"""Origin of facts that came with the call."""
_MOST_FETCHED = 1000
"""Resources of one query; what is older than these is named as missing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What came with a call, and where the rest may be asked for.

    Parameters
    ----------
    server
        Name of the FHIR server of the settings that the call names; None where it names none,
        or one that is not known.
    use_store
        Our own record store may stand in: the call names no FHIR server, or a known one, whose
        patients the store's are.
    """

    prefetched: Prefetched
    server: str | None
    use_store: bool


def plan_for(request: HookRequest, servers: Mapping[str, FhirServerSettings]) -> Plan:
    """Decide where the record comes from; asks nobody yet."""
    prefetched = read_prefetch(request.hook, request.prefetch, request.patient)
    server = known_server(request.fhir_server, servers)
    return Plan(prefetched, server, use_store=request.fhir_server is None or server is not None)


def known_server(url: str | None, servers: Mapping[str, FhirServerSettings]) -> str | None:
    """Return the name of the server with this base URL, if the settings have it for reading."""
    if url is None:
        return None
    wanted = url.rstrip("/")
    for name, server in servers.items():
        if server.base_url.rstrip("/") == wanted and "read" in server.roles:
            return name
    return None


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is known of the patient for one call.

    Parameters
    ----------
    origin
        `PREFETCH`, ``"local"``, or the name of a FHIR server.
    missing
        Prefetch keys that nobody answered.
    """

    record: ClinicalRecord
    origin: str
    missing: tuple[str, ...] = ()

    def with_imaging(self, ours: tuple[ImagingFact, ...]) -> ClinicalRecord:
        """Return the record with results of our own readings beside its own."""
        both = sorted((*self.record.imaging, *ours), key=lambda fact: fact.on or date.min)
        return replace(self.record, imaging=tuple(both))


class RecordSource:
    """Gathers the record behind a call.

    Parameters
    ----------
    services
        Whose settings name FHIR servers, and whose database holds the record store.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._servers = services.settings.fhir_servers
        self._seconds = services.settings.cds.fetch_seconds
        self._store = RecordStore(services.engine)

    async def gather(self, request: HookRequest) -> Gathered:
        """Return what can be had, asking no more than is missing.

        Raises
        ------
        DecisionSupportError
            When the Patient cannot be had at all.
        RecordError
            When several sources of the store know this patient id.
        """
        plan = plan_for(request, self._servers)
        sent = plan.prefetched
        if plan.server is not None and sent.missing:
            fetched = await self._fetched(plan.server, request, sent.missing)
            sent = read_prefetch(request.hook, {**request.prefetch, **fetched}, request.patient)
        # What a client of no known server sent is not mixed with ours: an id of ours may be
        # another patient's there.
        if sent.has_patient:
            origin = plan.server or PREFETCH
            make = partial(
                clinical_record,
                sent.resources,
                origin=origin,
                person=request.patient,
                complete=not sent.missing,
            )
            return Gathered(await to_thread.run_sync(make), origin, sent.missing)
        stored = None
        if plan.use_store:
            read = partial(self._store.record, request.patient, origin=plan.server)
            stored = await to_thread.run_sync(read)
        if stored is None:
            raise DecisionSupportError(_cure(request))
        return Gathered(stored, plan.server or LOCAL)

    def our_imaging(self, gathered: Gathered) -> tuple[ImagingFact, ...]:
        """Return what our own readings say of the patient; blocks.

        Of a patient who came by prefetch alone nothing is known: whose images those are is
        decided by the record store.
        """
        if gathered.origin == PREFETCH:
            return ()
        origin = None if gathered.origin == LOCAL else gathered.origin
        return imaging_facts(self._services, gathered.record.person, origin)

    async def _fetched(
        self, server: str, request: HookRequest, keys: tuple[str, ...]
    ) -> dict[str, dict[str, Any]]:
        """What a known server answers to the templates of these keys, in the time there is."""
        settings = self._servers[server]
        lent = request.fhir_authorization
        if lent is not None:
            auth = BearerAuth(type="bearer", token=lent.access_token)
            settings = settings.model_copy(update={"auth": auth})
        found: dict[str, dict[str, Any]] = {}

        async def ask(client: FhirClient, key: str) -> None:
            query = query_of(request.hook, key, request.patient)
            try:
                found[key] = await _answer_of(client, query)
            except FhirError as error:
                _log.warning("cds.not_fetched", server=server, key=key, error=type(error).__name__)

        with anyio.move_on_after(self._seconds):
            async with (
                FhirClient(server, settings, attempts=1) as client,
                anyio.create_task_group() as tasks,
            ):
                for key in keys:
                    tasks.start_soon(ask, client, key)
        return found


async def _answer_of(client: FhirClient, query: Query) -> dict[str, Any]:
    if query.id is not None:
        return dict(await client.read(query.resource_type, query.id))
    answer = await client.search(
        query.resource_type, query.parameters, strict=False, limit=_MOST_FETCHED
    )
    return as_prefetch(answer.matches, more=answer.truncated)


def _cure(request: HookRequest) -> str:
    """Why there is no record; names no value of the call."""
    if request.fhir_server is None:
        return (
            "the call has no prefetch of the Patient and names no fhirServer, and the record "
            "store does not know the patient: send prefetch, or import the record"
        )
    return (
        "the Patient did not come by prefetch, and could not be fetched: fhirServer must be the "
        "base_url of one of fhir_servers in the settings of this site"
    )
