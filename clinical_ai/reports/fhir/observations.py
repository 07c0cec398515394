"""Observation: each finding with what was measured on it, and each category of the study.

A guideline's category of one finding is a component in words. Its code stands for the study as
a whole, and whoever looks for the code must find that one only.
"""

from collections import Counter
from collections.abc import Iterator

from clinical_ai import codes
from clinical_ai.codes import Code
from clinical_ai.findings import Assessment, Finding, Reading
from clinical_ai.reports import identity
from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.devices import model_device
from clinical_ai.reports.fhir.elements import (
    Element,
    Resource,
    concept,
    dicom_moment,
    dicom_uid,
    new_resource,
    notes,
    quantity,
    reference_to,
)
from clinical_ai.reports.fhir.imaging_study import study_reference
from clinical_ai.reports.fhir.told import Told
from clinical_ai.texts import Texts

# What a category is called, where a published code says it; the others get our own code and
# the name of the scheme.
SCHEME_CODES = {"Lung-RADS": codes.LUNG_RADS}


def finding_observation(told: Told, reading: Reading, finding: Finding, status: str) -> Resource:
    """Return one finding: what and where it is, its properties and measures as components."""
    resource = _observation(told, reading, status, "finding", finding.id)
    resource["identifier"].append(dicom_uid(finding.tracking_uid))
    resource["code"] = concept(codes.FINDING, told.texts)
    resource["valueCodeableConcept"] = concept(finding.code, told.texts)
    if finding.site is not None:
        resource["bodySite"] = concept(finding.site, told.texts)
    judged = [a for a in reading.assessments if a.finding_id == finding.id]
    resource["component"] = [
        *_components(finding, told.texts),
        *(_judgement(a, told.texts) for a in judged),
    ]
    resource["note"] = notes(line for a in judged for line in _words(a, told.texts))
    return resource


def category_observations(told: Told, reading: Reading, status: str) -> tuple[Resource, ...]:
    """Return one Observation for each of `of_study`, in their order."""
    seen: Counter[str] = Counter()
    made = []
    for assessment in of_study(reading):
        made.append(_category(told, reading, assessment, status, seen[assessment.scheme]))
        seen[assessment.scheme] += 1
    return tuple(made)


def of_study(reading: Reading) -> tuple[Assessment, ...]:
    """Return what the guidelines say of the study as a whole."""
    return tuple(a for a in reading.assessments if a.finding_id is None)


def scheme_code(scheme: str) -> Code | None:
    """Return the published code of a guideline's category, by its name and edition."""
    return next((code for name, code in SCHEME_CODES.items() if scheme.startswith(name)), None)


def _category(
    told: Told, reading: Reading, assessment: Assessment, status: str, number: int
) -> Resource:
    texts = told.texts
    resource = _observation(told, reading, status, "category", assessment.scheme, str(number))
    name = concept(scheme_code(assessment.scheme) or codes.GUIDELINE_CATEGORY, texts)
    value: Element = {"text": texts(assessment.category)}
    if assessment.code is not None:
        value = concept(assessment.code, texts)
    return {
        **resource,
        "code": {**name, "text": texts(assessment.scheme)},
        "valueCodeableConcept": value,
        "method": {"text": assessment.citation},
        "note": notes(_words(assessment, texts)),
    }


def _judgement(assessment: Assessment, texts: Texts) -> Element:
    """Return what a guideline says of one finding."""
    name = concept(codes.GUIDELINE_CATEGORY, texts)
    return {
        "code": {**name, "text": texts(assessment.scheme)},
        "valueString": texts(assessment.category),
    }


def _words(assessment: Assessment, texts: Texts) -> Iterator[str]:
    scheme = texts(assessment.scheme)
    yield f"{scheme}: {texts(assessment.category)}. {texts.message(assessment.branch)}"
    yield texts.message(assessment.recommendation)
    yield from (texts.message(assumed) for assumed in assessment.assumptions)


def _observation(told: Told, reading: Reading, status: str, *parts: str) -> Resource:
    return {
        **new_resource("Observation", reading.id, *parts),
        "status": status,
        "category": [hl7.IMAGING.concept],
        "subject": told.patient.subject(),
        "effectiveDateTime": dicom_moment(told.study.study_date, told.study.study_time),
        "device": reference_to(model_device(identity.model_of(reading), told.texts)),
        "derivedFrom": [study_reference(told)],
    }


def _components(finding: Finding, texts: Texts) -> Iterator[Element]:
    for quality in finding.qualities:
        yield {
            "code": concept(quality.name, texts),
            "valueCodeableConcept": concept(quality.value, texts),
        }
    for measured in finding.measurements:
        yield {
            "code": concept(measured.name, texts),
            "valueQuantity": quantity(measured.value, measured.unit),
        }
    if finding.confidence is not None:
        yield {
            "code": concept(codes.CERTAINTY_OF_FINDING, texts),
            "valueQuantity": quantity(100 * finding.confidence, codes.PERCENT),
        }
    yield {
        "code": concept(codes.BEST_ILLUSTRATION, texts),
        "valueString": f"urn:oid:{finding.key_sop_instance_uid}",
    }
