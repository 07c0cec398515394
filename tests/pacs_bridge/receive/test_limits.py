"""Peers that are slow, silent, many or gone: the others do not notice."""

import contextlib
import socket
import threading
import time

import pytest

from pacs_bridge.peer import Peer
from pacs_bridge.receive import Limits
from pacs_bridge.send import echo
from tests.pacs_bridge.support import ct_slice, encode, listening, poll, storescu, write_file
from tests.support.scripted_scu import (
    CT,
    EXPLICIT,
    ScriptedScu,
    associate_rq,
    echo_rq,
    store_rq,
)

SHORT = Limits(negotiation_seconds=0.5, pdu_seconds=0.5, idle_seconds=1.0)


def me(listener):
    return Peer("me", "CLINICALAI", "127.0.0.1", listener.port)


def opened(archive):
    return [p for p in archive.root.rglob("*.part") if p.is_file()]


def test_twelve_slow_senders_delay_nobody(sqlite_archive, tmp_path):
    path = str(write_file(ct_slice(), tmp_path))
    with listening(sqlite_archive) as listener, contextlib.ExitStack() as stack:
        for number in range(12):
            slow = stack.enter_context(ScriptedScu(listener.port))
            if number % 3 == 0:
                slow.send(associate_rq()[:40])
            else:
                slow.associate()
                slow.send(b"".join(store_rq(encode(ct_slice(9)), "1.2.3.1.9"))[: 100 + number])
        begin = time.monotonic()
        assert echo(me(listener), "TEST") < 1.0
        assert storescu(listener.port, path).returncode == 0
        assert time.monotonic() - begin < 5.0
    assert len(sqlite_archive.instances("1.2.3")) == 1
    assert not opened(sqlite_archive)


@pytest.mark.parametrize(
    "bytes_sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(associate_rq()[:60], id="half an association request"),
        pytest.param(associate_rq(), id="an association and then nothing"),
        pytest.param(associate_rq() + store_rq(bytes(40), "1.2")[0], id="a command, no data set"),
        pytest.param(associate_rq() + echo_rq()[:9], id="half a PDU"),
    ],
)
def test_a_silent_peer_is_given_up(sqlite_archive, bytes_sent):
    with listening(sqlite_archive, limits=SHORT) as listener:
        with ScriptedScu(listener.port) as peer:
            peer.send(bytes_sent)
            poll(lambda: listener.open_connections == 1)
            poll(lambda: listener.open_connections == 0, seconds=4)
        assert echo(me(listener), "TEST") < 1.0


def test_a_request_that_trickles_in_has_one_deadline(sqlite_archive):
    limits = Limits(negotiation_seconds=0.5, pdu_seconds=30.0)
    with listening(sqlite_archive, limits=limits) as listener:
        with ScriptedScu(listener.port) as peer:
            begin = time.monotonic()
            with contextlib.suppress(OSError):  # closed by the listener
                for byte in associate_rq():
                    peer.send(bytes([byte]))
                    if listener.open_connections == 0 and time.monotonic() - begin > 0.2:
                        break
                    time.sleep(0.05)
            assert time.monotonic() - begin < 5.0
        poll(lambda: listener.open_connections == 0)


def test_a_connection_without_a_thread_is_closed_and_the_next_is_served(
    sqlite_archive, monkeypatch
):
    start, refused = threading.Thread.start, []

    def scarce(thread):
        if thread.name == "dicom-association" and not refused:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    with listening(sqlite_archive) as listener:
        monkeypatch.setattr(threading.Thread, "start", scarce)
        with ScriptedScu(listener.port) as peer:
            assert peer.socket.recv(10) == b""
        poll(lambda: listener.open_connections == 0)
        assert echo(me(listener), "TEST") < 1.0


