"""What the index needs to know of an instance, and the checks it must pass to be archived."""

import re
from dataclasses import dataclass

from pydicom import config
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacs_bridge import DEVICE_CLASS_UID, status
from pacs_bridge.elements import Buffer, Element, fragments_bytes, plain_bytes, walk
from pacs_bridge.errors import EncodingError, RefusedError
from pacs_bridge.text import decode, encodings

# Digits and dots only, so that a UID can be a file name; PS3.5 9.1 allows 64 characters. A
# leading dot, against the standard too, would make "..".
_UID = re.compile(r"[0-9][0-9.]{0,63}")

_OUR_CLASS = DEVICE_CLASS_UID.encode("ascii")
_CHARACTER_SET = 0x00080005
_WANTED = {
    _CHARACTER_SET: "specific_character_set",
    0x00080016: "sop_class_uid",
    0x00080018: "sop_instance_uid",
    0x00080020: "study_date",
    0x00080030: "study_time",
    0x00080050: "accession_number",
    0x00080060: "modality",
    0x00080090: "referring_physician_name",
    0x00081030: "study_description",
    0x0008103E: "series_description",
    0x00100010: "patient_name",
    0x00100020: "patient_id",
    0x00100021: "issuer_of_patient_id",
    0x00100030: "patient_birth_date",
    0x00100040: "patient_sex",
    0x00180015: "body_part_examined",
    0x0018100B: "manufacturer_device_class_uid",
    0x0020000D: "study_instance_uid",
    0x0020000E: "series_instance_uid",
    0x00200010: "study_id",
    0x00200011: "series_number",
    0x00200013: "instance_number",
    0x00200060: "laterality",
    0x00280002: "samples_per_pixel",
    0x00280004: "photometric_interpretation",
    0x00280008: "number_of_frames",
    0x00280010: "rows",
    0x00280011: "columns",
    0x00280100: "bits_allocated",
    0x00287FE0: "pixel_data_provider_url",
}
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_VISITED = frozenset(_WANTED) | _PIXELS
_NATIVE = frozenset(
    {
        str(ImplicitVRLittleEndian),
        str(ExplicitVRLittleEndian),
        str(ExplicitVRBigEndian),
        str(DeflatedExplicitVRLittleEndian),
        "1.2.840.113619.5.2",
    }
)


