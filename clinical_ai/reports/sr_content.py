"""The content tree of our report: TID 1500 Measurement Report (PS3.16 A)."""

from collections.abc import Iterable, Sequence

from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    QualitativeEvaluation,
    ReferencedSegment,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForSegmentation,
    TextContentItem,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dicom
from pydicom.uid import SegmentationStorage

from clinical_ai import codes
from clinical_ai.codes import Code
from clinical_ai.errors import ReportError
from clinical_ai.findings import Assessment, Finding, Reading
from clinical_ai.identifiers import derive_uid
from clinical_ai.messages import Message
from clinical_ai.reports import identity
from clinical_ai.reports.source import one_line, person_name

_URGENCY = {"urgent": codes.URGENT, "soon": codes.SOON, "routine": codes.ROUTINE}
PROCEDURES = {"CT": codes.CT_PROCEDURE, "MG": codes.MAMMOGRAPHY}
_DECIMALS = 3
_ENGLISH = CodedConcept("en-US", "RFC5646", "English (United States)")  # CID 5000


def report_tree(
    reading: Reading,
    sources: Sequence[Dataset],
    *,
    decision: Code,
    segments: dict[str, int],
    observer_name: str | None,
    organization: str,
    comments: Iterable[Message],
) -> ContainerContentItem:
    """Return the root container of the report.

    Parameters
    ----------
    reading
        Its findings are the measurement groups, in their order.
    sources
        Headers of the images that findings lie on.
    decision
        The reviewer's decision, the same for every finding that is in the report.
    segments
        Segment number in our SEG, by finding id.
    observer_name, organization
        The person who signed; None while only the device has spoken.
    comments
        Sentences on the reading as a whole.
    """
    root = ContainerContentItem(name=dicom.DCM.ImagingMeasurementReport, template_id="1500")
    items = ContentSequence()
    items.extend(LanguageOfContentItemAndDescendants(_ENGLISH))
    items.extend(_observers(reading, observer_name, organization))
    items.append(_procedure(sources[0]))
    by_uid = {str(s.SOPInstanceUID): s for s in sources}
    groups = [
        _group(finding, reading, by_uid, segments.get(finding.id), decision)
        for finding in reading.findings
    ]
    if groups:
        items.append(_container(dicom.DCM.ImagingMeasurements, [g[0] for g in groups]))
    items.append(_container(concept(codes.QUALITATIVE_EVALUATIONS), _of_study(reading, comments)))
    root.ContentSequence = items
    return root


def concept(code: Code) -> CodedConcept:
    """Return `code` as highdicom wants it."""
    return CodedConcept(*identity.dicom_code(code))


def _container(name: CodedConcept, children: Iterable[Dataset]) -> ContainerContentItem:
    item = ContainerContentItem(name=name, relationship_type=RelationshipTypeValues.CONTAINS)
    item.ContentSequence = ContentSequence(children)
    return item


def _observers(
    reading: Reading, observer_name: str | None, organization: str
) -> ObservationContext:
    model = identity.model_of(reading)
    device = ObserverContext(
        observer_type=dicom.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=derive_uid("device", model.name, model.version),
            name=identity.MANUFACTURER,
            manufacturer_name=identity.MANUFACTURER,
            model_name=one_line(f"{model.name} {model.version}", 64),
            physical_location=one_line(organization, 64) or None,
        ),
    )
    if observer_name is None:
        return ObservationContext(observer_device_context=device)
    person = ObserverContext(
        observer_type=dicom.DCM.Person,
        observer_identifying_attributes=PersonObserverIdentifyingAttributes(
            name=person_name(observer_name),
            organization_name=one_line(organization, 64) or None,
        ),
    )
    return ObservationContext(observer_person_context=person, observer_device_context=device)


def _procedure(source: Dataset) -> CodeContentItem:
    modality = str(source.get("Modality", ""))
    if modality not in PROCEDURES:
        raise ReportError(f"no procedure code for modality {modality!r}; add it to PROCEDURES")
    return CodeContentItem(
        name=dicom.DCM.ProcedureReported,
        value=concept(PROCEDURES[modality]),
        relationship_type=RelationshipTypeValues.HAS_CONCEPT_MOD,
    )


