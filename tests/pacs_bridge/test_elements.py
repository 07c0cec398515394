"""The element walker against pydicom's encoder, and against damage."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacs_bridge.elements import fragments_bytes, items, plain_bytes, walk
from pacs_bridge.errors import EncodingError
from tests.pacs_bridge.support import ct_slice, encode

NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def with_sequences(undefined: bool) -> Dataset:
    inner = Dataset()
    inner.StudyDescription = "inside"
    middle = Dataset()
    middle.is_undefined_length_sequence_item = undefined
    middle.ReferencedStudySequence = Sequence([inner])
    middle["ReferencedStudySequence"].is_undefined_length = undefined
    ds = ct_slice()
    ds.ReferencedSeriesSequence = Sequence([middle, inner])
    ds["ReferencedSeriesSequence"].is_undefined_length = undefined
    return ds


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("undefined", [True, False])
def test_every_top_level_element_is_found_once_and_in_place(syntax, undefined):
    ds = with_sequences(undefined)
    data = encode(ds, syntax)
    elements = list(walk(data, syntax))
    assert [e.tag for e in elements] == [int(e.tag) for e in ds]
    pixels = elements[-1]
    assert data[pixels.start : pixels.stop] == ds.PixelData


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("undefined", [True, False])
def test_the_items_of_a_sequence_are_data_sets(syntax, undefined):
    ds = with_sequences(undefined)
    data = encode(ds, syntax)
    (sequence,) = [e for e in walk(data, syntax) if e.tag == 0x00081115]
    found = [[e.tag for e in walk(item, syntax)] for item in items(data, sequence, syntax)]
    assert found == [[0x00081110], [0x00081030]]


def test_an_item_longer_than_its_sequence_is_refused():
    data = bytearray(encode(with_sequences(undefined=False)))
    (sequence,) = [e for e in walk(bytes(data), ExplicitVRLittleEndian) if e.tag == 0x00081115]
    data[sequence.start + 4] += 200
    with pytest.raises(EncodingError):
        list(items(bytes(data), sequence, ExplicitVRLittleEndian))


@pytest.mark.parametrize("syntax", NATIVE)
def test_a_data_set_cut_inside_an_element_is_refused_wherever_it_is_cut(syntax):
    data = encode(with_sequences(undefined=True), syntax)
    boundaries = {0, len(data)}
    for element in walk(data, syntax):
        boundaries.add(element.stop + (8 if element.encapsulated else 0))
    for length in range(0, len(data), 1 if len(data) < 2000 else 7):
        if length not in boundaries:
            with pytest.raises(EncodingError):
                list(walk(data[:length], syntax))


@given(st.binary(max_size=300), st.sampled_from(NATIVE))
def test_any_bytes_are_walked_or_refused_and_never_left(data, syntax):
    try:
        for element in walk(data, syntax):
            assert 0 <= element.start <= element.stop <= len(data)
    except EncodingError:
        pass


@given(st.data())
def test_a_damaged_data_set_is_walked_or_refused(data):
    damaged = bytearray(encode(with_sequences(undefined=True)))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        for element in walk(bytes(damaged), ExplicitVRLittleEndian):
            assert element.stop <= len(damaged)
    except EncodingError:
        pass


def test_endless_nesting_is_refused():
    nested = b"\x08\x00\x15\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 5000
    with pytest.raises(EncodingError, match="nested"):
        list(walk(nested, ExplicitVRLittleEndian))


def test_fragments_are_counted_without_the_offset_table():
    ds = ct_slice()
    ds.PixelData = encapsulate([b"\x01" * 10, b"\x02" * 6])
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    data = encode(ds, JPEG2000)
    pixels = list(walk(data, JPEG2000))[-1]
    assert pixels.encapsulated
    assert fragments_bytes(data, pixels) == 16


def test_a_deflated_data_set_is_inflated_and_a_cut_one_refused():
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    plain = encode(ct_slice())
    deflated = packer.compress(plain) + packer.flush()
    assert plain_bytes(deflated, DeflatedExplicitVRLittleEndian) == plain
    with pytest.raises(EncodingError, match="cut short"):
        plain_bytes(deflated[:-20], DeflatedExplicitVRLittleEndian)
    with pytest.raises(EncodingError, match="broken"):
        plain_bytes(b"\xff" * 40, DeflatedExplicitVRLittleEndian)