@dataclass(frozen=True, slots=True)
class Header:
    """The attributes of an instance that the index keeps; text decoded, empty if absent.

    Parameters
    ----------
    made_by_us
        Our software made it: it carries our device class UID.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient_id: str
    issuer_of_patient_id: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    accession_number: str
    study_date: str
    study_time: str
    study_description: str
    study_id: str
    referring_physician_name: str
    modality: str
    body_part_examined: str
    series_description: str
    laterality: str
    series_number: int | None
    instance_number: int | None
    rows: int | None
    columns: int | None
    bits_allocated: int | None
    number_of_frames: int | None
    made_by_us: bool


def is_uid(text: str) -> bool:
    """Whether `text` has the form of a UID and is safe as a file name."""
    return _UID.fullmatch(text) is not None


def read_header(dataset: Buffer, transfer_syntax_uid: str) -> Header:
    """Read and check an encoded data set.

    Parameters
    ----------
    dataset
        The data set as received, without file meta.
    transfer_syntax_uid
        The transfer syntax it is encoded in.

    Raises
    ------
    RefusedError
        If it is not a whole data set, a UID is missing or malformed, or there is less pixel
        data than Rows, Columns and the number of frames promise.
    """
    try:
        plain = plain_bytes(dataset, transfer_syntax_uid)
        raw, pixels = _collect(plain, transfer_syntax_uid)
        big_endian = transfer_syntax_uid == ExplicitVRBigEndian
        _check_pixels(plain, raw, pixels, transfer_syntax_uid in _NATIVE, big_endian)
    except EncodingError as error:
        raise RefusedError(status.CANNOT_UNDERSTAND, str(error)) from error
    return _header(raw, big_endian)


def _collect(plain: Buffer, transfer_syntax_uid: str) -> tuple[dict[str, bytes], Element | None]:
    raw: dict[str, bytes] = {}
    pixels = None
    for element in walk(plain, transfer_syntax_uid, _VISITED):
        name = _WANTED.get(element.tag)
        if name is not None and not element.encapsulated:
            raw[name] = bytes(plain[element.start : element.stop])
        elif element.tag in _PIXELS:
            pixels = element
    return raw, pixels


def _header(raw: dict[str, bytes], big_endian: bool) -> Header:
    known = encodings(raw.get("specific_character_set", b""))

    def text(name: str) -> str:
        return decode(raw.get(name, b""), known)

    return Header(
        sop_class_uid=_uid(raw, "sop_class_uid", "SOP Class UID"),
        sop_instance_uid=_uid(raw, "sop_instance_uid", "SOP Instance UID"),
        study_instance_uid=_uid(raw, "study_instance_uid", "Study Instance UID"),
        series_instance_uid=_uid(raw, "series_instance_uid", "Series Instance UID"),
        patient_id=text("patient_id"),
        issuer_of_patient_id=text("issuer_of_patient_id"),
        patient_name=text("patient_name"),
        patient_birth_date=text("patient_birth_date"),
        patient_sex=text("patient_sex"),
        accession_number=text("accession_number"),
        study_date=text("study_date"),
        study_time=text("study_time"),
        study_description=text("study_description"),
        study_id=text("study_id"),
        referring_physician_name=text("referring_physician_name"),
        modality=text("modality"),
        body_part_examined=text("body_part_examined"),
        series_description=text("series_description"),
        laterality=text("laterality"),
        series_number=_integer(raw.get("series_number", b"")),
        instance_number=_integer(raw.get("instance_number", b"")),
        rows=_unsigned(raw, "rows", big_endian),
        columns=_unsigned(raw, "columns", big_endian),
        bits_allocated=_unsigned(raw, "bits_allocated", big_endian),
        number_of_frames=_integer(raw.get("number_of_frames", b"")),
        made_by_us=_OUR_CLASS in _uids(raw.get("manufacturer_device_class_uid", b"")),
    )


def _uid(raw: dict[str, bytes], name: str, title: str) -> str:
    value = raw.get(name, b"").rstrip(b"\0 ")
    if not value:
        raise RefusedError(status.BAD_UID, f"{title} is missing")
    text = value.decode("ascii", "replace")
    if not is_uid(text):
        raise RefusedError(
            status.BAD_UID, f"{title} is not made of 1 to 64 digits and dots (PS3.5 9.1)"
        )
    return text


def _uids(value: bytes) -> list[bytes]:
    return [uid.rstrip(b"\0 ") for uid in value.split(b"\\")]


def _integer(value: bytes) -> int | None:
    """Read a VR IS value; None if absent, malformed or outside 32 bits."""
    text = value.split(b"\\")[0].strip(b" \0")
    if not re.fullmatch(rb"[+-]?[0-9]{1,11}", text):
        return None
    number = int(text)
    return number if -(2**31) <= number < 2**31 else None


def _unsigned(raw: dict[str, bytes], name: str, big_endian: bool) -> int | None:
    """Read the first value of VR US; None if absent or cut short."""
    value = raw.get(name, b"")[:2]
    return int.from_bytes(value, "big" if big_endian else "little") if len(value) == 2 else None


def _check_pixels(
    plain: Buffer, raw: dict[str, bytes], pixels: Element | None, native: bool, big_endian: bool
) -> None:
    if pixels is None:
        _check_no_pixels(raw)
        return
    if pixels.encapsulated:
        if fragments_bytes(plain, pixels) == 0:
            raise RefusedError(status.PIXEL_DATA, "the encapsulated pixel data is empty")
        return
    if not native:
        return
    expected = _native_bytes(raw, big_endian)
    if pixels.stop - pixels.start < expected:
        raise RefusedError(
            status.PIXEL_DATA,
            f"{pixels.stop - pixels.start} bytes of pixel data, but Rows, Columns and frames "
            f"need {expected}",
        )


def _check_no_pixels(raw: dict[str, bytes]) -> None:
    sop_class = raw.get("sop_class_uid", b"").rstrip(b"\0 ").decode("ascii", "replace")
    name = UID(sop_class, config.IGNORE).name if is_uid(sop_class) else ""
    is_image = "rows" in raw or "Image Storage" in name
    if is_image and "pixel_data_provider_url" not in raw:
        raise RefusedError(status.PIXEL_DATA, "an image without pixel data")


def _native_bytes(raw: dict[str, bytes], big_endian: bool) -> int:
    """Bytes of native pixel data (PS3.5 8.1, 8.2; PS3.3 C.7.6.3)."""

    def number(name: str) -> int:
        return _unsigned(raw, name, big_endian) or 0

    frames = _integer(raw.get("number_of_frames", b"")) or 1
    samples = number("samples_per_pixel") or 1
    bits = number("rows") * number("columns") * samples * number("bits_allocated") * frames
    if raw.get("photometric_interpretation", b"").strip(b" \0") == b"YBR_FULL_422":
        bits = bits * 2 // 3  # the two colour channels at half the horizontal resolution
    return (bits + 7) // 8
