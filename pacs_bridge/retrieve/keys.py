"""Identifiers of C-FIND, C-MOVE and C-GET requests (PS3.4 C.4.1.1.3, C.4.2.1.4)."""

from pydicom.dataset import Dataset

from pacs_bridge.retrieve.matches import StudyQuery

# What we ask to be returned: required keys and the optional ones we use (PS3.4 tables C.6-1..4).
_STUDY_RETURNS = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)
_SERIES_RETURNS = (
    "SeriesInstanceUID",
    "Modality",
    "SeriesNumber",
    "SeriesDescription",
    "BodyPartExamined",
    "Laterality",
    "NumberOfSeriesRelatedInstances",
)
_IMAGE_RETURNS = ("SOPInstanceUID", "SOPClassUID", "InstanceNumber")


def study_keys(query: StudyQuery, character_set: str) -> Dataset:
    """Return the identifier of a study-level C-FIND.

    Parameters
    ----------
    character_set
        Declared where the query has text beyond ASCII.
    """
    keys = _level("STUDY", _STUDY_RETURNS)
    keys.PatientID = query.patient_id
    keys.IssuerOfPatientID = query.issuer_of_patient_id
    keys.PatientName = query.patient_name
    keys.AccessionNumber = query.accession_number
    keys.StudyInstanceUID = query.study_uid
    keys.StudyDate = query.dates
    keys.ModalitiesInStudy = query.modality
    declare_character_set(keys, character_set, query.patient_id, query.patient_name)
    return keys


def series_keys(study_uid: str, patient_id: str = "") -> Dataset:
    """Return the identifier of a series-level C-FIND; `patient_id` for the patient root."""
    keys = _level("SERIES", _SERIES_RETURNS)
    keys.StudyInstanceUID = study_uid
    return _of_patient(keys, patient_id)


def image_keys(study_uid: str, series_uid: str, patient_id: str = "") -> Dataset:
    """Return the identifier of an image-level C-FIND; `patient_id` for the patient root."""
    keys = _level("IMAGE", _IMAGE_RETURNS)
    keys.StudyInstanceUID = study_uid
    keys.SeriesInstanceUID = series_uid
    return _of_patient(keys, patient_id)


def fetch_keys(study_uid: str, series_uid: str = "", patient_id: str = "") -> Dataset:
    """Return the identifier of a C-MOVE or C-GET: unique keys only."""
    keys = Dataset()
    keys.QueryRetrieveLevel = "SERIES" if series_uid else "STUDY"
    keys.StudyInstanceUID = study_uid
    if series_uid:
        keys.SeriesInstanceUID = series_uid
    return _of_patient(keys, patient_id)


def declare_character_set(keys: Dataset, character_set: str, *texts: str) -> None:
    """Declare the character set if one of the texts needs it (PS3.3 C.12.1.1.2)."""
    if not all(text.isascii() for text in texts):
        keys.SpecificCharacterSet = character_set


def _level(level: str, returns: tuple[str, ...]) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = level
    for keyword in returns:
        setattr(keys, keyword, "" if keyword not in _NUMBERS else None)
    return keys


_NUMBERS = frozenset({"SeriesNumber", "InstanceNumber"})


def _of_patient(keys: Dataset, patient_id: str) -> Dataset:
    if patient_id:
        keys.PatientID = patient_id
    return keys
