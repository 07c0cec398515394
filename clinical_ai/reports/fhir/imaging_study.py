"""ImagingStudy: the study that was read, as the archive knows it."""

from clinical_ai.codes import Code
from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.elements import (
    Element,
    Resource,
    annotation,
    cleaned,
    coding,
    dicom_moment,
    dicom_uid,
    identifier,
    new_resource,
    resource_id,
    without_empty,
)
from clinical_ai.reports.fhir.told import Told
from pacs_bridge.records import SeriesRecord


def imaging_study(told: Told, note: str = "") -> Resource:
    """Return the study.

    Parameters
    ----------
    note
        Why it was not read, if so.
    """
    study = told.study
    resource = new_resource("ImagingStudy", study.study_instance_uid)
    # First, so that a server's own ImagingStudy is found by it.
    resource["identifier"].insert(0, dicom_uid(study.study_instance_uid))
    if has_accession(told):
        resource["identifier"].append(accession(told))
    return without_empty(
        {
            **resource,
            "status": "available",
            "modality": [_modality(name) for name in study.modalities],
            "subject": told.patient.subject(),
            "started": dicom_moment(study.study_date, study.study_time),
            "numberOfSeries": len(told.series),
            "numberOfInstances": sum(s.instance_count for s in told.series),
            "description": study.study_description.strip(),
            "series": [_series(s) for s in told.series],
            "note": [annotation(note)] if note else [],
        }
    )


def study_reference(told: Told) -> Element:
    """Return the reference to the study."""
    return {"reference": f"ImagingStudy/{resource_id('ImagingStudy', _uid(told))}"}


def has_accession(told: Told) -> bool:
    """Whether the study has an accession number."""
    return bool(cleaned(told.study.accession_number))


def accession(told: Told) -> Element:
    """Return the accession number as an Identifier."""
    return identifier("", cleaned(told.study.accession_number), type=hl7.ACCESSION.concept)


def _series(series: SeriesRecord) -> Element:
    return {
        "uid": series.series_instance_uid,
        "number": series.series_number if (series.series_number or -1) >= 0 else None,
        "modality": _modality(series.modality),
        "description": series.series_description.strip(),
        "numberOfInstances": series.instance_count,
    }


def _modality(name: str) -> Element:
    # Modalities are codes of DCM (PS3.16 CID 29, 33)
    code = coding(Code(name, "DCM", name))
    return {part: code[part] for part in ("system", "code")} if name else {}


def _uid(told: Told) -> str:
    return told.study.study_instance_uid
