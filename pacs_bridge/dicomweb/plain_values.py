"""Values of the usual VRs straight from their bytes to JSON, which saves most of the time.

pydicom makes an object of every element, checks it and converts it, and its answer is the
measure: what is not plainly the same here (text beyond ASCII, names, malformed numbers) is
left to it.
"""

import re
import struct
from typing import Any

from pydicom.dataelem import RawDataElement

_LISTS = frozenset({"AS", "CS", "DA", "DT", "TM", "LO", "SH"})
_TEXTS = frozenset({"LT", "ST", "UT"})  # a backslash is a letter of these (PS3.5 6.2)
_FORMATS = {"US": "H", "SS": "h", "UL": "I", "SL": "i"}
_UIDS = re.compile(r"[0-9.\\]+")
_INTEGER = re.compile(r" *[+-]?[0-9]{1,10} *")
_DECIMAL = re.compile(r" *[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})? *")


def plain_values(raw: RawDataElement) -> list[Any] | None:
    """Return the values of an element for JSON; None where pydicom must be asked."""
    value, vr = raw.value, raw.VR
    if not value or not vr or not raw.is_little_endian:
        return None
    if vr in _FORMATS:
        size = struct.calcsize(_FORMATS[vr])
        if len(value) % size:
            return None
        return list(struct.unpack(f"<{len(value) // size}{_FORMATS[vr]}", value))
    if not value.isascii() or b"\x1b" in value:
        return None
    text = value.decode("ascii").rstrip("\0 ")
    if not text:
        return None
    if vr in _LISTS or (vr == "UI" and _UIDS.fullmatch(text)):
        parts = text.split("\\")
        # Which blanks and zeros around one of several values are kept is pydicom's to say.
        is_plain = len(parts) == 1 or (" " not in text and text.isprintable())
        return parts if is_plain else None
    if vr in _TEXTS:
        return [text]
    if vr == "IS":
        parts = text.split("\\")
        return [int(p) for p in parts] if all(map(_INTEGER.fullmatch, parts)) else None
    if vr == "DS":
        parts = text.split("\\")
        return [float(p) for p in parts] if all(map(_DECIMAL.fullmatch, parts)) else None
    return None
