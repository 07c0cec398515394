"""PDUs and messages over a pair of sockets, in every way they may be cut."""

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_bridge.dimse.command import encode_response
from pacs_bridge.dimse.messages import BytesSink, Context, MessageStream
from pacs_bridge.dimse.pdu import P_DATA_TF, PduStream, encode_pdu
from pacs_bridge.errors import (
    AssociationLostError,
    AssociationReleasedError,
    PeerError,
    ProtocolError,
)
from tests.support.scripted_scu import ABORT, CT, EXPLICIT, RELEASE_RQ, p_data, store_rq

CONTEXTS = {1: Context(1, "1.2.840.10008.1.1", EXPLICIT), 3: Context(3, CT, EXPLICIT)}


def stream(data: bytes, *, pieces: list[int] | None = None, seconds: float = 5.0) -> Iterator:
    """Yield a message stream that reads `data`, sent in pieces of the given sizes."""
    ours, theirs = socket.socketpair()

    def sender() -> None:
        rest = data
        for size in pieces or []:
            theirs.sendall(rest[:size])
            rest = rest[size:]
        theirs.sendall(rest)
        theirs.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=sender, daemon=True)
    thread.start()
    try:
        yield MessageStream(
            PduStream(ours, pdu_seconds=seconds),
            CONTEXTS,
            peer_max_pdu_bytes=16384,
            idle_seconds=seconds,
            fragment_seconds=seconds,
        )
    finally:
        ours.close()
        thread.join()
        theirs.close()


def sink(_context, _command):
    return BytesSink(10_000_000)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.binary(min_size=1, max_size=3000),
    st.integers(1, 700),
    st.lists(st.integers(1, 900), max_size=20),
)
def test_a_message_is_the_same_however_it_was_cut(dataset, piece, pieces):
    data = b"".join(store_rq(dataset, "1.2.3", message_id=9, piece=piece))
    for messages in stream(data * 2, pieces=pieces):
        for _ in range(2):
            context, command, taken = messages.read(sink)
            assert context == CONTEXTS[3]
            assert (command.message_id, command.affected_sop_instance_uid) == (9, "1.2.3")
            assert bytes(taken.data) == dataset
        with pytest.raises(AssociationLostError, match="closed"):
            messages.read(sink)


def test_several_values_in_one_pdu_are_taken_one_after_the_other():
    pdus = store_rq(b"abc" * 50, "1.2.3", piece=30)
    body = b"".join(pdu[6:] for pdu in pdus)
    for messages in stream(encode_pdu(P_DATA_TF, body)):
        _, _, taken = messages.read(sink)
        assert bytes(taken.data) == b"abc" * 50


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_end_in_a_peer_error(data):
    for messages in stream(data):
        with pytest.raises(PeerError):
            while True:
                messages.read(sink)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_a_message_with_bytes_changed_ends_in_a_peer_error_or_is_a_message(data):
    whole = bytearray(b"".join(store_rq(bytes(200), "1.2.3", piece=90)))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    for messages in stream(bytes(whole)):
        with pytest.raises(PeerError):
            while True:
                messages.read(sink)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (encode_pdu(0x09, b""), "does not exist"),
        (b"\x04\x00\xff\xff\xff\xff", "were agreed"),
        (encode_pdu(P_DATA_TF, b""), "without a value"),
        (p_data(5, b"x", command=True, last=True), "was not accepted"),
        (p_data(3, b"x", command=False, last=True), "where a command should be"),
        (encode_pdu(P_DATA_TF, b"\x00\x00\x00\x09\x03\x03"), "does not fit"),
        (b"".join(store_rq(b"x", "1.2")[:1] * 2), "rest of a data set"),
        (b"".join([p_data(3, bytes(9000), command=True, last=False)] * 9), "64 KiB"),
    ],
)
def test_what_the_standard_does_not_allow_is_named(data, message):
    for messages in stream(data):
        with pytest.raises(ProtocolError, match=message):
            messages.read(sink)


def test_a_release_is_answered_and_an_abort_is_not():
    for messages in stream(RELEASE_RQ):
        with pytest.raises(AssociationReleasedError):
            messages.read(sink)
    for messages in stream(ABORT):
        with pytest.raises(AssociationLostError, match="aborted"):
            messages.read(sink)


def test_a_data_set_larger_than_its_sink_is_an_error():
    data = b"".join(store_rq(bytes(2000), "1.2.3"))
    for messages in stream(data):
        with pytest.raises(ProtocolError, match="1000 bytes"):
            messages.read(lambda _context, _command: BytesSink(1000))


def test_half_a_pdu_ends_at_its_deadline_and_silence_at_the_idle_one():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pdus = PduStream(ours, pdu_seconds=0.2)
        with pytest.raises(AssociationLostError, match="silent"):
            pdus.read(0.1)
        theirs.sendall(b"\x04\x00\x00\x00\x01")
        with pytest.raises(AssociationLostError, match="silent"):
            pdus.read(5.0)


def test_a_peer_that_does_not_read_is_given_up():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pdus = PduStream(ours, pdu_seconds=0.2)
        with pytest.raises(AssociationLostError, match="does not read"):
            pdus.write(bytes(50_000_000))


def test_what_we_send_is_cut_to_the_peers_size():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = MessageStream(
            PduStream(ours, pdu_seconds=5),
            CONTEXTS,
            peer_max_pdu_bytes=100,
            idle_seconds=5,
            fragment_seconds=5,
        )
        reader = MessageStream(
            PduStream(theirs, pdu_seconds=5),
            CONTEXTS,
            peer_max_pdu_bytes=100,
            idle_seconds=5,
            fragment_seconds=5,
        )
        command = store_rq(b"x", "1.2.3")[0][12:]
        sender.write(3, command, bytes(range(250)))
        raw = theirs.recv(4096, socket.MSG_PEEK)
        assert int.from_bytes(raw[2:6], "big") <= 100
        _, read, taken = reader.read(sink)
        assert (read.affected_sop_instance_uid, bytes(taken.data)) == ("1.2.3", bytes(range(250)))
        sender.write(3, encode_response(read, 0))
        assert reader.read(sink)[1].field == 0x8001
