"""Communication: an urgent finding, told at once, and later that a clinician has seen it."""

from clinical_ai.findings import Reading
from clinical_ai.reports import identity
from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.devices import software_device
from clinical_ai.reports.fhir.elements import (
    Element,
    Resource,
    instant,
    new_resource,
    reference_to,
)
from clinical_ai.reports.fhir.people import practitioner
from clinical_ai.reports.fhir.told import Told
from clinical_ai.reports.signing import Signer


def urgent_communication(
    told: Told, reading: Reading, about: list[Resource], lines: list[str], signer: Signer | None
) -> Resource:
    """Return the alert of an urgent reading.

    It is in progress until a clinician signs: that nobody has seen it must not look like done.

    Parameters
    ----------
    about
        The report or the Observations that are urgent.
    lines
        What is urgent, in words.
    """
    resource: Resource = {
        **new_resource("Communication", reading.id),
        "status": "in-progress" if signer is None else "completed",
        "category": [hl7.ALERT.concept],
        "priority": "urgent",
        "subject": told.patient.subject(),
        "about": [reference_to(r) for r in about],
        "sent": instant(identity.reading_time(reading)),
        "sender": reference_to(software_device()),
        "payload": [{"contentString": line} for line in lines],
    }
    if signer is not None:
        resource |= _received(signer)
    return resource


def _received(signer: Signer) -> Element:
    return {"received": instant(signer.moment), "recipient": [practitioner(signer)]}
