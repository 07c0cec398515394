"""Search a de-identified file for what identified the original; knows nothing of the profile.

Every text, in every character set that may have been used, at every level, and the raw bytes
of all but the pixel data. What is found is reported by path and kind, never by value.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataelem import DataElement
from pydicom.filereader import read_file_meta_info

from pacs_bridge.deidentify.identifiers import (
    Identifiers,
    birth_date_forms,
    normal,
    values_of,
    walk_elements,
)
from pacs_bridge.deidentify.instance import open_instance
from pacs_bridge.elements import Buffer
from pacs_bridge.part10 import read_file_meta

# Encodings in which a text may stand whatever the data set declares.
_ENCODINGS = (
    "utf-8",
    "gb18030",
    "big5",
    "euc_jp",
    "shift_jis",
    "iso2022_jp",
    "euc_kr",
    "latin-1",
    "utf-16-le",
    "utf-16-be",
)
_TEMPORAL = frozenset({"DA", "DT", "TM"})
_NO_DATES = frozenset({"", "19000101", "19000101000000", "000000"})
_ENCAPSULATED_DOCUMENT, _DUMMY_BYTES = 0x00420011, 2
_ESCAPES = re.compile(rb"\x1b\$?[()]?[A-Z]")
_UID_LIKE = re.compile(r"[0-9]+(?:\.[0-9]+)+")
# Shorter values are looked for as whole words, in raw bytes not at all: there, they occur by
# chance. A character that is not ASCII counts double.
_LONG = 6
# Where a short value means something else: who made a device, which sequence was used, a term
# of the standard, or what the de-identifier itself writes.
_OTHER_MEANING = frozenset(
    [
        "AcquisitionProtocolName",
        "CodeMeaning",
        "CodeValue",
        "CodingSchemeDesignator",
        "ContrastBolusAgent",
        "ConvolutionKernel",
        "DeidentificationMethod",
        "DetectorManufacturerModelName",
        "DetectorManufacturerName",
        "FilterType",
        "Manufacturer",
        "ManufacturerModelName",
        "ProcessingFunction",
        "PulseSequenceName",
        "ReceiveCoilName",
        "SecondaryCaptureDeviceManufacturer",
        "SecondaryCaptureDeviceManufacturerModelName",
        "SequenceName",
        "SoftwareVersions",
        "TransmitCoilName",
    ]
)
_FILE_META = frozenset(
    {0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013}
)
# JPEG and its kin may carry comments at the beginning of a frame.
_FRAME_HEAD = 4096
_ITEM = b"\xfe\xff\x00\xe0"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that should not be there.

    Parameters
    ----------
    path
        Of the element, or ``file`` for the bytes as a whole.
    kind
        What kind of value it is.
    """

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Retained:
    """What the export keeps on purpose, so that finding it means nothing."""

    uids: bool = False
    device_identity: bool = False
    safe_private: bool = False
    times: bool = False


def verify(path: Path, identifiers: Identifiers, retained: Retained) -> tuple[Finding, ...]:
    """Return what of `identifiers` is in the file, sorted; empty if it is clean.

    Raises
    ------
    EncodingError, OSError
        If the file cannot be read.
    """
    needles = _Needles(identifiers, retained)
    findings = set(_inspect_meta(path))
    with open_instance(path) as instance:
        for where, element in walk_elements(instance.dataset):
            findings.update(Finding(where, k) for k in _inspect(where, element, needles))
        with path.open("rb") as file:
            meta = file.read(read_file_meta(path).offset)
        for place, raw in (("file meta", meta), ("data set", bytes(instance.head))):
            findings.update(Finding(f"bytes of the {place}", k) for k in needles.in_bytes(raw))
        for raw in _frame_heads(instance.pixels):
            findings.update(Finding("bytes of the pixel data", k) for k in needles.in_bytes(raw))
    return tuple(sorted(findings, key=lambda f: (f.path, f.kind)))


