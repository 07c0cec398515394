"""Requests for commitment: read from any encoding, refused when they are none."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_bridge.commitment.action import event_information, event_type, read_request
from pacs_bridge.commitment.datasets import request_dataset
from pacs_bridge.errors import EncodingError

PAIRS = [("1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{n}") for n in range(3)]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("undefined_length", [True, False])
def test_what_is_asked_is_read(syntax, undefined_length):
    dataset = request_dataset("1.2.9", PAIRS)
    dataset["ReferencedSOPSequence"].is_undefined_length = undefined_length
    for item in dataset.ReferencedSOPSequence:
        item.is_undefined_length_sequence_item = undefined_length
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = syntax == ImplicitVRLittleEndian
    buffer.is_little_endian = True
    write_dataset(buffer, dataset)
    request = read_request(buffer.getvalue(), syntax)
    assert request.transaction_uid == "1.2.9"
    assert list(request.references) == PAIRS


@pytest.mark.parametrize("without", ["TransactionUID", "ReferencedSOPSequence"])
def test_a_request_that_lacks_something_is_refused(without):
    dataset = request_dataset("1.2.9", PAIRS)
    delattr(dataset, without)
    with pytest.raises(EncodingError):
        read_request(_encode(dataset), ExplicitVRLittleEndian)


@pytest.mark.filterwarnings("ignore:.*for VR UI")
@pytest.mark.parametrize("pair", [("1.2", "../evil"), ("", "1.2"), ("1.2", "1" * 65)])
def test_a_malformed_uid_is_refused(pair):
    with pytest.raises(EncodingError):
        read_request(_encode(request_dataset("1.2.9", [*PAIRS, pair])), ExplicitVRLittleEndian)


def test_a_report_lists_each_reference_once():
    request = read_request(_encode(request_dataset("1.2.9", PAIRS)), ExplicitVRLittleEndian)
    report = event_information(request, {PAIRS[1]: 0x0112}, "US")
    kept = [i.ReferencedSOPInstanceUID for i in report.ReferencedSOPSequence]
    assert kept == ["1.2.3.0", "1.2.3.2"]
    (failed,) = report.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == ("1.2.3.1", 0x0112)
    assert event_type({PAIRS[1]: 0x0112}) == 2
    assert "FailedSOPSequence" not in event_information(request, {}, "")
    assert event_type({}) == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    with pytest.raises(EncodingError):
        read_request(data, ImplicitVRLittleEndian)


@given(st.data())
def test_a_request_cut_or_changed_is_read_or_refused(data):
    whole = bytearray(_encode(request_dataset("1.2.9", PAIRS)))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with contextlib.suppress(EncodingError):
        read_request(cut, ExplicitVRLittleEndian)


def _encode(dataset: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = False
    buffer.is_little_endian = True
    write_dataset(buffer, dataset)
    return buffer.getvalue()
