"""Framing: however the stream is split, the same messages come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.errors import MessageError
from pacs_bridge.hl7.mllp import Deframer, TooLongError, frame

MESSAGES = st.lists(
    st.binary(max_size=80).filter(lambda m: b"\x1c\r" not in m and not m.endswith(b"\x1c")),
    max_size=5,
)


@given(MESSAGES, st.lists(st.integers(1, 40), max_size=30), st.sampled_from([b"", b"\r\n"]))
def test_messages_come_out_whole_however_the_stream_is_split(messages, cuts, between):
    stream = b"".join(frame(m) + between for m in messages)
    deframer = Deframer(100)
    out: list[bytes] = []
    for cut in cuts:
        out += deframer.feed(stream[:cut])
        stream = stream[cut:]
    out += deframer.feed(stream)
    assert out == messages
    assert not deframer.inside


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_give_messages_or_an_error_in_bounded_memory(chunks):
    deframer = Deframer(50)
    try:
        for chunk in chunks:
            assert all(len(m) <= 50 for m in deframer.feed(chunk))
    except MessageError:
        return
    assert len(deframer._buffer) <= 50 + 1024 + 60


def test_a_message_that_is_too_long_is_refused_with_its_head():
    deframer = Deframer(10)
    assert deframer.feed(frame(b"x" * 10)) == [b"x" * 10]
    with pytest.raises(TooLongError) as caught:
        deframer.feed(frame(b"0123456789abc"))
    assert caught.value.head == b"0123456789"
    with pytest.raises(TooLongError):
        Deframer(10).feed(b"\x0b" + b"y" * 12)


def test_bytes_outside_a_block_are_an_error():
    with pytest.raises(MessageError):
        Deframer(100).feed(b"GET / HTTP/1.1\r\n")
    with pytest.raises(MessageError):
        Deframer(100).feed(b"\r\n" * 600)


def test_a_message_with_the_end_of_a_block_inside_is_not_framed():
    for message in (b"a\x1c\rb", b"a\x1c"):
        with pytest.raises(MessageError):
            frame(message)
