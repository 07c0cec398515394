"""The MLLP listener on real sockets: whole messages, and senders that misbehave."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_bridge.errors import BridgeError
from pacs_bridge.hl7.inbox import Inbox, InboxPolicy, list_incoming
from pacs_bridge.hl7.mllp import frame
from pacs_bridge.hl7.receiver import Receiver, ReceiverLimits
from pacs_bridge.hl7.sender import Hl7Peer, MllpConnection
from pacs_bridge.tls import TlsFiles
from tests.pacs_bridge.hl7.messages import orm
from tests.pacs_bridge.support import poll
from tests.support.certificates import make_authority


class Echo:
    """A sink that answers with what it was given."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.refused: list[str] = []

    def accept(self, raw: bytes, peer_host: str) -> bytes:
        self.taken.append(raw)
        return raw

    def refuse(self, head: bytes, peer_host: str, reason: str) -> bytes:
        self.refused.append(reason)
        return b"refused"


@contextmanager
def receiving(sink, **options):
    receiver = Receiver(sink, host="127.0.0.1", port=0, **options)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()


@contextmanager
def connected(port: int):
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        yield connection


def read(connection: socket.socket, count: int = 1) -> list[bytes]:
    """The next frames, or fewer when the connection ends."""
    data = b""
    while data.count(b"\x1c\r") < count and (more := connection.recv(4096)):
        data += more
    return [part.removeprefix(b"\x0b") for part in data.split(b"\x1c\r")[:-1]]


@pytest.fixture(scope="module")
def echoing():
    sink = Echo()
    with receiving(sink) as receiver:
        yield receiver


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.binary(min_size=1, max_size=60).filter(lambda m: b"\x1c" not in m), min_size=1,
             max_size=4),
    st.lists(st.integers(1, 30), max_size=10),
)  # fmt: skip
def test_messages_split_and_joined_at_any_point_are_answered_in_order(echoing, messages, cuts):
    stream = b"".join(map(frame, messages))
    with connected(echoing.port) as connection:
        for cut in cuts:
            connection.sendall(stream[:cut])
            stream = stream[cut:]
        connection.sendall(stream)
        assert read(connection, len(messages)) == messages


def test_one_sender_does_not_wait_for_another():
    waiting, go = threading.Event(), threading.Event()

    class Slow(Echo):
        def accept(self, raw, peer_host):
            if raw == b"slow":
                waiting.set()
                assert go.wait(10)
            return raw

    with receiving(Slow()) as receiver, connected(receiver.port) as slow:
        slow.sendall(frame(b"slow"))
        assert waiting.wait(10)
        with connected(receiver.port) as fast:
            fast.sendall(frame(b"fast"))
            assert read(fast) == [b"fast"]
        go.set()
        assert read(slow) == [b"slow"]


def test_a_message_that_trickles_in_has_one_deadline():
    limits = ReceiverLimits(message_seconds=0.5)
    with receiving(Echo(), limits=limits) as receiver, connected(receiver.port) as slow:
        slow.sendall(b"\x0bMSH")
        started = time.monotonic()
        closed = threading.Event()

        def trickle() -> None:
            try:
                while not closed.wait(0.05):
                    slow.sendall(b"x")
            except OSError:
                return

        thread = threading.Thread(target=trickle)
        thread.start()
        with suppress(ConnectionResetError):
            assert slow.recv(10) == b""
        assert 0.4 < time.monotonic() - started < 5
        closed.set()
        thread.join()


def test_an_idle_connection_stays_and_then_goes():
    limits = ReceiverLimits(message_seconds=0.2, idle_seconds=1.0)
    with receiving(Echo(), limits=limits) as receiver, connected(receiver.port) as idle:
        started = time.monotonic()
        assert idle.recv(10) == b""
        assert time.monotonic() - started > 0.8


def test_a_message_that_is_too_long_is_refused_and_the_connection_closed():
    sink = Echo()
    limits = ReceiverLimits(message_bytes=1000)
    with receiving(sink, limits=limits) as receiver:
        with connected(receiver.port) as connection:
            connection.sendall(b"\x0b" + b"x" * 1002)
            assert read(connection, 2) == [b"refused"]
        assert sink.refused == ["the message is longer than 1000 bytes"]
        assert sink.taken == []
        with connected(receiver.port) as again:
            again.sendall(frame(b"x" * 1000))
            assert read(again) == [b"x" * 1000]


