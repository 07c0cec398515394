"""DICOM files (PS3.10): put a data set into one, and find the data set in one."""

from dataclasses import dataclass
from pathlib import Path

from pacs_bridge import IMPLEMENTATION_CLASS_UID, implementation_version_name
from pacs_bridge.elements import explicit_element
from pacs_bridge.errors import EncodingError

_PREAMBLE = b"\0" * 128 + b"DICM"
_SOP_CLASS = 0x00020002
_SOP_INSTANCE = 0x00020003
_TRANSFER_SYNTAX = 0x00020010
_IMPLEMENTATION_CLASS = 0x00020012
_IMPLEMENTATION_VERSION = 0x00020013
_SOURCE_AE_TITLE = 0x00020016
_RECEIVING_AE_TITLE = 0x00020018
MAX_META_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What the file meta information says, and where the data set begins.

    Parameters
    ----------
    offset
        Bytes before the data set.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    source_ae_title: str
    offset: int
    receiving_ae_title: str = ""


def file_head(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    source_ae_title: str,
    receiving_ae_title: str = "",
) -> bytes:
    """Return preamble, prefix and file meta information (PS3.10 section 7.1)."""
    elements = (
        _uid(_SOP_CLASS, sop_class_uid),
        _uid(_SOP_INSTANCE, sop_instance_uid),
        _uid(_TRANSFER_SYNTAX, transfer_syntax_uid),
        _uid(_IMPLEMENTATION_CLASS, IMPLEMENTATION_CLASS_UID),
        _text(_IMPLEMENTATION_VERSION, b"SH", implementation_version_name()),
        _text(_SOURCE_AE_TITLE, b"AE", source_ae_title) if source_ae_title else b"",
        _text(_RECEIVING_AE_TITLE, b"AE", receiving_ae_title) if receiving_ae_title else b"",
    )
    version = b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01"
    body = version + b"".join(elements)
    return _PREAMBLE + b"\x02\x00\x00\x00UL\x04\x00" + len(body).to_bytes(4, "little") + body


def read_file_meta(path: Path) -> FileMeta:
    """Read the file meta information of a DICOM file.

    Raises
    ------
    EncodingError
        If the file has no prefix ``DICM``, is cut, or lacks a UID it must have.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return parse_file_meta(file.read(MAX_META_BYTES))


def parse_file_meta(data: bytes) -> FileMeta:
    """Read the file meta information from the first `MAX_META_BYTES` bytes of a DICOM file.

    Raises
    ------
    EncodingError
        As `read_file_meta`.
    """
    if data[128:132] != b"DICM":
        raise EncodingError("the file is not DICOM: no DICM at byte 128")
    values: dict[int, str] = {}
    position = 132
    while data[position : position + 2] == b"\x02\x00":
        element = explicit_element(data, position)
        value = data[element.start : element.stop]
        values[element.tag] = value.rstrip(b"\0 ").decode("ascii", "replace")
        position = element.stop
    meta = FileMeta(
        sop_class_uid=values.get(_SOP_CLASS, ""),
        sop_instance_uid=values.get(_SOP_INSTANCE, ""),
        transfer_syntax_uid=values.get(_TRANSFER_SYNTAX, ""),
        source_ae_title=values.get(_SOURCE_AE_TITLE, ""),
        offset=position,
        receiving_ae_title=values.get(_RECEIVING_AE_TITLE, ""),
    )
    if not (meta.sop_class_uid and meta.sop_instance_uid and meta.transfer_syntax_uid):
        raise EncodingError("the file meta information lacks a UID")
    return meta


def _uid(tag: int, value: str) -> bytes:
    padded = value.encode("ascii")
    return _element(tag, b"UI", padded + b"\0" * (len(padded) % 2))


def _text(tag: int, vr: bytes, value: str) -> bytes:
    padded = value.encode("ascii", "replace")
    return _element(tag, vr, padded + b" " * (len(padded) % 2))


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    """Encode one element in Explicit VR Little Endian (PS3.5 7.1.2)."""
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + vr
    return head + len(value).to_bytes(2, "little") + value
