"""DiagnosticReport: one for a study and reader, from preliminary to final and corrected."""

from collections.abc import Sequence

from clinical_ai import codes
from clinical_ai.codes import Code
from clinical_ai.findings import Reading
from clinical_ai.messages import Message
from clinical_ai.reports import identity, statements
from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.elements import (
    Element,
    Resource,
    coding,
    concept,
    dicom_moment,
    dicom_uid,
    instant,
    logical_reference,
    narrative,
    new_resource,
    reference_to,
)
from clinical_ai.reports.fhir.imaging_study import accession, has_accession, study_reference
from clinical_ai.reports.fhir.people import organization, practitioner
from clinical_ai.reports.fhir.told import Told
from clinical_ai.reports.signing import Signer

_REPORT_CODES = {
    "lung_nodule": codes.CT_CHEST_REPORT,
    "mammography": codes.MAMMOGRAPHY_REPORT,
}
_SECTIONS = {"CT": hl7.CT_SECTION}


def diagnostic_report(
    told: Told,
    reading: Reading,
    results: Sequence[Resource],
    status: str,
    note: Message,
    signer: Signer | None,
) -> Resource:
    """Return the report.

    Parameters
    ----------
    reading
        For a signed report as it is after the review.
    results
        The Observations that it reports.
    status
        ``preliminary``, ``final`` or ``corrected``.
    note
        Whether and how it was reviewed; the first line of the conclusion.
    signer
        The interpreter; None while only the model has spoken.
    """
    texts = told.texts
    # R4's report has no notes, and what stands against the input must not be lost.
    cautions = [texts.message(caution) for caution in reading.cautions]
    lines = [*statements.impression(reading, note, texts), *cautions]
    resource = {
        **new_resource("DiagnosticReport", reading.study_uid, reading.reader),
        "status": status,
        "category": [hl7.RADIOLOGY.concept, *_section(told)],
        "code": concept(_code(reading), texts),
        "subject": told.patient.subject(),
        "effectiveDateTime": dicom_moment(told.study.study_date, told.study.study_time),
        "issued": instant(identity.reading_time(reading) if signer is None else signer.moment),
        "performer": _performers(told, signer),
        "result": [reference_to(r) for r in results],
        "imagingStudy": [study_reference(told)],
        "conclusion": "\n".join(lines),
        "conclusionCode": [
            {"coding": [coding(a.code)], "text": texts.code(a.code)}
            for a in reading.assessments
            if a.finding_id is None and a.code is not None
        ],
        "text": narrative(lines),
    }
    if told.sr_sop_instance_uid:
        resource["identifier"].append(dicom_uid(told.sr_sop_instance_uid))
    if has_accession(told):
        resource["basedOn"] = [logical_reference("ServiceRequest", accession(told))]
    if signer is not None:
        resource["resultsInterpreter"] = [practitioner(signer)]
    return resource


def _code(reading: Reading) -> Code:
    return _REPORT_CODES.get(reading.reader, codes.DIAGNOSTIC_IMAGING_REPORT)


def _section(told: Told) -> list[Element]:
    return [_SECTIONS[m].concept for m in told.study.modalities if m in _SECTIONS]


def _performers(told: Told, signer: Signer | None) -> list[Element]:
    people = [] if signer is None else [practitioner(signer)]
    return [*people, organization(told.institution)] if told.institution else people
