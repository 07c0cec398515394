"""Multipart answers, whole and broken, however they are cut into chunks."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.errors import PeerError
from pacs_bridge.retrieve.parts import parts

TYPE = 'multipart/related; type="application/dicom"; boundary="b"'


def body(*contents: bytes, boundary: str = "b") -> bytes:
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(head + c + b"\r\n" for c in contents) + f"--{boundary}--\r\n".encode()


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@given(
    st.lists(st.binary(max_size=60).filter(lambda c: b"\r\n--b" not in c), min_size=1, max_size=4),
    st.integers(1, 70),
)
def test_parts_come_out_as_they_went_in(contents, size):
    assert list(parts(chunks(body(*contents), size), TYPE)) == contents


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_parts_or_a_peer_error(data, size):
    with suppress(PeerError):
        assert all(isinstance(p, bytes) for p in parts(chunks(data, size), TYPE))


def test_an_answer_cut_short_is_an_error_after_its_whole_parts():
    data = body(b"one", b"two")
    stream = parts([data[:-12]], TYPE)
    assert next(stream) == b"one"
    with pytest.raises(PeerError, match="last boundary"):
        list(stream)


def test_a_part_that_is_too_large_is_an_error():
    with pytest.raises(PeerError, match="larger than 10 bytes"):
        list(parts(chunks(body(b"x" * 50), 8), TYPE, max_part_bytes=10))


def test_a_single_instance_is_an_answer_too():
    assert list(parts([b"DI", b"CM"], "application/dicom")) == [b"DICM"]


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "multipart/related", "multipart/related; boundary=é", "text/html"],
)
def test_an_answer_of_another_kind_is_an_error(content_type):
    with pytest.raises(PeerError):
        list(parts([body(b"one")], content_type))
