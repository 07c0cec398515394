"""What is read from a data set, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from pacs_bridge import status
from pacs_bridge.errors import RefusedError
from pacs_bridge.header import is_uid, read_header
from tests.pacs_bridge.support import ct_slice, encode


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_the_index_attributes_are_read_in_every_native_syntax(syntax):
    header = read_header(encode(ct_slice(7), syntax), syntax)
    assert header.patient_name == "Test^Case"
    assert header.sop_instance_uid == "1.2.3.1.7"
    assert (header.series_number, header.instance_number) == (3, 7)
    assert header.body_part_examined == "CHEST"


def refusal(ds, syntax=ExplicitVRLittleEndian) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        read_header(encode(ds, syntax), syntax)
    return refused.value


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
def test_a_missing_uid_is_refused(keyword):
    ds = ct_slice()
    delattr(ds, keyword)
    assert refusal(ds).status == status.BAD_UID


def test_half_of_the_pixel_data_is_refused():
    ds = ct_slice()
    ds.PixelData = ds.PixelData[:256]
    error = refusal(ds)
    assert error.status == status.PIXEL_DATA
    assert "256" in error.reason
    assert "512" in error.reason


def test_every_frame_counts():
    ds = ct_slice(NumberOfFrames=2)
    assert refusal(ds).status == status.PIXEL_DATA
    ds.PixelData = ds.PixelData * 2
    assert read_header(encode(ds), ExplicitVRLittleEndian)


def test_one_bit_segments_are_counted_in_bits():
    ds = ct_slice(BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=3)
    ds.PixelData = b"\x55" * (16 * 16 * 3 // 8)
    assert read_header(encode(ds), ExplicitVRLittleEndian)
    ds.PixelData = ds.PixelData[:-2]
    assert refusal(ds).status == status.PIXEL_DATA


def test_colour_at_half_horizontal_resolution_needs_two_thirds():
    ds = ct_slice(SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", BitsAllocated=8)
    ds.PixelData = b"\0" * (16 * 16 * 2)
    assert read_header(encode(ds), ExplicitVRLittleEndian)


def test_an_image_without_pixel_data_is_refused_also_when_rows_were_cut_off():
    ds = ct_slice()
    del ds.PixelData
    assert refusal(ds).status == status.PIXEL_DATA
    del ds.Rows
    assert refusal(ds).status == status.PIXEL_DATA


def test_a_document_needs_no_pixel_data():
    ds = ct_slice(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.34")
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(ds, keyword)
    assert read_header(encode(ds), ExplicitVRLittleEndian).modality == "CT"


def test_encapsulated_pixel_data_must_hold_something():
    ds = ct_slice()
    ds.PixelData = encapsulate([b"\x01\x02"])
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    assert read_header(encode(ds, JPEG2000), JPEG2000)
    ds.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"
    ds["PixelData"].is_undefined_length = True
    assert refusal(ds, JPEG2000).status == status.PIXEL_DATA


def test_numbers_that_are_none_are_none():
    ds = ct_slice()
    data = encode(ds).replace(b"IS\x02\x003 ", b"IS\x02\x00x ")
    assert read_header(data, ExplicitVRLittleEndian).series_number is None


def test_no_text_of_the_data_set_is_in_a_refusal():
    ds = ct_slice(PatientName="Geheim^Name")
    ds.PixelData = b"\0\0"
    assert "Geheim" not in str(refusal(ds))


@pytest.mark.parametrize("text", ["", ".", "..", "../1", "1/2", ".1", "1" * 65, "1.2\n", "a", "１"])
def test_what_is_not_a_uid(text):
    assert not is_uid(text)


@given(st.integers())
def test_what_is_a_uid(_):
    assert is_uid(generate_uid())


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_with_a_status(data):
    with pytest.raises(RefusedError) as refused:
        read_header(data, ImplicitVRLittleEndian)
    assert refused.value.status >= status.MISMATCH
