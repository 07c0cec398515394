"""Provenance: which model in which version made what from which images, and who verified it."""

from collections.abc import Sequence

from clinical_ai.findings import Reading
from clinical_ai.reports import identity
from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.devices import model_device, software_device
from clinical_ai.reports.fhir.elements import (
    CONTENT_VERSIONS,
    IDENTIFIERS,
    MANIFESTS,
    Element,
    Resource,
    dicom_uid,
    identifier,
    instant,
    reference_to,
    resource_id,
)
from clinical_ai.reports.fhir.imaging_study import study_reference
from clinical_ai.reports.fhir.people import practitioner
from clinical_ai.reports.fhir.told import Told
from clinical_ai.reports.signing import Signer


def provenance(
    told: Told, reading: Reading, targets: Sequence[Resource], signer: Signer | None
) -> Resource:
    """Return how `targets` came to be.

    The software assembled them, the model is their author, and on a signature the clinician
    verified them. Sources are the study, its series, the version of its content, and the digest
    of the signed manifest of the model.
    """
    model = identity.model_of(reading)
    agents = [
        _agent(hl7.ASSEMBLER, reference_to(software_device())),
        _agent(hl7.AUTHOR, reference_to(model_device(model, told.texts))),
    ]
    if signer is not None:
        agents.append(_agent(hl7.VERIFIER, practitioner(signer)))
    sources: list[Element] = [
        study_reference(told),
        *(
            {"type": "ImagingStudy", "identifier": dicom_uid(uid), "display": "series read"}
            for uid in reading.series_uids
        ),
        {
            "identifier": identifier(CONTENT_VERSIONS, reading.content_version),
            "display": "digest of the set of images",
        },
        {
            "identifier": identifier(MANIFESTS, model.manifest_sha256),
            "display": f"sha256 of the manifest of {model.name} {model.version}",
        },
    ]
    recorded = identity.reading_time(reading) if signer is None else signer.moment
    signature = () if signer is None else signer.identity
    return {
        **immutable("Provenance", reading.id, *signature),
        "target": [reference_to(r) for r in targets],
        "occurredDateTime": instant(recorded),
        "recorded": instant(recorded),
        "activity": (hl7.CREATE if signer is None else hl7.UPDATE).concept,
        "agent": agents,
        "entity": [{"role": "source", "what": what} for what in sources],
    }


def immutable(kind: str, *parts: str) -> Resource:
    """Return an empty resource of a kind that has no identifier; its tag stands in for one."""
    identity_of = resource_id(kind, *parts)
    return {
        "resourceType": kind,
        "id": identity_of,
        "meta": {"tag": [{"system": IDENTIFIERS, "code": identity_of}]},
    }


def _agent(role: hl7.Hl7Code, who: Element) -> Element:
    return {"type": role.concept, "who": who}
