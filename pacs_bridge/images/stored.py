"""Where things lie in a file of the archive: data set, pixel data, frames.

The file is mapped, not read: what is found are offsets, so that one frame of a large clip
costs one frame.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from pacs_bridge.elements import Buffer, Element, plain_bytes, walk
from pacs_bridge.errors import EncodingError
from pacs_bridge.header import is_uid
from pacs_bridge.part10 import read_file_meta

MAX_INFLATED = 512 * 1024 * 1024
PIXEL_DATA = 0x7FE00010
_FLOAT_PIXEL_DATA, _DOUBLE_PIXEL_DATA = 0x7FE00008, 0x7FE00009
PIXELS = {
    PIXEL_DATA: "PixelData",
    _FLOAT_PIXEL_DATA: "FloatPixelData",
    _DOUBLE_PIXEL_DATA: "DoubleFloatPixelData",
}
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002  # Extended Offset Table and its lengths
_NUMBERS = {
    0x00280002: "samples_per_pixel",
    0x00280006: "planar_configuration",
    0x00280010: "rows",
    0x00280011: "columns",
    0x00280100: "bits_allocated",
    0x00280101: "bits_stored",
    0x00280103: "pixel_representation",
}
_PHOTOMETRIC, _FRAMES = 0x00280004, 0x00280008
_TABLES = {_OFFSETS, _LENGTHS}
_SHORT = frozenset({*_NUMBERS, _PHOTOMETRIC, _FRAMES})
_WANTED = _SHORT | _TABLES | PIXELS.keys()
_MAX_TABLE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Image:
    """The Image Pixel Module (PS3.3 C.7.6.3); 0 and empty where absent."""

    rows: int
    columns: int
    samples_per_pixel: int
    planar_configuration: int
    bits_allocated: int
    bits_stored: int
    pixel_representation: int
    photometric_interpretation: str
    number_of_frames: int

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame (PS3.5 8.1, 8.2)."""
        bits = self.rows * self.columns * self.samples_per_pixel * self.bits_allocated
        if self.photometric_interpretation == "YBR_FULL_422":
            return bits * 2 // 3  # the colour channels at half the horizontal resolution
        return bits

    @property
    def decoded_bytes(self) -> int:
        """Bytes of one frame once decoded, no colour subsampled."""
        samples = self.rows * self.columns * self.samples_per_pixel
        return (samples * self.bits_allocated + 7) // 8


@dataclass(frozen=True, slots=True)
class Pixels:
    """The pixel data of a file.

    Parameters
    ----------
    tag, vr
        Of the element; `vr` is empty where the encoding does not tell.
    start, stop
        Byte range of the value in the data set.
    encapsulated
        In fragments (PS3.5 A.4), not native.
    extended
        Extended Offset Table and Extended Offset Table Lengths, empty where absent.
    """

    tag: int
    vr: str
    start: int
    stop: int
    encapsulated: bool
    extended: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Stored:
    """An archived file.

    Parameters
    ----------
    offset
        Of the data set in the file; None where it is deflated and has no place there.
    image, pixels
        None where there is no pixel data.
    """

    path: Path
    transfer_syntax_uid: str
    offset: int | None
    image: Image | None
    pixels: Pixels | None


@contextmanager
def opened(path: Path) -> Iterator[tuple[Buffer, str, int]]:
    """Give the plain data set of a file, its transfer syntax, and its offset in the file.

    Raises
    ------
    EncodingError
        If the file is not DICOM, or inflates to more than `MAX_INFLATED` bytes.
    OSError
        If it cannot be read.
    """
    meta = read_file_meta(path)
    if not is_uid(meta.transfer_syntax_uid):
        raise EncodingError("the transfer syntax is not a UID")
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
        whole[meta.offset :] as view,
    ):
        plain = plain_bytes(view, meta.transfer_syntax_uid, max_bytes=MAX_INFLATED)
        yield plain, meta.transfer_syntax_uid, meta.offset


def read_stored(path: Path) -> Stored:
    """Find the pixel data of a file.

    Raises
    ------
    EncodingError, OSError
        As `opened`.
    """
    with opened(path) as (data, syntax, offset):
        raw: dict[int, bytes] = {}
        found: Element | None = None
        for element in walk(data, syntax, _WANTED):
            if element.tag in _SHORT:
                raw[element.tag] = bytes(
                    data[element.start : min(element.stop, element.start + 64)]
                )
            elif element.tag in _TABLES and element.stop - element.start <= _MAX_TABLE_BYTES:
                raw[element.tag] = bytes(data[element.start : element.stop])
            elif element.tag in PIXELS:
                found = element
        deflated = syntax == DeflatedExplicitVRLittleEndian
        return Stored(
            path=path,
            transfer_syntax_uid=syntax,
            offset=None if deflated else offset,
            image=None if found is None else _image(raw, syntax),
            pixels=None if found is None else _pixels(data, found, raw),
        )


def _image(raw: dict[int, bytes], syntax: str) -> Image:
    order = "big" if syntax == ExplicitVRBigEndian else "little"
    numbers = {
        name: int.from_bytes(raw.get(tag, b"")[:2], order)  # type: ignore[arg-type]
        for tag, name in _NUMBERS.items()
    }
    numbers["samples_per_pixel"] = numbers["samples_per_pixel"] or 1
    numbers["bits_stored"] = numbers["bits_stored"] or numbers["bits_allocated"]
    frames = raw.get(_FRAMES, b"").split(b"\\")[0].strip(b" \0")
    return Image(
        **numbers,
        photometric_interpretation=raw.get(_PHOTOMETRIC, b"")
        .decode("ascii", "replace")
        .strip(" \0"),
        number_of_frames=max(1, int(frames)) if frames.isdigit() and len(frames) < 10 else 1,
    )


def _pixels(data: Buffer, element: Element, raw: dict[int, bytes]) -> Pixels:
    # The head of an explicit element with a 32-bit length: tag, VR, two empty bytes, length.
    vr = bytes(data[element.start - 8 : element.start - 6])
    offsets, lengths = (_words(raw.get(tag, b"")) for tag in (_OFFSETS, _LENGTHS))
    return Pixels(
        tag=element.tag,
        vr=vr.decode() if vr in (b"OB", b"OW", b"OF", b"OD") else "",
        start=element.start,
        stop=element.stop,
        encapsulated=element.encapsulated,
        extended=(offsets, lengths),
    )


def _words(table: bytes) -> tuple[int, ...]:
    if len(table) % 8:
        raise EncodingError("an Extended Offset Table is not made of 64-bit numbers")
    return tuple(int.from_bytes(table[i : i + 8], "little") for i in range(0, len(table), 8))
