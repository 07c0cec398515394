"""Frames of an image: their bytes as stored, or decoded."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ExplicitVRBigEndian, RLELossless

from pacs_bridge.elements import ITEM, Buffer
from pacs_bridge.errors import EncodingError
from pacs_bridge.images.codestream import check_size
from pacs_bridge.images.stored import PIXELS, Image, Pixels, Stored, opened

MAX_FRAGMENTS = 200_000
_STARTS = (b"\xff\xd8", b"\xff\x4f")  # start of a JPEG or JPEG-LS image, of a JPEG 2000 codestream
# What pydicom and its decoders raise for pixels they cannot use.
DECODING_ERRORS = (
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

Range = tuple[int, int]
"""Start and stop of bytes."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Where the frames of a file lie.

    Parameters
    ----------
    fragments
        For each frame its byte ranges; empty for native pixel data, whose frames are equally
        long.
    """

    stored: Stored
    image: Image
    pixels: Pixels
    fragments: tuple[tuple[Range, ...], ...]

    def __len__(self) -> int:
        return self.image.number_of_frames

    def ranges(self, index: int) -> tuple[Range, ...] | None:
        """Return where the frame (from 0) lies in the file; None where it must be read."""
        ranges, offset = self._ranges(index), self.stored.offset
        if ranges is None or offset is None:
            return None
        return tuple((offset + start, offset + stop) for start, stop in ranges)

    def encoded(self, index: int) -> bytes:
        """Read the frame (from 0) as it is stored.

        Raises
        ------
        EncodingError, OSError
            If the file cannot be read.
        """
        with opened(self.stored.path) as (data, _, _):
            ranges = self._ranges(index)
            if ranges is None:
                return _unaligned_bits(data, self.pixels, self.image.frame_bits, index)
            return b"".join(bytes(data[start:stop]) for start, stop in ranges)

    def _ranges(self, index: int) -> tuple[Range, ...] | None:
        if self.pixels.encapsulated:
            return self.fragments[index]
        bits = self.image.frame_bits
        if bits * index % 8:
            return None  # frames of single bits follow each other without a gap (PS3.5 8.2)
        start = self.pixels.start + bits * index // 8
        return ((start, start + (bits + 7) // 8),)


def find_frames(stored: Stored) -> Frames:
    """Find the frames of a file.

    Raises
    ------
    EncodingError
        If it has none, or they cannot be told apart.
    """
    image, pixels = stored.image, stored.pixels
    if image is None or pixels is None or not image.frame_bits:
        raise EncodingError("the instance has no pixel data")
    fragments: tuple[tuple[Range, ...], ...] = ()
    if pixels.encapsulated:
        with opened(stored.path) as (data, _, _):
            fragments = _group(data, pixels, image.number_of_frames)
    elif pixels.start + (image.frame_bits * image.number_of_frames + 7) // 8 > pixels.stop:
        raise EncodingError("there is less pixel data than the frames need")
    return Frames(stored, image, pixels, fragments)


def decode_frame(frames: Frames, index: int, *, max_bytes: int) -> "np.ndarray[Any, Any]":
    """Decode a frame (from 0); colour becomes RGB.

    Returns
    -------
    numpy.ndarray
        (rows, columns) or (rows, columns, samples).

    Raises
    ------
    EncodingError
        If it cannot be decoded, or would be larger than `max_bytes`.
    """
    image, pixels = frames.image, frames.pixels
    if image.decoded_bytes > max_bytes:
        raise EncodingError(
            f"a frame of {image.decoded_bytes} bytes is larger than the limit of {max_bytes}"
        )
    encoded = frames.encoded(index)
    if pixels.encapsulated:
        if frames.stored.transfer_syntax_uid != RLELossless:  # which claims no size of its own
            check_size(encoded, image.rows, image.columns)
        encoded = encapsulate([encoded])
    try:
        decoder = get_decoder(frames.stored.transfer_syntax_uid)
        array, _ = decoder.as_array(encoded, index=0, **_options(image, pixels))
    except BaseException as error:
        # A decoder written in Rust panics with an exception that is no Exception.
        if not isinstance(error, DECODING_ERRORS) and type(error).__module__ != "pyo3_runtime":
            raise
        raise EncodingError(
            f"transfer syntax {frames.stored.transfer_syntax_uid} cannot be decoded "
            f"({type(error).__name__})"
        ) from error
    return array


def decoded_octets(frames: Frames, index: int, *, max_bytes: int) -> bytes:
    """Return a frame (from 0) as native pixel data, little endian, colour by pixel.

    Raises
    ------
    EncodingError
        As `decode_frame`.
    """
    array = decode_frame(frames, index, max_bytes=max_bytes)
    if frames.image.bits_allocated == 1:
        return np.packbits(array.reshape(-1), bitorder="little").tobytes()
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()


def is_plain(frames: Frames) -> bool:
    """Whether the frames as stored are native pixel data, little endian."""
    big = frames.stored.transfer_syntax_uid == ExplicitVRBigEndian
    return not frames.pixels.encapsulated and not big


def _options(image: Image, pixels: Pixels) -> dict[str, Any]:
    options: dict[str, Any] = {
        "rows": image.rows,
        "columns": image.columns,
        "samples_per_pixel": image.samples_per_pixel,
        "bits_allocated": image.bits_allocated,
        "bits_stored": image.bits_stored,
        "pixel_representation": image.pixel_representation,
        "photometric_interpretation": image.photometric_interpretation,
        "number_of_frames": 1,
        "pixel_keyword": PIXELS[pixels.tag],
        "pixel_vr": pixels.vr or "OW",
    }
    if image.samples_per_pixel > 1:
        options["planar_configuration"] = image.planar_configuration
    return options


def _group(data: Buffer, pixels: Pixels, frames: int) -> tuple[tuple[Range, ...], ...]:
    """Group the fragments by frame (PS3.5 A.4; PS3.3 C.7.6.3.1.8)."""
    table, fragments = _fragments(data, pixels)
    if len(fragments) == frames:
        return tuple((fragment,) for fragment in fragments)
    if frames == 1:
        return (tuple(fragments),)
    starts = _starts(table, fragments, pixels)
    if not starts:  # no table: an image begins where a codestream does
        starts = [i for i, (a, _) in enumerate(fragments) if bytes(data[a : a + 2]) in _STARTS]
    if len(starts) != frames or starts[0] != 0 or sorted(set(starts)) != starts:
        raise EncodingError("the fragments of the pixel data cannot be assigned to frames")
    stops = [*starts[1:], len(fragments)]
    return tuple(tuple(fragments[a:b]) for a, b in zip(starts, stops, strict=True))


def _fragments(data: Buffer, pixels: Pixels) -> tuple[bytes, list[Range]]:
    """Return the Basic Offset Table and the ranges of the fragments after it."""
    table: bytes | None = None
    found: list[Range] = []
    position = pixels.start
    while position + 8 <= pixels.stop:
        head = bytes(data[position : position + 8])
        tag = int.from_bytes(head[:2], "little") << 16 | int.from_bytes(head[2:4], "little")
        start = position + 8
        position = start + int.from_bytes(head[4:], "little")
        if tag != ITEM or position > pixels.stop or len(found) >= MAX_FRAGMENTS:
            raise EncodingError("the encapsulated pixel data is broken")
        if table is None:
            table = bytes(data[start:position])
        else:
            found.append((start, position))
    return table or b"", found


def _starts(table: bytes, fragments: list[Range], pixels: Pixels) -> list[int]:
    """Return with which fragment each frame starts, by one of the offset tables."""
    offsets = pixels.extended[0] or tuple(
        int.from_bytes(table[i : i + 4], "little") for i in range(0, len(table) - 3, 4)
    )
    if not offsets or not fragments:
        return []
    first = fragments[0][0] - 8  # offsets count from the item tag of the first fragment
    places = {start - 8 - first: i for i, (start, _) in enumerate(fragments)}
    starts = [places.get(offset, -1) for offset in offsets]
    return [] if -1 in starts else starts


def _unaligned_bits(data: Buffer, pixels: Pixels, bits: int, index: int) -> bytes:
    """Return a frame of single bits that starts inside a byte."""
    first, last = bits * index // 8, (bits * (index + 1) + 7) // 8
    part = np.frombuffer(data[pixels.start + first : pixels.start + last], dtype=np.uint8)
    skip = bits * index - first * 8
    unpacked = np.unpackbits(part, bitorder="little")[skip : skip + bits]
    return np.packbits(unpacked, bitorder="little").tobytes()
