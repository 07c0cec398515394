"""Values of data elements out of DICOM files, without reading pixels."""

import itertools
import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from pacs_bridge.elements import plain_bytes, walk
from pacs_bridge.errors import EncodingError
from pacs_bridge.part10 import read_file_meta
from pacs_bridge.text import decode, encodings

# What a rule may look at stands in the head of an object; pixel data is the last of it.
_MAX_BYTES = 4 * 1024 * 1024
_MAX_VALUES = 64
_CHARACTER_SET = 0x00080005
_BINARY = {
    "US": "H",
    "US or SS": "H",
    "US or OW": "H",
    "US or SS or OW": "H",
    "SS": "h",
    "UL": "I",
    "SL": "i",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
}
# One value, in which a backslash is a backslash (PS3.5 6.2).
_SINGLE = frozenset({"ST", "LT", "UT", "UR"})


@dataclass(frozen=True, slots=True)
class FileValues:
    """What was read of one file.

    Parameters
    ----------
    source_ae_title
        Of the file meta information; empty if it says nothing.
    values
        By tag ``0xGGGGEEEE``; text without padding, no empty ones.
    """

    source_ae_title: str
    values: dict[int, tuple[str, ...]]

    def first(self, tag: int) -> str:
        """Return the first value, or the empty text."""
        values = self.values.get(tag, ())
        return values[0] if values else ""


def read_values(path: Path, tags: Collection[int]) -> FileValues:
    """Return the values of top-level data elements of a DICOM file.

    Elements that are absent, empty, sequences or not in the first 4 MiB are left out; so are
    private ones that are no text.

    Parameters
    ----------
    tags
        ``0xGGGGEEEE``, of the data set.

    Raises
    ------
    EncodingError
        If the file is not DICOM.
    OSError
        If it cannot be read.
    """
    meta = read_file_meta(path)
    syntax = meta.transfer_syntax_uid
    with path.open("rb") as file:
        file.seek(meta.offset)
        data = file.read(-1 if syntax == DeflatedExplicitVRLittleEndian else _MAX_BYTES)
    raw = _raw(plain_bytes(data, syntax), syntax, {*tags, _CHARACTER_SET})
    known = encodings(raw.get(_CHARACTER_SET, b""))
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    found = {tag: _values(tag, raw[tag], known, order) for tag in tags if tag in raw}
    return FileValues(meta.source_ae_title, {tag: v for tag, v in found.items() if v})


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    """Return each value once, in the order of their first appearance, without empty ones."""
    return tuple(itertools.islice((v for v in dict.fromkeys(values) if v), _MAX_VALUES))


def _raw(data: bytes | memoryview, syntax: str, tags: Collection[int]) -> dict[int, bytes]:
    last = max(tags)
    raw: dict[int, bytes] = {}
    try:
        for element in walk(data, syntax):
            if element.tag > last:
                break
            if element.tag in tags and not element.encapsulated:
                raw[element.tag] = bytes(data[element.start : element.stop])
    except EncodingError:
        return raw  # the rest is longer than what was read, or broken: the values are absent
    return raw


def _values(tag: int, value: bytes, known: tuple[str, ...], order: str) -> tuple[str, ...]:
    vr = dictionary_VR(tag) if keyword_for_tag(tag) else "UN"
    if vr in _BINARY:
        return _numbers(value, order + _BINARY[vr])
    text = decode(value, known)
    if vr == "UN" and not text.isprintable():
        return ()
    parts = [text] if vr in _SINGLE else text.split("\\")
    return distinct(part.strip() for part in parts)


def _numbers(value: bytes, form: str) -> tuple[str, ...]:
    size = struct.calcsize(form)
    whole = value[: len(value) - len(value) % size][: size * _MAX_VALUES]
    return distinct(f"{number:.15g}" for (number,) in struct.iter_unpack(form, whole))