def _group(
    finding: Finding,
    reading: Reading,
    by_uid: dict[str, Dataset],
    segment: int | None,
    decision: Code,
) -> VolumetricROIMeasurementsAndQualitativeEvaluations | MeasurementsAndQualitativeEvaluations:
    """Return the measurement group: TID 1411 with its segment, or TID 1501 without a region."""
    model = identity.model_of(reading)
    tracking = TrackingIdentifier(uid=finding.tracking_uid, identifier=f"Finding {finding.id}")
    algorithm = AlgorithmIdentification(
        name=one_line(model.name, 64),
        version=one_line(model.version, 64),
        manufacturer=identity.MANUFACTURER,
        family=concept(codes.ARTIFICIAL_INTELLIGENCE),
    )
    sites = None if finding.site is None else [FindingSite(concept(finding.site))]
    measurements = _measurements(finding)
    evaluations = [
        QualitativeEvaluation(concept(name), concept(value))
        for name, value in (
            *((q.name, q.value) for q in finding.qualities),
            *_category(reading.assessments, finding.id),
            (codes.REVIEW_DECISION, decision),
        )
    ]
    if finding.region is None or segment is None:
        key = by_uid.get(finding.key_sop_instance_uid)
        return MeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            source_images=[SourceImageForMeasurementGroup(*_sop(key))] if key else None,
            finding_type=concept(finding.code),
            finding_category=concept(codes.MORPHOLOGICALLY_ABNORMAL_STRUCTURE),
            algorithm_id=algorithm,
            finding_sites=sites,
            measurements=measurements,
            qualitative_evaluations=evaluations,
        )
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        referenced_segment=ReferencedSegment(
            sop_class_uid=SegmentationStorage,
            sop_instance_uid=identity.instance_uid(reading, identity.SEG),
            segment_number=segment,
            source_images=[
                SourceImageForSegmentation(*_sop(by_uid[uid]))
                for uid in finding.region.sop_instance_uids
            ],
        ),
        finding_type=concept(finding.code),
        finding_category=concept(codes.MORPHOLOGICALLY_ABNORMAL_STRUCTURE),
        algorithm_id=algorithm,
        finding_sites=sites,
        measurements=measurements,
        qualitative_evaluations=evaluations,
    )


def _sop(header: Dataset) -> tuple[str, str]:
    return str(header.SOPClassUID), str(header.SOPInstanceUID)


def _measurements(finding: Finding) -> list[Measurement]:
    numbers = [(m.name, m.value, m.unit) for m in finding.measurements]
    if finding.confidence is not None:
        numbers.append((codes.CERTAINTY_OF_FINDING, 100 * finding.confidence, codes.PERCENT))
    return [
        Measurement(name=concept(name), value=round(value, _DECIMALS), unit=concept(unit))
        for name, value, unit in numbers
    ]


def _category(assessments: Iterable[Assessment], finding_id: str | None) -> list[tuple[Code, Code]]:
    """Return the coded Lung-RADS category of a finding or, for None, of the study."""
    return [
        (codes.LUNG_RADS, a.code)
        for a in assessments
        if a.finding_id == finding_id and a.code is not None and "Lung-RADS" in a.scheme
    ]


def _of_study(reading: Reading, comments: Iterable[Message]) -> list[Dataset]:
    """Return the evaluations of the study as a whole: coded first, then in words."""
    coded = [
        *_category(reading.assessments, None),
        (codes.REPORT_URGENCY, _URGENCY[reading.urgency]),
    ]
    items: list[Dataset] = [
        CodeContentItem(
            name=concept(name),
            value=concept(value),
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
        for name, value in coded
    ]
    for assessment in reading.assessments:
        if assessment.finding_id is None:
            items.append(_text(codes.IMPRESSION, _impression(assessment)))
            items.append(
                _text(
                    codes.RECOMMENDATION,
                    f"{assessment.scheme} ({assessment.category}): {assessment.recommendation}",
                )
            )
    items += [_text(codes.COMMENT, str(comment)) for comment in comments]
    return items


def _impression(assessment: Assessment) -> str:
    assumed = " ".join(str(a) for a in assessment.assumptions)
    parts = [f"{assessment.scheme}: {assessment.category}. {assessment.branch}."]
    if assumed:
        parts.append(f"Assumptions: {assumed}")
    parts.append(f"Source: {assessment.citation}.")
    return " ".join(parts)


def _text(name: Code, value: str) -> TextContentItem:
    return TextContentItem(
        name=concept(name),
        value=value,
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