class _Needles:
    """What is looked for, as patterns."""

    def __init__(self, identifiers: Identifiers, retained: Retained) -> None:
        kinds = dict.fromkeys(identifiers.name_parts, "name") | {
            value: kind
            for value, kind in identifiers.values.items()
            if not (kind == "device" and retained.device_identity)
        }
        self._kinds = kinds | {
            form: "birth date" for d in identifiers.birth_dates for form in birth_date_forms(d)
        }
        self._uids = frozenset() if retained.uids else frozenset(identifiers.uids)
        self.dates = identifiers.dates
        self.retained = retained
        self._all = _pattern(self._kinds)
        self._long = _pattern([n for n in self._kinds if _is_long(n)])
        self._bytes, self._kinds_of_bytes = _byte_patterns(kinds)

    def in_text(self, text: str, *, only_long: bool = False) -> set[str]:
        """Return the kinds of the values found in a text."""
        pattern = self._long if only_long else self._all
        kinds = {self._kinds[m] for m in pattern.findall(normal(text))} if pattern else set()
        return kinds | self.uids_in(text)

    def uids_in(self, text: str) -> set[str]:
        """Return ``{"UID"}`` if one of the original UIDs stands in a text."""
        if self._uids.isdisjoint(_UID_LIKE.findall(text)):
            return set()
        return {"UID"}

    def in_bytes(self, raw: bytes) -> set[str]:
        """Return the kinds of the values found in bytes, in any encoding."""
        found = self._bytes.findall(raw.lower()) if self._bytes else []
        return {self._kinds_of_bytes[m] for m in found} | self.uids_in(raw.decode("latin-1"))


def _inspect(where: str, element: DataElement, needles: _Needles) -> set[str]:
    if element.tag.is_private and not needles.retained.safe_private:
        return {"private element"}
    if element.tag == _ENCAPSULATED_DOCUMENT and len(element.value or b"") > _DUMMY_BYTES:
        return {"encapsulated document"}
    if element.VR in _TEMPORAL:
        value = "\\".join(values_of(element))
        is_kept_time = element.VR == "TM" and needles.retained.times
        is_same = needles.dates.get(where) == value and value not in _NO_DATES
        return {"date or time unchanged"} if is_same and not is_kept_time else set()
    if element.VR == "UI":
        return needles.uids_in(" ".join(values_of(element)))
    only_long = element.VR in ("CS", "AE") or element.keyword in _OTHER_MEANING
    return set().union(*(needles.in_text(text, only_long=only_long) for text in _texts(element)))


def _texts(element: DataElement) -> list[str]:
    """Return the element's value as text; bytes in each encoding in which they look like text."""
    if not isinstance(element.value, bytes):
        return values_of(element)
    raw = _ESCAPES.sub(b"", element.value.rstrip(b"\0 "))
    decoded = []
    for encoding in _ENCODINGS:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text and all(c.isprintable() or c.isspace() for c in text):
            decoded.append(text)
    return decoded


def _inspect_meta(path: Path) -> Iterator[Finding]:
    meta = read_file_meta_info(path)
    for tag in meta.keys():  # noqa: SIM118 - iterating decodes
        if tag not in _FILE_META:
            yield Finding(f"{tag}".replace(" ", ""), "file meta information")


def _frame_heads(pixels: Buffer) -> Iterator[bytes]:
    """Yield the beginning of each fragment of encapsulated pixel data (PS3.5 A.4)."""
    position = 12  # after tag, VR and undefined length
    if bytes(pixels[8:12]) != b"\xff\xff\xff\xff":
        return
    while bytes(pixels[position : position + 4]) == _ITEM:
        length = int.from_bytes(pixels[position + 4 : position + 8], "little")
        yield bytes(pixels[position + 8 : position + 8 + min(length, _FRAME_HEAD)])
        position += 8 + length


def _is_long(needle: str) -> bool:
    return sum(1 if c.isascii() else 2 for c in needle) >= _LONG


def _pattern(needles: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern of all needles, the short ones as whole words."""
    longest_first = sorted(needles, key=lambda n: (-len(n), n))
    parts = [re.escape(n) if not n.isascii() else _as_word(n) for n in longest_first]
    return re.compile("|".join(parts)) if parts else None


def _as_word(needle: str) -> str:
    """Match a whole word; if long and not all digits, also inside a longer one."""
    if _is_long(needle) and not needle.isdigit():
        return re.escape(needle)
    return rf"(?<![a-z0-9]){re.escape(needle)}(?![a-z0-9])"


def _byte_patterns(kinds: dict[str, str]) -> tuple[re.Pattern[bytes] | None, dict[bytes, str]]:
    of_bytes: dict[bytes, str] = {}
    for needle, kind in kinds.items():
        for encoding in _ENCODINGS if _is_long(needle) else ():
            try:
                encoded = _ESCAPES.sub(b"", needle.encode(encoding)).lower()
            except UnicodeEncodeError:
                continue
            of_bytes[encoded] = kind
    longest_first = sorted(of_bytes, key=lambda n: (-len(n), n))
    parts = [
        rb"(?<![0-9.])" + re.escape(n) + rb"(?![0-9.])" if n.isdigit() else re.escape(n)
        for n in longest_first
    ]
    return re.compile(b"|".join(parts)) if parts else None, of_bytes
