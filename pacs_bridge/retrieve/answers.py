"""Read the answers of peers, of C-FIND or QIDO-RS, which may hold anything.

An answer becomes `Values` first: for each tag the texts of its element. What is made of them
is the same for both protocols. An answer whose UIDs are not UIDs is none.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from pacs_bridge.header import is_uid
from pacs_bridge.retrieve.matches import InstanceMatch, SeriesMatch, StudyMatch
from pacs_bridge.text import decode, encodings

Values = Mapping[int, Sequence[str]]
"""The texts of each element by tag, ``0xGGGGEEEE``."""

CHARACTER_SET = 0x00080005
_INTEGER = re.compile(r"[0-9]{1,9}")
_JSON_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_MAX_VALUES = 256
_MAX_CHARACTERS = 1024


def dataset_values(dataset: Dataset, default_character_set: str = "") -> Values:
    """Return the texts of a data set as a peer encoded it; sequences are left out.

    Parameters
    ----------
    default_character_set
        The defined term to assume where the data set declares none (against PS3.3 C.12.1.1.2,
        but done).
    """
    declared = _raw(dataset, CHARACTER_SET)
    known = encodings(declared) or encodings(default_character_set.encode("ascii", "replace"))
    values: dict[int, Sequence[str]] = {}
    for tag in list(dataset.keys()):
        value = _raw(dataset, int(tag))
        if value:
            # The first byte of a GBK or GB18030 character is never a backslash but its second
            # may be: split only after decoding.
            parts = decode(value, known).split("\\")
            values[int(tag)] = [part.strip(" \0") for part in parts[:_MAX_VALUES]]
    return values


def items_of(dataset: Dataset, tag: int) -> list[Dataset]:
    """Return the items of a sequence; none if it is absent or broken."""
    try:
        element = dataset.get(BaseTag(tag))
    except (
        *(ValueError, NotImplementedError, OSError, AttributeError, KeyError),
        *(TypeError, struct.error),
    ):
        return []  # bytes that are no sequence
    if element is None or element.VR != "SQ" or element.value is None:
        return []
    return list(element.value)


def json_values(item: object) -> Values:
    """Return the texts of one object of the DICOM JSON model (PS3.18 annex F)."""
    if not isinstance(item, dict):
        return {}
    values: dict[int, Sequence[str]] = {}
    for key, element in item.items():
        if not (isinstance(key, str) and _JSON_TAG.fullmatch(key) and isinstance(element, dict)):
            continue
        given = element.get("Value")
        if isinstance(given, list):
            values[int(key, 16)] = [_json_text(v) for v in given[:_MAX_VALUES]]
    return values


def text(values: Values, tag: int) -> str:
    """Return the first value of the element; empty if absent."""
    given = values.get(tag, ())
    return given[0] if given else ""


def study_match(values: Values, peer: str) -> StudyMatch | None:
    """Return the study of an answer; None if it names none."""
    study_uid = text(values, 0x0020000D)
    if not is_uid(study_uid):
        return None
    modalities = values.get(0x00080061) or values.get(0x00080060) or ()
    return StudyMatch(
        peer=peer,
        study_uid=study_uid,
        patient_id=text(values, 0x00100020),
        issuer_of_patient_id=text(values, 0x00100021),
        patient_name=text(values, 0x00100010),
        patient_birth_date=text(values, 0x00100030),
        patient_sex=text(values, 0x00100040),
        accession_number=text(values, 0x00080050),
        study_date=text(values, 0x00080020),
        study_time=text(values, 0x00080030),
        study_description=text(values, 0x00081030),
        modalities=tuple(sorted({m for m in modalities if m})),
        series_count=_integer(text(values, 0x00201206)),
        instance_count=_integer(text(values, 0x00201208)),
    )


def series_match(values: Values, study_uid: str) -> SeriesMatch | None:
    """Return the series of an answer; None if it names none."""
    series_uid = text(values, 0x0020000E)
    if not is_uid(series_uid):
        return None
    return SeriesMatch(
        study_uid=study_uid,
        series_uid=series_uid,
        modality=text(values, 0x00080060),
        body_part_examined=text(values, 0x00180015),
        series_description=text(values, 0x0008103E),
        series_number=_integer(text(values, 0x00200011)),
        laterality=text(values, 0x00200060),
        instance_count=_integer(text(values, 0x00201209)),
    )


def instance_match(values: Values, study_uid: str, series_uid: str) -> InstanceMatch | None:
    """Return the instance of an answer; None if it names none."""
    sop_instance_uid = text(values, 0x00080018)
    if not is_uid(sop_instance_uid):
        return None
    sop_class_uid = text(values, 0x00080016)
    return InstanceMatch(
        study_uid=study_uid,
        series_uid=series_uid,
        sop_instance_uid=sop_instance_uid,
        sop_class_uid=sop_class_uid if is_uid(sop_class_uid) else "",
        instance_number=_integer(text(values, 0x00200013)),
    )


def _raw(dataset: Dataset, tag: int) -> bytes:
    """Return the undecoded value of an element that was read from bytes; empty if it has none."""
    element = dataset.get_item(BaseTag(tag)) if BaseTag(tag) in dataset else None
    if not isinstance(element, RawDataElement) or not isinstance(element.value, bytes):
        return b""
    return b"" if element.VR == "SQ" else element.value


def _json_text(value: Any) -> str:
    if isinstance(value, dict):  # PN
        groups = [value.get(key, "") for key in ("Alphabetic", "Ideographic", "Phonetic")]
        value = "=".join(g if isinstance(g, str) else "" for g in groups).rstrip("=")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)[:_MAX_CHARACTERS].replace("\0", "").strip(" ")


def _integer(value: str) -> int | None:
    return int(value) if _INTEGER.fullmatch(value) else None