@pytest.mark.parametrize(
    "noise", [b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 8, b"\x16\x03\x01\x02\x00\x01"]
)
def test_who_does_not_speak_mllp_is_dropped(noise):
    with receiving(Echo()) as receiver:
        with connected(receiver.port) as connection:
            connection.sendall(noise)
            with suppress(ConnectionResetError):
                assert connection.recv(10) == b""
        poll(lambda: receiver.connections == 0)
        with connected(receiver.port) as good:
            good.sendall(frame(b"good"))
            assert read(good) == [b"good"]


def test_a_sender_that_leaves_inside_a_message_leaves_nothing():
    sink = Echo()
    with receiving(sink) as receiver:
        with connected(receiver.port) as connection:
            connection.sendall(frame(b"whole") + b"\x0bhalf")
            assert read(connection) == [b"whole"]
        poll(lambda: receiver.connections == 0)
    assert sink.taken == [b"whole"]


def test_more_connections_than_allowed_are_closed_at_once():
    with receiving(Echo(), limits=ReceiverLimits(connections=2)) as receiver:
        with connected(receiver.port) as first, connected(receiver.port):
            poll(lambda: receiver.connections == 2)
            with connected(receiver.port) as third:
                assert third.recv(10) == b""
            first.sendall(frame(b"x"))
            assert read(first) == [b"x"]
        poll(lambda: receiver.connections == 0)
        with connected(receiver.port) as again:
            again.sendall(frame(b"y"))
            assert read(again) == [b"y"]


def test_only_allowed_hosts_may_connect():
    sink = Echo()
    with receiving(sink, allowed_hosts=["10.0.0.0/8"]) as receiver:
        with connected(receiver.port) as connection:
            try:
                connection.sendall(frame(b"x"))
                assert connection.recv(10) == b""
            except ConnectionError:
                pass
        assert sink.taken == []
    hosts = ["10.0.0.7", "127.0.0.0/8"]
    with (
        receiving(Echo(), allowed_hosts=hosts) as receiver,
        connected(receiver.port) as connection,
    ):
        connection.sendall(frame(b"x"))
        assert read(connection) == [b"x"]
    with pytest.raises(BridgeError, match="ris"):
        Receiver(sink, host="127.0.0.1", port=0, allowed_hosts=["ris.hospital"])


def test_a_port_that_is_taken_is_named():
    with receiving(Echo()) as receiver, pytest.raises(BridgeError, match=str(receiver.port)):
        Receiver(Echo(), host="127.0.0.1", port=receiver.port).start()


def test_stop_closes_what_is_open():
    with receiving(Echo()) as receiver, connected(receiver.port) as connection:
        connection.sendall(frame(b"x"))
        assert read(connection) == [b"x"]
        receiver.stop()
        assert connection.recv(10) == b""
        assert receiver.connections == 0


def test_orders_by_mutual_tls(sqlite_engine, tmp_path):
    trusted, ours = make_authority(tmp_path / "hospital")
    _, stranger = make_authority(tmp_path / "stranger")
    files = TlsFiles(ours.certificate, ours.key, trusted)
    inbox = Inbox(sqlite_engine, InboxPolicy())
    limits = ReceiverLimits(message_seconds=1.0)
    with receiving(inbox, tls=files, limits=limits) as receiver:
        peer = Hl7Peer("self", "127.0.0.1", receiver.port, files)
        with MllpConnection(peer) as connection:
            assert connection.exchange(orm().encode(), "M1").code == "AA"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(trusted)
        context.load_cert_chain(stranger.certificate, stranger.key)
        with connected(receiver.port) as plain:
            try:
                with context.wrap_socket(plain) as secured:
                    secured.sendall(frame(orm(control_id="M2").encode()))
                    assert secured.recv(100) == b""
            except OSError:
                pass
        with connected(receiver.port) as silent, suppress(ConnectionResetError):
            assert silent.recv(10) == b""  # no handshake at all
        poll(lambda: receiver.connections == 0)
    assert [m.control_id for m in list_incoming(sqlite_engine)] == ["M1"]


def test_a_connection_without_a_thread_is_closed_and_the_next_is_served(monkeypatch):
    start, refused = threading.Thread.start, []

    def scarce(thread: threading.Thread) -> None:
        if thread.name == "hl7-connection" and not refused:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    with receiving(Echo()) as receiver:
        monkeypatch.setattr(threading.Thread, "start", scarce)
        with connected(receiver.port) as first:
            assert first.recv(10) == b""
        with connected(receiver.port) as second:
            second.sendall(frame(b"here"))
            assert read(second) == [b"here"]
        assert receiver.connections <= 1
