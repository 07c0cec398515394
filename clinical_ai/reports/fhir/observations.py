"""Observation: each finding with what was measured on it, and each category of a guideline."""

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
    resource_id,
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
    resource["component"] = list(_components(finding, told.texts))
    return resource


def category_observations(told: Told, reading: Reading, status: str) -> tuple[Resource, ...]:
    """Return one Observation for each assessment of the reading, in its order."""
    seen: Counter[tuple[str, str | None]] = Counter()
    made = []
    for assessment in reading.assessments:
        key = (assessment.scheme, assessment.finding_id)
        made.append(_category(told, reading, assessment, status, seen[key]))
        seen[key] += 1
    return tuple(made)


def finding_reference(reading: Reading, finding_id: str) -> Element:
    """Return the reference to the Observation of a finding."""
    return {
        "reference": f"Observation/{resource_id('Observation', reading.id, 'finding', finding_id)}"
    }


def scheme_code(scheme: str) -> Code | None:
    """Return the published code of a guideline's category, by its name and edition."""
    return next((code for name, code in SCHEME_CODES.items() if scheme.startswith(name)), None)


def _category(
    told: Told, reading: Reading, assessment: Assessment, status: str, number: int
) -> Resource:
    texts = told.texts
    of = assessment.finding_id
    resource = _observation(
        told, reading, status, "category", assessment.scheme, of or "study", str(number)
    )
    published = scheme_code(assessment.scheme)
    name = concept(published or codes.GUIDELINE_CATEGORY, texts)
    value: Element = {"text": texts(assessment.category)}
    if assessment.code is not None:
        value = concept(assessment.code, texts)
    if of is not None:
        resource["derivedFrom"].append(finding_reference(reading, of))
    return {
        **resource,
        "code": {**name, "text": texts(assessment.scheme)},
        "valueCodeableConcept": value,
        "method": {"text": assessment.citation},
        "note": notes(
            texts.message(m)
            for m in (assessment.branch, assessment.recommendation, *assessment.assumptions)
        ),
    }


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
