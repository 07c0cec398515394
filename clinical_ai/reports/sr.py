"""A reading as a Comprehensive 3D SR document (PS3.3 A.35.13), preliminary or signed."""

from collections.abc import Collection, Sequence
from datetime import datetime

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import Comprehensive3DSR
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage, SegmentationStorage
from pydicom.valuerep import PersonName

from clinical_ai import codes
from clinical_ai.errors import ReportError
from clinical_ai.findings import Reading
from clinical_ai.messages import Message
from clinical_ai.reports import identity, statements
from clinical_ai.reports.seg import segment_numbers
from clinical_ai.reports.signing import Signer, Verdicts, reviewed
from clinical_ai.reports.source import (
    character_set,
    copy_patient_and_study,
    one_line,
    person_name,
    without_patient,
)
from clinical_ai.reports.sr_content import report_tree
from clinical_ai.result_objects import DEFAULT_OBJECTS, ResultObject
from clinical_ai.texts import Texts


def build_sr(
    reading: Reading,
    sources: Sequence[Dataset],
    *,
    institution: str,
    verdicts: Verdicts | None = None,
    signer: Signer | None = None,
    objects: Collection[ResultObject] = DEFAULT_OBJECTS,
) -> Dataset:
    """Return the report: preliminary without a signer, final with one.

    The preliminary report holds every finding, marked as not yet decided, and is UNVERIFIED,
    PARTIAL and PRELIMINARY. The final report holds the accepted findings only, with the study
    judged by these; it says how many were rejected, names the preliminary report as its
    predecessor, and is VERIFIED, COMPLETE and FINAL.

    Parameters
    ----------
    sources
        Headers of the series that was read.
    institution
        Where the device stands.
    verdicts
        The decision on every finding; needed with a signer.
    objects
        What is made of the reading: only these are referred to.

    Raises
    ------
    ReportError
        When the reading was not read, or a finding is undecided.
    """
    if reading.status != "read":
        raise ReportError(f"reading {reading.id} was not read, so there is nothing to report")
    if signer is None:
        return _preliminary(reading, sources, institution, objects)
    return _final(reading, sources, institution, verdicts or {}, signer, objects)


def _preliminary(
    reading: Reading,
    sources: Sequence[Dataset],
    institution: str,
    objects: Collection[ResultObject],
) -> Dataset:
    made_at = identity.reading_time(reading)
    tree = report_tree(
        reading,
        sources,
        decision=codes.UNDECIDED,
        segments=_segments(reading, objects),
        observer_name=None,
        organization=institution,
        comments=(
            statements.NOT_REVIEWED,
            *_of_equations(reading),
            *statements.about_model(reading),
        ),
    )
    return _document(
        reading, sources, tree, identity.SR_PRELIMINARY, made_at, institution, objects, signer=None
    )


def _final(
    reading: Reading,
    sources: Sequence[Dataset],
    institution: str,
    verdicts: Verdicts,
    signer: Signer,
    objects: Collection[ResultObject],
) -> Dataset:
    final = reviewed(reading, verdicts)
    tree = report_tree(
        final,
        sources,
        decision=codes.ACCEPTED,
        segments=_segments(reading, objects),
        observer_name=signer.full_name,
        organization=signer.organization,
        comments=(
            statements.reviewed(reading, [f.id for f in final.findings]),
            *_of_equations(final),
            *statements.about_model(reading),
        ),
    )
    return _document(
        final, sources, tree, identity.SR_FINAL, signer.moment, institution, objects, signer=signer
    )


def _of_equations(reading: Reading) -> tuple[Message, ...]:
    lines = statements.of_equations(reading, Texts("en"))
    return tuple(Message("{line}", {"line": line}) for line in lines)


def _segments(reading: Reading, objects: Collection[ResultObject]) -> dict[str, int]:
    return segment_numbers(reading) if "SEG" in objects else {}


def _document(
    reading: Reading,
    sources: Sequence[Dataset],
    tree: Dataset,
    kind: str,
    moment: datetime,
    institution: str,
    objects: Collection[ResultObject],
    *,
    signer: Signer | None,
) -> Dataset:
    made_at = identity.local_time(moment, sources[0])
    model = identity.model_of(reading)
    has_segments = "SEG" in objects and any(f.region is not None for f in reading.findings)
    evidence = [without_patient(s) for s in sources]
    if has_segments:
        evidence.append(_reference(reading, identity.SEG, SegmentationStorage))
    final = signer is not None
    signature = signer.identity if signer else ()
    document: Dataset = Comprehensive3DSR(
        evidence=evidence,
        content=tree,
        series_instance_uid=identity.series_uid(reading, kind),
        series_number=identity.SERIES_NUMBERS[kind],
        sop_instance_uid=identity.instance_uid(reading, kind, *signature),
        instance_number=1,
        manufacturer=identity.MANUFACTURER,
        manufacturer_model_name=one_line(model.name, 64),
        software_versions=identity.SOFTWARE_VERSION,
        device_serial_number=one_line(model.manifest_sha256[:16] or "none", 64),
        institution_name=one_line(institution, 64) or None,
        series_description="AI report (signed)" if final else "AI report (preliminary)",
        is_complete=final,
        is_final=final,
        is_verified=final,
        verifying_observer_name=person_name(signer.full_name) if signer else None,
        verifying_organization=one_line(signer.organization, 64) if signer else None,
        previous_versions=(
            [_reference(reading, identity.SR_PRELIMINARY, Comprehensive3DSRStorage)]
            if final and "SR" in objects
            else None
        ),
        coding_schemes=[
            CodingSchemeIdentificationItem(
                codes.PRIVATE_SCHEME, name="clinical-ai local codes", version="1"
            )
        ],
        content_date=made_at.date(),
        content_time=made_at.time(),
        series_date=made_at.date(),
        series_time=made_at.time(),
        specific_character_set=character_set(sources[0]),
    )
    identity.settle_times(document)
    if signer is not None:
        observer = document.VerifyingObserverSequence[0]
        observer.VerifyingObserverName = PersonName(person_name(signer.full_name))
        observer.VerificationDateTime = made_at.strftime("%Y%m%d%H%M%S.%f%z")
    identity.mark_as_ours(document)
    copy_patient_and_study(document, sources[0])
    return document


def _reference(reading: Reading, kind: str, sop_class_uid: str) -> Dataset:
    """Return what identifies one of our own objects of this reading."""
    reference = Dataset()
    reference.SOPClassUID = sop_class_uid
    reference.SOPInstanceUID = identity.instance_uid(reading, kind)
    reference.StudyInstanceUID = reading.study_uid
    reference.SeriesInstanceUID = identity.series_uid(reading, kind)
    return reference
