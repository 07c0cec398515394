"""The attributes of an archived file without its bulk, and of one frame of it."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from pacs_bridge.elements import IMPLICIT, Buffer, Element, walk
from pacs_bridge.errors import EncodingError
from pacs_bridge.images.stored import PIXELS, opened
from pacs_bridge.part10 import file_head

# Palette and look-up tables (PS3.3 C.7.6.3.1.6: 65536 entries of 16 bits) still belong to the
# attributes.
MAX_ELEMENT = 256 * 1024
# Per-frame functional groups of a whole slide image come to tens of megabytes.
MAX_ATTRIBUTES = 64 * 1024 * 1024
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


@dataclass(frozen=True, slots=True)
class Large:
    """An element whose value was left in the file.

    Parameters
    ----------
    vr
        Value representation.
    start, stop
        Byte range of the value in the data set.
    """

    tag: int
    vr: str
    start: int
    stop: int
    encapsulated: bool


@dataclass(frozen=True, slots=True)
class Attributes:
    """The data set of a file.

    Parameters
    ----------
    dataset
        Its elements up to `MAX_ELEMENT` bytes each, and all sequences.
    large
        The others, pixel data first of all.
    """

    dataset: Dataset
    large: tuple[Large, ...]


def read_attributes(path: Path) -> Attributes:
    """Read the attributes of a file.

    Raises
    ------
    EncodingError
        If it is not a DICOM file, or has more than `MAX_ATTRIBUTES` bytes of attributes.
    OSError
        If it cannot be read.
    """
    with opened(path) as (data, syntax, _):
        kept: list[bytes] = []
        large: list[Large] = []
        size = position = 0
        for element in walk(data, syntax):
            stop = element.stop + (8 if element.encapsulated else 0)
            if _is_large(element):
                large.append(_large(data, element, syntax))
            else:
                kept.append(bytes(data[position:stop]))
                size += stop - position
            if size > MAX_ATTRIBUTES:
                raise EncodingError(f"the attributes take more than {MAX_ATTRIBUTES} bytes")
            position = stop
    if syntax == DeflatedExplicitVRLittleEndian:
        syntax = ExplicitVRLittleEndian
    head = file_head(
        sop_class_uid="0", sop_instance_uid="0", transfer_syntax_uid=syntax, source_ae_title=""
    )
    try:
        dataset = dcmread(BytesIO(b"".join((head, *kept))))
    except (InvalidDicomError, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise EncodingError(f"the attributes cannot be read ({type(error).__name__})") from error
    return Attributes(dataset, tuple(large))


def frame_attributes(dataset: Dataset, frame: int) -> Dataset:
    """Return the attributes of one frame (from 0).

    Those of the functional groups of an enhanced image (PS3.3 C.7.6.16) are put beside the
    others; for other images the data set is returned as it is.
    """
    shared, per_frame = (dataset.get(keyword) for keyword in _GROUPS)
    if not shared and not per_frame:
        return dataset
    merged = Dataset()
    merged.update({element.tag: element for element in dataset if element.keyword not in _GROUPS})
    groups = [shared[0]] if shared else []
    if per_frame and frame < len(per_frame):
        groups.append(per_frame[frame])
    for group in groups:
        for macro in group:
            if macro.VR == "SQ" and macro.value:
                merged.update(macro.value[0])
    return merged


def _is_large(element: Element) -> bool:
    # An undefined length is that of a sequence, but for pixel data.
    return element.tag in PIXELS or (
        not element.encapsulated and element.stop - element.start > MAX_ELEMENT
    )


def _large(data: Buffer, element: Element, syntax: str) -> Large:
    if syntax in IMPLICIT:
        vr = _dictionary_vr(element.tag)
    else:  # values this long have the head with a 32-bit length: tag, VR, 2 bytes, length
        vr = bytes(data[element.start - 8 : element.start - 6]).decode("ascii", "replace")
    return Large(element.tag, vr, element.start, element.stop, element.encapsulated)


def _dictionary_vr(tag: int) -> str:
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return "UN"
    return vr if len(vr) == 2 else "OW"  # "OB or OW": in implicit encodings OW (PS3.5 A.1)
