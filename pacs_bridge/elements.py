"""Walk the data elements of an encoded data set without reading what is not asked for.

pydicom reads a data set that was cut short without complaint; an archive must not. This
walker visits the top level only, checks that every value lies inside the bytes, and copies
nothing.
"""

import zlib
from collections.abc import Generator, Iterator
from struct import Struct
from typing import NamedTuple

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

from pacs_bridge.errors import EncodingError

Buffer = bytes | memoryview
"""An encoded data set in memory, or mapped from its file."""

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = frozenset(str(vr).encode() for vr in EXPLICIT_VR_LENGTH_32)
_SHORT_VRS = frozenset(str(vr).encode() for vr in VR) - _LONG_VRS
_EXPLICIT_HEAD = Struct("<HH2sH")
_LONG = Struct("<L")
IMPLICIT = frozenset({str(ImplicitVRLittleEndian), "1.2.840.113619.5.2"})  # and GE private
_MAX_DEPTH = 64
# A small message may inflate a thousandfold, in each association at once.
_MAX_INFLATED = 2**29


class Element(NamedTuple):
    """Where one data element lies.

    Parameters
    ----------
    tag
        Group and element number, ``0xGGGGEEEE``.
    start, stop
        Byte range of the value; for undefined length up to its end delimiter.
    encapsulated
        The length was undefined: a sequence, or encapsulated pixel data.
    """

    tag: int
    start: int
    stop: int
    encapsulated: bool


def plain_bytes(
    dataset: Buffer, transfer_syntax_uid: str, *, max_bytes: int = _MAX_INFLATED
) -> Buffer:
    """Return the data set inflated if the transfer syntax deflates it (PS3.5 A.5).

    Raises
    ------
    EncodingError
        If the deflated stream is broken or inflates to more than `max_bytes`.
    """
    if transfer_syntax_uid != DeflatedExplicitVRLittleEndian:
        return dataset
    stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        plain = stream.decompress(dataset, max_bytes)
    except zlib.error as error:
        raise EncodingError("the deflated data set is broken") from error
    if not stream.eof:
        raise EncodingError(f"the deflated data set is cut short or exceeds {max_bytes} bytes")
    return plain


def walk(
    data: Buffer, transfer_syntax_uid: str, wanted: frozenset[int] | None = None
) -> Iterator[Element]:
    """Yield the top-level elements of `data` in order.

    Parameters
    ----------
    data
        An encoded data set, not deflated, without file meta.
    transfer_syntax_uid
        How it is encoded. Every syntax unknown to us is taken as Explicit VR Little Endian,
        which PS3.5 A.4 prescribes for all encapsulated ones.
    wanted
        Tags to yield; None yields all. The others are checked all the same.

    Raises
    ------
    EncodingError
        If an element does not fit in the bytes or is not an element.
    """
    walker = _walker(data, transfer_syntax_uid)
    position = 0
    while position < len(data):
        if walker.is_little_explicit:
            position = yield from _plain_elements(data, position, wanted)
            if position == len(data):
                return
        element = walker.element_at(position)
        if wanted is None or element.tag in wanted:
            yield element
        position = element.stop + (8 if element.encapsulated else 0)


def _plain_elements(
    data: Buffer, position: int, wanted: frozenset[int] | None
) -> Generator[Element, None, int]:
    """Yield elements up to the first that needs a closer look; return where that begins.

    Explicit VR Little Endian, which nearly all instances are in: this loop saves most of the
    time that an instance takes.
    """
    size = len(data)
    unpack = _EXPLICIT_HEAD.unpack_from
    while position < size - 12:
        group, number, vr, length = unpack(data, position)
        if vr in _SHORT_VRS:
            start = position + 8
        elif vr in _LONG_VRS:
            start = position + 12
            length = _LONG.unpack_from(data, position + 8)[0]
            if length == UNDEFINED:
                return position
        else:
            return position
        stop = start + length
        if stop > size:
            return position
        tag = group << 16 | number
        if wanted is None or tag in wanted:
            yield Element(tag, start, stop, False)
        position = stop
    return position


def _walker(data: Buffer, transfer_syntax_uid: str) -> "_Walker":
    return _Walker(
        data,
        implicit=transfer_syntax_uid in IMPLICIT,
        order=">" if transfer_syntax_uid == ExplicitVRBigEndian else "<",
    )


def explicit_element(data: Buffer, position: int) -> Element:
    """Return the Explicit VR Little Endian element that starts at `position`.

    Raises
    ------
    EncodingError
        As `walk`.
    """
    return _Walker(data, implicit=False, order="<").element_at(position)


