"""Which attributes can be matched and returned, at which level."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Column

from pacs_bridge.tables import instance, series, study


class Level(StrEnum):
    """Query/Retrieve levels (PS3.4 C.3), from the patient down; QIDO-RS has the lower three."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"

    @property
    def depth(self) -> int:
        """0 for the patient to 3 for the instance."""
        return tuple(Level).index(self)


class Kind(StrEnum):
    """How values are compared (PS3.4 C.2.2.2), and computed ones, which are returned only."""

    TEXT = "text"
    NAME = "name"
    UID = "uid"
    DATE = "date"
    TIME = "time"
    INTEGER = "integer"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of the index.

    Parameters
    ----------
    keyword
        Of PS3.6.
    level
        To whose entity it belongs.
    kind
        How it is matched.
    column
        Where it is; None if it is computed over the entities below.
    folded
        The column that names are compared in.
    several
        The entity may have several values; it matches if one of them does.
    """

    keyword: str
    level: Level
    kind: Kind
    column: Column[Any] | None = None
    folded: Column[Any] | None = None
    several: bool = False


def _attributes() -> tuple[Attribute, ...]:
    patient, of_study, of_series, image = Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE
    text, uid, computed, integer = Kind.TEXT, Kind.UID, Kind.COMPUTED, Kind.INTEGER
    a = Attribute
    return (
        a("PatientName", patient, Kind.NAME, study.c.patient_name, study.c.patient_name_folded),
        a("PatientID", patient, text, study.c.patient_id),
        a("IssuerOfPatientID", patient, text, study.c.issuer_of_patient_id),
        a("PatientBirthDate", patient, Kind.DATE, study.c.patient_birth_date),
        a("PatientSex", patient, text, study.c.patient_sex),
        a("NumberOfPatientRelatedStudies", patient, computed),
        a("NumberOfPatientRelatedSeries", patient, computed),
        a("NumberOfPatientRelatedInstances", patient, computed),
        a("StudyInstanceUID", of_study, uid, study.c.study_instance_uid),
        a("StudyDate", of_study, Kind.DATE, study.c.study_date),
        a("StudyTime", of_study, Kind.TIME, study.c.study_time),
        a("AccessionNumber", of_study, text, study.c.accession_number),
        a("StudyID", of_study, text, study.c.study_id),
        a("StudyDescription", of_study, text, study.c.study_description),
        a(
            "ReferringPhysicianName",
            of_study,
            Kind.NAME,
            study.c.referring_physician_name,
            study.c.referring_physician_name_folded,
        ),
        a("ModalitiesInStudy", of_study, text, series.c.modality, several=True),
        a("SOPClassesInStudy", of_study, uid, instance.c.sop_class_uid, several=True),
        a("NumberOfStudyRelatedSeries", of_study, computed),
        a("NumberOfStudyRelatedInstances", of_study, computed),
        a("SeriesInstanceUID", of_series, uid, series.c.series_instance_uid),
        a("Modality", of_series, text, series.c.modality),
        a("SeriesNumber", of_series, integer, series.c.series_number),
        a("SeriesDescription", of_series, text, series.c.series_description),
        a("BodyPartExamined", of_series, text, series.c.body_part_examined),
        a("Laterality", of_series, text, series.c.laterality),
        a("NumberOfSeriesRelatedInstances", of_series, computed),
        a("SOPInstanceUID", image, uid, instance.c.sop_instance_uid),
        a("SOPClassUID", image, uid, instance.c.sop_class_uid),
        a("AvailableTransferSyntaxUID", image, uid, instance.c.transfer_syntax_uid),
        a("InstanceNumber", image, integer, instance.c.instance_number),
        a("Rows", image, integer, instance.c.rows),
        a("Columns", image, integer, instance.c.columns),
        a("BitsAllocated", image, integer, instance.c.bits_allocated),
        a("NumberOfFrames", image, integer, instance.c.number_of_frames),
    )


ATTRIBUTES: dict[str, Attribute] = {a.keyword: a for a in _attributes()}


def known(level: Level) -> frozenset[str]:
    """Return the keywords that can be returned at a level: its own and those above."""
    return frozenset(k for k, a in ATTRIBUTES.items() if a.level.depth <= level.depth)
