"""One value of bulk data, where the metadata refer to it."""

import re

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from pacs_bridge.dicomweb.body import FileRange, Piece
from pacs_bridge.dicomweb.metadata import Place
from pacs_bridge.dicomweb.problem import HttpError, bad_request, not_found
from pacs_bridge.dicomweb.transcode import swapped
from pacs_bridge.images.attributes import read_attributes
from pacs_bridge.images.frames import DECODING_ERRORS
from pacs_bridge.images.stored import opened, read_stored
from pacs_bridge.records import InstanceRecord

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_ITEM = re.compile(r"[1-9][0-9]{0,6}")
_MAX_STEPS = 64


def place_of(path: str) -> Place:
    """Read the end of a bulk data URL, as `pacs_bridge.dicomweb.metadata.place_path` makes it.

    Raises
    ------
    HttpError
        400 where it is none.
    """
    steps = path.split("/")
    if len(steps) > _MAX_STEPS or len(steps) % 2 == 0:
        raise bad_request("the path does not name an element")
    for i, step in enumerate(steps):
        if not (_ITEM if i % 2 else _TAG).fullmatch(step):
            raise bad_request("the path does not name an element")
    return tuple(int(step) if i % 2 else int(step, 16) for i, step in enumerate(steps))


def value_at(record: InstanceRecord, place: Place) -> tuple[Piece, int]:
    """Return the value at a place, little endian, and its length.

    Raises
    ------
    HttpError
        404 where there is none.
    EncodingError, OSError
        If the file cannot be read.
    """
    attributes, stored = read_attributes(record.path), read_stored(record.path)
    big = record.transfer_syntax_uid == ExplicitVRBigEndian
    for large in attributes.large:
        if place == (large.tag,) and not large.encapsulated:
            length = large.stop - large.start
            if stored.offset is not None and not big:
                return FileRange(record.path, stored.offset + large.start, length), length
            with opened(record.path) as (data, _, _):
                value = bytes(data[large.start : large.stop])
            return (swapped(value, large.vr) if big else value), length
    value, vr = _nested(attributes.dataset, place)
    return (swapped(value, vr) if big else value), len(value)


def _nested(dataset: Dataset, place: Place) -> tuple[bytes, str]:
    missing: HttpError = not_found("this bulk data")
    try:
        for tag, item in zip(place[:-1:2], place[1::2], strict=True):
            dataset = dataset[tag].value[item - 1]
        element = dataset[place[-1]]
    except DECODING_ERRORS as error:
        raise missing from error
    if not isinstance(element.value, bytes):
        raise missing
    return element.value, element.VR
