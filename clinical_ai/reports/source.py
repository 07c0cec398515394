"""The images a reading was made from: their headers, and what our objects take over from them.

highdicom puts the patient's name into log lines and warnings, and refuses headers with a missing
or malformed patient attribute. So it is given headers without the patient (`without_patient`),
and the real patient and study attributes are written into the finished object
(`copy_patient_and_study`).
"""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.valuerep import PersonName

from clinical_ai.errors import ReportError
from pacs_bridge.text import decode, encodings

# Character sets that can hold any text we add; others become UTF-8.
_KEPT_CHARACTER_SETS = ("GB18030", "ISO_IR 192")
_UTF_8 = "ISO_IR 192"

_PERSON_NAMES = ("PatientName", "ReferringPhysicianName")
_TEXTS = (
    "PatientID",
    "IssuerOfPatientID",
    "PatientAge",
    "PatientComments",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "TimezoneOffsetFromUTC",
)
# Type 2 in every object we make: present, empty when unknown
_ALWAYS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def read_headers(paths: Iterable[Path], series_uids: Collection[str]) -> list[Dataset]:
    """Read the headers of the instances that belong to `series_uids`, ordered by UID.

    Raises
    ------
    ReportError
        When a file cannot be read, or none belongs to the series.
    """
    headers = []
    for path in paths:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except (InvalidDicomError, OSError) as error:
            raise ReportError(f"source image {path.name} cannot be read") from error
        if header.get("SeriesInstanceUID") in series_uids:
            headers.append(header)
    if not headers:
        raise ReportError(
            f"none of the source images belongs to the series that was read "
            f"({', '.join(series_uids) or 'none named'})"
        )
    return sorted(headers, key=lambda header: str(header.SOPInstanceUID))


def without_patient(header: Dataset) -> Dataset:
    """Return a copy of `header` that names nobody and has every type 2 attribute."""
    copy = Dataset()
    copy.update(header)
    for keyword in (*_PERSON_NAMES, *_TEXTS, *_ALWAYS):
        if keyword in copy:
            del copy[keyword]
    for keyword in _ALWAYS:
        setattr(copy, keyword, None)
    return copy


def character_set(header: Dataset) -> str:
    """Return the character set of our objects: GB18030 when the source uses it, else UTF-8."""
    given = header.get("SpecificCharacterSet", "")
    return given if given in _KEPT_CHARACTER_SETS else _UTF_8


def copy_patient_and_study(target: Dataset, header: Dataset) -> None:
    """Write the patient and study attributes of `header` into `target`, cleaned of invalid values.

    Names keep all their component groups. Values that are no valid date, time or sex are left
    empty; control characters are dropped.
    """
    target.SpecificCharacterSet = character_set(header)
    for keyword in _ALWAYS:
        setattr(target, keyword, "")
    for keyword in _PERSON_NAMES:
        if keyword in header:
            setattr(target, keyword, PersonName(_text(header, keyword)))
    for keyword in _TEXTS:
        if keyword in header:
            setattr(target, keyword, _text(header, keyword))
    for keyword in ("PatientBirthDate", "StudyDate"):
        setattr(target, keyword, _date(str(header.get(keyword) or "")))
    target.StudyTime = _time(str(header.get("StudyTime") or ""))
    sex = str(header.get("PatientSex") or "")
    target.PatientSex = sex if sex in ("M", "F", "O") else ""


def copy_body_part(target: Dataset, header: Dataset) -> None:
    """Write the body part of `header` into `target`, and its side where it has one.

    Laterality is absent with an unpaired body part, and empty when nothing is known of it
    (PS3.3 section C.7.3.1.1).
    """
    body_part = one_line(str(header.get("BodyPartExamined") or ""), 16)
    side = str(header.get("Laterality") or header.get("ImageLaterality") or "")
    if body_part:
        target.BodyPartExamined = body_part
    if side in ("L", "R"):
        target.Laterality = side
    elif not body_part:
        target.Laterality = ""


def person_name(full_name: str) -> str:
    """Return a person's name as one DICOM family name, whatever characters it holds."""
    return re.sub(r"[\^=\\\x00-\x1f\x7f]+", " ", full_name).strip()[:62] + "^"


def one_line(text: str, limit: int) -> str:
    """Return `text` fit for a short DICOM text value of at most `limit` characters."""
    return _clean(text).replace("\\", "/").strip()[:limit]


def _text(header: Dataset, keyword: str) -> str:
    """Return a text as the archive decodes it, so that both show the same name."""
    element = header.get_item(keyword)
    if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
        declared = header.get("SpecificCharacterSet") or ""
        terms = declared if isinstance(declared, str) else "\\".join(declared)
        return _clean(decode(element.value, encodings(terms.encode("ascii", "replace"))))
    return _clean(str(header.get(keyword) or ""))


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)


def _date(text: str) -> str:
    try:
        datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return ""
    return text


def _time(text: str) -> str:
    matches = re.fullmatch(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?", text)
    return text if matches else ""