def items(data: Buffer, element: Element, transfer_syntax_uid: str) -> Iterator[Buffer]:
    """Yield the encoded data sets of a sequence's items (PS3.5 7.5).

    Parameters
    ----------
    data, transfer_syntax_uid
        As for `walk`, which gave `element`.

    Raises
    ------
    EncodingError
        If an item does not fit in the sequence.
    """
    walker = _walker(data, transfer_syntax_uid)
    position = element.start
    while position < element.stop:
        start, stop, position = walker.item_at(position)
        if position > element.stop:
            raise EncodingError(f"an item of {_name(element.tag)} ends after its sequence")
        yield data[start:stop]


class _Walker:
    def __init__(self, data: Buffer, *, implicit: bool, order: str) -> None:
        self.is_little_explicit = not implicit and order == "<"
        self._data = data
        self._implicit = implicit
        self._order = order
        self._tag = Struct(order + "HH")
        self._short = Struct(order + "H")
        self._long = Struct(order + "L")

    def element_at(self, position: int, depth: int = 0) -> Element:
        tag, vr, length, start = self._head(position)
        if length != UNDEFINED:
            if start + length > len(self._data):
                raise EncodingError(
                    f"element {_name(tag)} ends {start + length - len(self._data)} bytes "
                    "after the end of the data set"
                )
            return Element(tag, start, start + length, encapsulated=False)
        if self._implicit or vr != b"UN":
            stop = self._sequence_stop(start, depth)
        else:  # UN of undefined length holds Implicit VR Little Endian (PS3.5 6.2.2 note 7)
            inner = _Walker(self._data, implicit=True, order="<")
            stop = inner._sequence_stop(start, depth)
        return Element(tag, start, stop, encapsulated=True)

    def item_at(self, position: int) -> tuple[int, int, int]:
        """Return where the content of an item starts and stops, and what follows it."""
        tag, _, length, start = self._head(position)
        if tag != ITEM:
            raise EncodingError(f"{_name(tag)} stands where an item of a sequence should")
        if length != UNDEFINED:
            return start, start + length, start + length
        after = self._item_stop(start, 0)
        return start, after - 8, after  # without the delimiter

    def _head(self, position: int) -> tuple[int, bytes, int, int]:
        """Tag, VR (empty if implicit), length, start of the value."""
        data = self._data
        if position + 8 > len(data):
            raise EncodingError("the data set ends inside the head of an element")
        group, number = self._tag.unpack_from(data, position)
        tag = group << 16 | number
        if self._implicit or group == 0xFFFE:
            return tag, b"", self._long.unpack_from(data, position + 4)[0], position + 8
        vr = bytes(data[position + 4 : position + 6])
        if not (vr.isalpha() and vr.isupper()):
            raise EncodingError(f"element {_name(tag)} has no value representation")
        if vr not in _LONG_VRS:
            return tag, vr, self._short.unpack_from(data, position + 6)[0], position + 8
        if position + 12 > len(data):
            raise EncodingError("the data set ends inside the head of an element")
        return tag, vr, self._long.unpack_from(data, position + 8)[0], position + 12

    def _sequence_stop(self, position: int, depth: int) -> int:
        """Return the position of the sequence delimiter that closes what starts here."""
        if depth > _MAX_DEPTH:
            raise EncodingError(f"sequences are nested more than {_MAX_DEPTH} deep")
        while True:
            tag, _, length, start = self._head(position)
            if tag == SEQUENCE_END:
                return position
            if tag != ITEM:
                raise EncodingError(f"{_name(tag)} stands where an item of a sequence should")
            position = self._item_stop(start, depth) if length == UNDEFINED else start + length

    def _item_stop(self, position: int, depth: int) -> int:
        while True:
            tag, _, _, start = self._head(position)
            if tag == ITEM_END:
                return start
            element = self.element_at(position, depth + 1)
            position = element.stop + (8 if element.encapsulated else 0)


def fragments_bytes(data: Buffer, element: Element) -> int:
    """Return how many bytes of encapsulated pixel data lie in fragments after the offset table.

    Raises
    ------
    EncodingError
        If an item does not fit (PS3.5 A.4).
    """
    total, position, items = 0, element.start, 0
    while position < element.stop:
        if position + 8 > element.stop:
            raise EncodingError("a pixel data fragment is cut short")
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        total += length if items else 0
        items += 1
        position += 8 + length
    if position != element.stop:
        raise EncodingError("a pixel data fragment is cut short")
    return total


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
