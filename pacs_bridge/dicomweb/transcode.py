"""An archived instance as a DICOM file in Explicit VR Little Endian, made piece by piece."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr, write_dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from pacs_bridge.dicomweb.body import FileRange, Made, Piece
from pacs_bridge.elements import IMPLICIT
from pacs_bridge.errors import EncodingError
from pacs_bridge.images.attributes import Large, read_attributes
from pacs_bridge.images.frames import (
    DECODING_ERRORS,
    Frames,
    decoded_octets,
    find_frames,
    is_plain,
)
from pacs_bridge.images.stored import PIXELS, Stored, opened, read_stored
from pacs_bridge.part10 import file_head
from pacs_bridge.records import InstanceRecord

_MAX_LENGTH = 0xFFFFFFFE  # of a value with a defined length (PS3.5 7.1.1)
_SWAPPED = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}  # bytes in a unit (PS3.5 7.3)
_OFFSET_TABLES = (0x7FE00001, 0x7FE00002)


def can_decode(transfer_syntax_uid: str) -> bool:
    """Whether pixel data in this transfer syntax can be decoded here."""
    try:
        return bool(get_decoder(UID(transfer_syntax_uid)).is_available)
    except NotImplementedError:
        return False


def explicit_file(record: InstanceRecord, *, max_frame_bytes: int) -> Iterator[Piece]:
    """Yield a file in Explicit VR Little Endian; frames are decoded when their turn comes.

    Colour that was compressed as YBR becomes RGB, and Photometric Interpretation says so.

    Parameters
    ----------
    max_frame_bytes
        A frame that is larger once decoded is refused.

    Raises
    ------
    EncodingError, OSError
        If the file cannot be read or its pixel data not be decoded.
    """
    attributes, stored = read_attributes(record.path), read_stored(record.path)
    dataset = attributes.dataset
    frames = find_frames(stored) if stored.pixels is not None else None
    decoded = frames if frames is not None and not is_plain(frames) else None
    if decoded is not None:
        _describe_decoded(dataset, decoded)
    _settle(dataset, record.transfer_syntax_uid)
    yield file_head(
        sop_class_uid=record.sop_class_uid,
        sop_instance_uid=record.sop_instance_uid,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        source_ae_title="",
    )
    position = 0
    for large in sorted(attributes.large, key=lambda one: one.tag):
        yield _encoded(dataset[position : large.tag])
        if decoded is not None and large.tag in PIXELS:
            yield from _decoded_pixels(decoded, large.tag, max_frame_bytes)
        else:
            yield _head(large.tag, large.vr, large.stop - large.start)
            yield _copied(record, stored, large)
        position = large.tag + 1
    yield _encoded(dataset[position:])


def _settle(dataset: Dataset, syntax: str) -> None:
    """Convert every value, so that none is written in the encoding it was read in."""
    if syntax != ExplicitVRBigEndian and syntax not in IMPLICIT:
        return
    try:
        if syntax in IMPLICIT:
            correct_ambiguous_vr(dataset, True)
        for element in dataset.iterall():
            if syntax == ExplicitVRBigEndian and element.VR in _SWAPPED and element.value:
                element.value = swapped(element.value, element.VR)
    except DECODING_ERRORS as error:
        raise EncodingError(f"the attributes cannot be read ({type(error).__name__})") from error


def swapped(value: bytes, vr: str) -> bytes:
    """Return bulk data of a VR in the other byte order."""
    unit = _SWAPPED.get(vr, 1)
    whole = len(value) - len(value) % unit
    units = np.frombuffer(value[:whole], dtype=f"u{unit}") if unit > 1 else None
    return value if units is None else units.byteswap().tobytes() + value[whole:]


def _describe_decoded(dataset: Dataset, frames: Frames) -> None:
    image = frames.image
    if image.samples_per_pixel > 1:
        dataset.PlanarConfiguration = 0
        if image.photometric_interpretation.startswith("YBR"):
            dataset.PhotometricInterpretation = "RGB"
    for tag in _OFFSET_TABLES:
        if tag in dataset:
            del dataset[tag]


def _decoded_pixels(frames: Frames, tag: int, max_frame_bytes: int) -> Iterator[Piece]:
    image = frames.image
    if (
        image.bits_allocated == 1
        and image.decoded_bytes * 8 != image.frame_bits
        and len(frames) > 1
    ):
        raise EncodingError("frames of single bits that do not fill bytes cannot be decoded")
    length = image.decoded_bytes * len(frames)
    yield _head(tag, "OW" if image.bits_allocated > 8 else "OB", length)
    for index in range(len(frames)):
        yield Made(partial(decoded_octets, frames, index, max_bytes=max_frame_bytes))
    if length % 2:
        yield b"\0"


def _copied(record: InstanceRecord, stored: Stored, large: Large) -> Piece:
    """Return a value as it is in the file, little endian."""
    length = large.stop - large.start
    big = record.transfer_syntax_uid == ExplicitVRBigEndian
    if stored.offset is not None and not big:
        return FileRange(record.path, stored.offset + large.start, length)
    with opened(record.path) as (data, _, _):
        value = bytes(data[large.start : large.stop])
    return swapped(value, large.vr) if big else value


def _head(tag: int, vr: str, length: int) -> bytes:
    """Return the head of an element with a 32-bit length (PS3.5 7.1.2), padded to even."""
    length += length % 2
    if length > _MAX_LENGTH:
        raise EncodingError(f"{length} bytes of pixel data do not fit into one element")
    long_vr = vr if vr in EXPLICIT_VR_LENGTH_32 else "UN"
    group, number = (tag >> 16).to_bytes(2, "little"), (tag & 0xFFFF).to_bytes(2, "little")
    return group + number + long_vr.encode("ascii") + b"\0\0" + length.to_bytes(4, "little")


def _encoded(dataset: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    try:
        write_dataset(buffer, dataset)
    except DECODING_ERRORS as error:
        raise EncodingError(f"the attributes cannot be written ({type(error).__name__})") from error
    return buffer.getvalue()
