"""AuditEvent: what our audit trail says of a study (viewed, decided, signed, exported)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from clinical_ai import codes
from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.devices import software_device
from clinical_ai.reports.fhir.elements import Element, Resource, coding, instant, reference_to
from clinical_ai.reports.fhir.imaging_study import study_reference
from clinical_ai.reports.fhir.people import account_reference
from clinical_ai.reports.fhir.provenance import immutable
from clinical_ai.reports.fhir.told import Told
from clinical_ai.reports.signing import Signer

# Action of the trail -> AuditEvent.type and action (C, R, U, D, E)
_KINDS: dict[str, tuple[Element, str]] = {
    "view": (coding(codes.INSTANCES_ACCESSED), "R"),
    "accept": (hl7.AMEND.coding, "U"),
    "reject": (hl7.AMEND.coding, "U"),
    "sign": (hl7.ATTEST.coding, "U"),
    "deidentified-export": (coding(codes.EXPORT), "R"),
}


@dataclass(frozen=True, slots=True)
class Audited:
    """One event of the audit trail.

    Parameters
    ----------
    at
        Seconds since 1970 UTC.
    action
        As `clinical_ai.store.audit` keeps it; others than those of `told_of` are not sent.
    """

    at: float
    username: str
    action: str
    detail: str = ""


def told_of(action: str) -> bool:
    """Whether a FHIR server is told of such events."""
    return action in _KINDS


def signing(signer: Signer) -> Audited:
    """Return the event of a signature."""
    return Audited(signer.signed_at, signer.username, "sign")


def audit_event(told: Told, event: Audited) -> Resource:
    """Return one event; `told_of` its action must be true."""
    kind, action = _KINDS[event.action]
    uid = told.study.study_instance_uid
    entities: list[Element] = [
        {
            "what": study_reference(told),
            "type": hl7.SYSTEM_OBJECT.coding,
            "role": hl7.REPORT_ROLE.coding,
            "description": f"{event.action} {event.detail}",
        },
        {
            "what": told.patient.subject(),
            "type": hl7.PERSON.coding,
            "role": hl7.PATIENT_ROLE.coding,
        },
    ]
    return {
        **immutable("AuditEvent", uid, event.username, event.action, repr(event.at), event.detail),
        "type": kind,
        "action": action,
        "recorded": instant(datetime.fromtimestamp(event.at, UTC)),
        "outcome": "0",
        "agent": [{"who": account_reference(event.username), "requestor": True}],
        "source": {
            "observer": reference_to(software_device()),
            "type": [hl7.APPLICATION_SERVER.coding],
        },
        "entity": entities,
    }