def test_twenty_aborts_in_the_middle_of_a_data_set_leave_nothing(sqlite_archive):
    dataset = encode(ct_slice(2))
    with listening(sqlite_archive) as listener:
        for number in range(20):
            with ScriptedScu(listener.port) as peer:
                peer.associate()
                pdus = store_rq(dataset, "1.2.3.1.2", piece=64)
                peer.send(*pdus[: 2 + number % (len(pdus) - 3)])
                if number % 2:  # reset instead of a close
                    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        poll(lambda: listener.open_connections == 0)
        assert echo(me(listener), "TEST") < 1.0
    assert sqlite_archive.study("1.2.3") is None
    assert not opened(sqlite_archive)


def test_a_large_object_that_breaks_off_leaves_no_file(sqlite_archive):
    with listening(sqlite_archive) as listener, ScriptedScu(listener.port) as peer:
        peer.associate()
        pdus = store_rq(bytes(5_000_000), "1.2.3.1.2", piece=100_000)
        peer.send(*pdus[:40])
        poll(lambda: bool(opened(sqlite_archive)))
        peer.socket.close()
        poll(lambda: not opened(sqlite_archive))


def test_associations_are_counted_and_connections_without_one_capped(sqlite_archive):
    limits = Limits(associations=3, negotiating=2)
    with listening(sqlite_archive, limits=limits) as listener, contextlib.ExitStack() as stack:
        held = [stack.enter_context(ScriptedScu(listener.port)).associate() for _ in range(3)]
        with ScriptedScu(listener.port) as fourth:
            fourth.send(associate_rq())
            assert fourth.read_pdu() == (3, b"\0\x02\x03\x02")
        poll(lambda: listener.open_connections == 3)
        for _ in range(2):
            stack.enter_context(ScriptedScu(listener.port))
        poll(lambda: listener.open_connections == 5)
        with ScriptedScu(listener.port) as unheard:
            assert unheard.read_pdu() == (0, b"")
        assert held[0].echo() == 0
        rejected = listener.statistics.snapshot()["other"].associations_rejected
        assert rejected == {"local_limit": 1, "too_many_connections": 1}


def test_a_data_set_larger_than_allowed_ends_the_association(sqlite_archive):
    with (
        listening(sqlite_archive, limits=Limits(object_bytes=1000)) as listener,
        ScriptedScu(listener.port) as peer,
    ):
        peer.associate()
        peer.send(*store_rq(bytes(2000), "1.2.3"))
        assert peer.read_pdu()[0] == 7
    assert not opened(sqlite_archive)


def test_a_class_without_a_service_is_answered_as_unrecognized(sqlite_archive):
    with listening(sqlite_archive) as listener, ScriptedScu(listener.port) as peer:
        peer.associate(contexts=[(CT, EXPLICIT)])
        # C-FIND on a storage context.
        peer.send(store_rq(b"", "1.2", context_id=1)[0].replace(b"\2\0\0\0\1\0", b"\2\0\0\0\x20\0"))
        peer.send(store_rq(b"abcd", "1.2", context_id=1)[1])
        assert peer.response() == 0x0211
        assert peer.response is not None


def test_stop_ends_open_associations_and_frees_the_port(sqlite_archive):
    with ScriptedScuOn(sqlite_archive) as (listener, peer):
        port = listener.port
        listener.stop()
        assert peer.read_pdu()[0] in (0, 7)
        with listening(sqlite_archive, port=port) as again:
            assert echo(me(again), "TEST") < 1.0


@contextlib.contextmanager
def ScriptedScuOn(archive):  # noqa: N802 - reads as the class it gives
    with listening(archive) as listener, ScriptedScu(listener.port) as peer:
        peer.associate()
        yield listener, peer


@pytest.mark.slow
def test_two_hundred_idle_associations_cost_nothing(sqlite_archive):
    with listening(sqlite_archive) as listener, contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(ScriptedScu(listener.port)).associate()
        before = time.process_time()
        time.sleep(2.0)
        assert time.process_time() - before < 0.1
        assert echo(me(listener), "TEST") < 1.0
