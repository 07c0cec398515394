"""A study version of the archive as the input of readers and of assessment."""

from datetime import UTC, date, datetime

from clinical_ai.readers.base import SeriesInput, StudyInput
from pacs_bridge.archive import Archive
from pacs_bridge.assembly import content_version_of

_DAYS_A_YEAR = 365.25


def study_input(archive: Archive, study_uid: str, content_version: str) -> StudyInput | None:
    """Return the study as it is in the archive, when that is still `content_version`.

    None means that more images have come since: another version will be read in its place.
    """
    study = archive.study(study_uid)
    instances = archive.instances(study_uid)
    if study is None or content_version_of(instances) != content_version:
        return None
    series = tuple(
        SeriesInput(
            series_uid=s.series_instance_uid,
            modality=s.modality,
            body_part=s.body_part_examined,
            description=s.series_description,
            files=tuple(
                i.path for i in instances if i.series_instance_uid == s.series_instance_uid
            ),
        )
        for s in archive.series(study_uid)
    )
    return StudyInput(
        study_uid=study_uid,
        content_version=content_version,
        series=tuple(s for s in series if s.files),
        patient_age_years=age_years(study.patient_birth_date, study.study_date),
        patient_sex=study.patient_sex if study.patient_sex in {"M", "F", "O"} else None,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def age_years(birth_date: str, study_date: str) -> float | None:
    """Return the age at the study in years from two DICOM dates (YYYYMMDD), or None.

    None when a date is absent or malformed, or the age is outside 0..130.
    """
    born, examined = _dicom_date(birth_date), _dicom_date(study_date)
    if born is None or examined is None:
        return None
    years = (examined - born).days / _DAYS_A_YEAR
    return years if 0 <= years <= 130 else None


def _dicom_date(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
