"""Readings and risks as FHIR R4 resources: pure functions, one transaction Bundle each.

`preliminary_bundle`, `final_bundle` and `risk_bundle` are the way in; docs/fhir.md has the
mapping. Building blocks of care plans are in `care_plan`, checks in `checks`.
"""

from collections.abc import Sequence
from datetime import datetime

from clinical_ai.findings import Reading
from clinical_ai.reports.fhir.audit import Audited
from clinical_ai.reports.fhir.bundle import as_json, transaction, unique
from clinical_ai.reports.fhir.elements import Resource
from clinical_ai.reports.fhir.results import final_resources, preliminary_resources
from clinical_ai.reports.fhir.risk import risk_resources
from clinical_ai.reports.fhir.told import PatientLink, Told
from clinical_ai.reports.signing import Signer, Verdicts
from clinical_ai.risk.profile import RiskProfile
from clinical_ai.texts import Texts

__all__ = [
    "Audited",
    "PatientLink",
    "Resource",
    "Told",
    "as_json",
    "final_bundle",
    "final_resources",
    "preliminary_bundle",
    "preliminary_resources",
    "risk_bundle",
    "risk_resources",
    "transaction",
    "unique",
]


def preliminary_bundle(
    told: Told,
    reading: Reading,
    *,
    earlier: Sequence[Reading] = (),
    report: bool = True,
    client_ids: bool = True,
) -> Resource:
    """Return the transaction of an unsigned reading; see `preliminary_resources`."""
    resources = preliminary_resources(told, reading, earlier=earlier, report=report)
    return transaction(resources, client_ids=client_ids)


def final_bundle(
    told: Told,
    reading: Reading,
    verdicts: Verdicts,
    signer: Signer,
    *,
    corrects: bool,
    earlier: Sequence[Reading] = (),
    audited: Sequence[Audited] = (),
    client_ids: bool = True,
) -> Resource:
    """Return the transaction of a signed reading; see `final_resources`."""
    resources = final_resources(
        told, reading, verdicts, signer, corrects=corrects, earlier=earlier, audited=audited
    )
    return transaction(resources, client_ids=client_ids)


def risk_bundle(
    profile: RiskProfile,
    patient: PatientLink,
    texts: Texts,
    *,
    origin: str,
    made_at: datetime,
    client_ids: bool = True,
) -> Resource:
    """Return the transaction of a risk profile; see `risk_resources`."""
    resources = risk_resources(profile, patient, texts, origin=origin, made_at=made_at)
    return transaction(resources, client_ids=client_ids)
