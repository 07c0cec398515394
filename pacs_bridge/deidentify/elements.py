"""Replacement values for elements, by value representation."""

from datetime import timedelta

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID

from pacs_bridge.deidentify.allow_list import AllowList
from pacs_bridge.deidentify.dates import shift_date, shift_datetime
from pacs_bridge.deidentify.key import Key

_REMOVED = "REMOVED"
_DUMMIES: dict[str, object] = {
    "AE": _REMOVED,
    "AS": "000Y",
    "AT": 0x00080000,
    "CS": _REMOVED,
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "LO": _REMOVED,
    "LT": _REMOVED,
    "PN": _REMOVED,
    "SH": _REMOVED,
    "ST": _REMOVED,
    "TM": "000000",
    "UC": _REMOVED,
    "UR": "urn:removed",
    "UT": _REMOVED,
} | dict.fromkeys(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"), 0)
_BYTES_DUMMY = b"\0\0"
_BYTE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})

Held = DataElement | RawDataElement


def vr_of(element: Held) -> str:
    """Return the VR of an element; that of the data dictionary where the data set has none."""
    vr = element.VR
    if vr not in (None, "UN"):
        return str(vr)
    try:
        return str(dictionary_VR(element.tag))
    except KeyError:
        return "UN"


def text_of(element: Held) -> str:
    """Return an ASCII value as it stands, several values parted by backslashes."""
    value = element.value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace").strip(" \0")
    if isinstance(value, str):
        return value
    return "\\".join(map(str, value))


def is_assigned(uid: str) -> bool:
    """Whether the standard assigned the UID (PS3.6 annex A), so that it identifies nobody."""
    return UID(uid, config.IGNORE).name != uid


def empty(tag: BaseTag, vr: str) -> DataElement:
    """Return the element without a value."""
    return _element(tag, vr, [] if vr == "SQ" else b"" if vr in _BYTE_VRS else None)


def dummy(tag: BaseTag, vr: str) -> DataElement:
    """Return the element with a value that means nothing; not for sequences and UIDs."""
    kind = vr.split(" ")[0]  # such as "US or SS"
    return _element(tag, kind, _DUMMIES.get(kind, _BYTES_DUMMY))


def dummy_code() -> Dataset:
    """Return a code that means nothing (PS3.3 table 8.8-1)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = _REMOVED, "99CLINAI", "Removed"
    return item


def replaced_uids(element: Held, key: Key) -> DataElement:
    """Return the element with each UID replaced; those that the standard assigned stay."""
    values = [v.strip(" \0") for v in text_of(element).split("\\")]
    new = [v if not v or is_assigned(v) else key.uid(v) for v in values]
    return _element(element.tag, "UI", "\\".join(new))


def shifted(element: Held, vr: str, by: timedelta) -> DataElement:
    """Return the element with its dates moved; empty if one of its values is no date."""
    values = text_of(element).split("\\")
    if vr == "TM" or values == [""]:
        return _element(element.tag, vr, "\\".join(values))
    shift = shift_date if vr == "DA" else shift_datetime
    moved = [shift(value, by) for value in values]
    return _element(element.tag, vr, "\\".join(m for m in moved if m) if all(moved) else None)


def worded(element: DataElement, vr: str, words: AllowList) -> DataElement | None:
    """Return the element reduced to allowed words; None if none is left."""
    value = element.value
    values = [value] if isinstance(value, str) or value is None else list(value)
    kept = [words.clean(str(v or "")) for v in values]
    return _element(element.tag, vr, "\\".join(kept)) if any(kept) else None


def _element(tag: BaseTag, vr: str, value: object) -> DataElement:
    return DataElement(tag, vr, value, validation_mode=config.IGNORE)
