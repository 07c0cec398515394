"""Device: our software, and the model that spoke. The same for every patient and site."""

from clinical_ai import codes
from clinical_ai.findings import ModelIdentity
from clinical_ai.reports.fhir.elements import (
    MANIFESTS,
    Element,
    Resource,
    annotation,
    concept,
    identifier,
    new_resource,
    reference_to,
)
from clinical_ai.reports.identity import MANUFACTURER, SOFTWARE_VERSION
from clinical_ai.texts import Texts


def software_device() -> Resource:
    """Return the Device of this software in its version."""
    return {
        **new_resource("Device", MANUFACTURER, SOFTWARE_VERSION),
        "status": "active",
        "manufacturer": MANUFACTURER,
        "deviceName": [_name(MANUFACTURER)],
        "version": [{"value": SOFTWARE_VERSION}],
    }


def model_device(model: ModelIdentity, texts: Texts) -> Resource:
    """Return the Device of a model in its version; part of our software.

    Its digest is that of the signed manifest of the files that were opened.
    """
    device = new_resource(
        "Device", MANUFACTURER, model.name, model.version, model.manifest_sha256, texts.language
    )
    device["identifier"].append(identifier(MANIFESTS, model.manifest_sha256))
    return {
        **device,
        "status": "active",
        "manufacturer": MANUFACTURER,
        "deviceName": [_name(model.name)],
        "type": concept(codes.ARTIFICIAL_INTELLIGENCE, texts),
        "version": [{"value": model.version}],
        "parent": reference_to(software_device()),
        "note": [annotation(texts.message(m)) for m in (model.intended_use, *model.accuracy)],
    }


def _name(name: str) -> Element:
    return {"name": name, "type": "model-name"}
