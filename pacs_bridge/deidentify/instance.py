"""Read a DICOM file without its pixel data, and write it anew around the same pixel bytes."""

import mmap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from pacs_bridge.elements import Buffer, plain_bytes, walk
from pacs_bridge.part10 import file_head, read_file_meta

# Float Pixel Data, Double Float Pixel Data, Pixel Data.
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_GE_PRIVATE = "1.2.840.113619.5.2"  # Implicit VR Little Endian with big endian pixels


@dataclass(frozen=True, slots=True)
class Encoding:
    """How data sets of a transfer syntax are encoded (PS3.5 section 10, annex A)."""

    transfer_syntax_uid: str

    @property
    def is_implicit(self) -> bool:
        """Whether elements have no VR."""
        return self.transfer_syntax_uid in {str(ImplicitVRLittleEndian), _GE_PRIVATE}

    @property
    def is_little_endian(self) -> bool:
        """Whether numbers begin with their lowest byte."""
        return self.transfer_syntax_uid != ExplicitVRBigEndian


@dataclass(frozen=True, slots=True)
class Instance:
    """A file's data set; valid as long as the file is held open by `open_instance`.

    Parameters
    ----------
    dataset
        Up to the pixel data. What follows them is private, padding or a signature that no longer
        holds, and is left behind.
    head
        The bytes of `dataset` (and, if deflated, not those of the file).
    pixels
        The encoded element of the pixel data with its tag and length; empty if there is none.
    encoding
        How both are encoded.
    """

    dataset: Dataset
    head: Buffer
    pixels: Buffer
    encoding: Encoding

    def read_again(self) -> Dataset:
        """Return a second copy of the data set, none of whose elements was decoded yet."""
        return _read(self.head, self.encoding)


@contextmanager
def open_instance(path: Path) -> Iterator[Instance]:
    """Read the data set of a DICOM file, and map its pixel data without reading it.

    Raises
    ------
    EncodingError
        If it is not a whole DICOM file.
    OSError
        If it cannot be read.
    """
    meta = read_file_meta(path)
    encoding = Encoding(meta.transfer_syntax_uid)
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
        whole[meta.offset :] as encoded,
        memoryview(plain_bytes(encoded, meta.transfer_syntax_uid)) as plain,
    ):
        start, stop = _pixel_range(plain, meta.transfer_syntax_uid)
        with plain[:start] as head, plain[start:stop] as pixels:
            yield Instance(_read(head, encoding), head, pixels, encoding)


def write_instance(path: Path, dataset: Dataset, pixels: Buffer, encoding: Encoding) -> None:
    """Write a new file with the smallest possible file meta information.

    Parameters
    ----------
    dataset
        Without pixel data; nothing after it.
    pixels
        As of `Instance`; written as it is.

    Raises
    ------
    OSError
        If the file exists or the disk refuses.
    """
    head = file_head(
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=encoding.transfer_syntax_uid,
        source_ae_title="",
    )
    parts = (encode(dataset, encoding), pixels)
    with path.open("xb") as file:
        file.write(head)
        if encoding.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            for part in parts:
                file.write(deflate.compress(part))
            file.write(deflate.flush())
        else:
            for part in parts:
                file.write(part)


def encode(dataset: Dataset, encoding: Encoding) -> bytes:
    """Encode a data set; elements that were not touched keep their bytes."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = encoding.is_implicit
    buffer.is_little_endian = encoding.is_little_endian
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def _pixel_range(plain: memoryview, transfer_syntax_uid: str) -> tuple[int, int]:
    """Return where the element of the pixel data begins and ends; an empty range if none."""
    position = 0
    for element in walk(plain, transfer_syntax_uid):
        stop = element.stop + (8 if element.encapsulated else 0)
        if element.tag in _PIXELS:
            return position, stop
        position = stop
    return len(plain), len(plain)


def _read(head: Buffer, encoding: Encoding) -> Dataset:
    return read_dataset(BytesIO(head), encoding.is_implicit, encoding.is_little_endian)
