"""Care plans of the people on pathways, queued for the FHIR server that their record is from."""

import hashlib

from clinical_ai.errors import RecordError
from clinical_ai.follow_up import Standing
from clinical_ai.records.outgoing import enqueue_transaction
from clinical_ai.reports.fhir.bundle import as_json, transaction
from clinical_ai.reports.fhir.elements import Resource
from clinical_ai.reports.fhir.pathway_plan import plan_of_pathway
from clinical_ai.reports.fhir.told import PatientLink
from clinical_ai.services import Services
from clinical_ai.store.audit import record_event
from clinical_ai.texts import Language
from pacs_bridge.database import writing


def plan_resources(found: Standing, language: Language) -> tuple[Resource, ...]:
    """Return CarePlans and Goals of the pathways that a person is on; empty if on none."""
    patient = PatientLink(reference=f"Patient/{found.who.person}")
    on_pathway = [state for state in found.states if state.place == "on"]
    return tuple(r for s in on_pathway for r in plan_of_pathway(s, patient, language))


def send_care_plan(services: Services, found: Standing, language: Language, username: str) -> bool:
    """Queue the care plan for the server that the record is from; the sending is audited.

    Returns
    -------
    bool
        False if this very plan was queued before.

    Raises
    ------
    RecordError
        If the record is not from a FHIR server that may be written to, or there is no plan.
    """
    server = found.who.origin
    settings = services.settings.fhir_servers.get(server)
    if settings is None or "write" not in settings.roles:
        writable = [n for n, s in services.settings.fhir_servers.items() if "write" in s.roles]
        raise RecordError(
            f"the record is from {server!r}, which is no FHIR server with the role write; "
            f"there are: {', '.join(writable) or 'none'}"
        )
    resources = plan_resources(found, language)
    if not resources:
        raise RecordError("the person is on no pathway, so there is no plan to send")
    bundle = as_json(transaction(resources, client_ids=settings.client_ids))
    digest = hashlib.sha256(bundle).hexdigest()[:32]
    with writing(services.engine) as connection:
        is_new = enqueue_transaction(
            connection,
            server=server,
            key=f"care-plan/{digest}",
            subject=f"care-plan/{found.who.person}",
            bundle=bundle,
        )
        if is_new:
            record_event(
                connection,
                username,
                "care-plan-sent",
                detail=f"{server}/Patient/{found.who.person}",
            )
    return is_new
