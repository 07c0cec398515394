"""The sender: each object once, whatever dies in between, and no peer delays another."""

import threading
import time
from contextlib import contextmanager

import pydicom
import pytest
from pynetdicom import evt
from sqlalchemy import select, update

from pacs_bridge.database import writing
from pacs_bridge.network import application_entity
from pacs_bridge.outbox import Outbox, RetryPolicy, enqueue_delivery
from pacs_bridge.outbox.leases import HeldLeases, take
from pacs_bridge.peer import Peer
from pacs_bridge.receive import Listener
from pacs_bridge.tables import delivery, instance
from tests.pacs_bridge.support import (
    ct_slice,
    dcmtk_storescp,
    free_port,
    listening,
    poll,
    queue,
    rows,
    states,
    store,
)
from tests.support.orthanc import orthanc


def test_a_peer_that_is_down_at_first_gets_each_object_once(engine, tmp_path):
    peer = Peer("pacs", "PACS", "127.0.0.1", free_port())
    outbox = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
    queue(engine, tmp_path, (1, 2))
    now = time.time()
    assert outbox.run_due(now) == 0
    assert states(engine) == ["queued", "queued"]
    assert all("cannot be reached" in row.last_error for row in rows(engine))
    # The wait, of 5 s at most, counts from the failure.
    assert all(now < row.due_at <= time.time() + 5 for row in rows(engine))
    assert outbox.run_due(now) == 0
    assert [row.attempts for row in rows(engine)] == [1, 0]  # the peer is away: one try is enough
    with dcmtk_storescp(tmp_path / "scp", port=peer.port):
        assert outbox.run_due(now + 10) == 2
        assert outbox.run_due(now + 20) == 0
    received = [pydicom.dcmread(p).SOPInstanceUID for p in (tmp_path / "scp").iterdir()]
    assert sorted(received) == ["1.2.3.1.1", "1.2.3.1.2"]
    assert states(engine) == ["sent", "sent"]
    assert all(row.sent_at and not row.leased_by for row in rows(engine))


def test_several_outboxes_at_once_send_each_object_once(engine, tmp_path):
    numbers = range(1, 13)
    queue(engine, tmp_path, numbers)
    with dcmtk_storescp(tmp_path / "scp", "--unique-filenames") as peer:
        outboxes = [
            Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI", batch=2) for _ in range(3)
        ]
        for outbox in outboxes:
            outbox.start()
        poll(lambda: states(engine) == ["sent"] * 12)
        for outbox in outboxes:
            outbox.stop()
    assert [row.attempts for row in rows(engine)] == [1] * 12
    assert len(list((tmp_path / "scp").iterdir())) == 12


def test_the_lease_of_a_killed_sender_runs_out(engine, tmp_path):
    queue(engine, tmp_path)
    now = time.time()
    with engine.begin() as connection:
        connection.execute(update(delivery).values(leased_until=now + 60, leased_by="killed"))
    with dcmtk_storescp(tmp_path / "scp") as peer:
        outbox = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
        assert outbox.run_due(now) == 0
        assert states(engine) == ["queued"]
        assert outbox.run_due(now + 61) == 1


def test_a_restarted_sender_frees_the_leases_of_its_own_name_only(engine, tmp_path):
    queue(engine, tmp_path, (1, 2))
    later = time.time() + 600
    with engine.begin() as connection:
        for row, holder in zip(rows(engine), ("worker", "other"), strict=True):
            connection.execute(
                update(delivery)
                .where(delivery.c.id == row.id)
                .values(leased_until=later, leased_by=holder)
            )
    with dcmtk_storescp(tmp_path / "scp") as peer:
        outbox = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI", name="worker")
        outbox.start()
        poll(lambda: states(engine) == ["sent", "queued"])
        outbox.stop()
    assert [row.leased_by for row in rows(engine)] == [None, "other"]


def test_our_own_result_come_back_is_no_loop(sqlite_archive, tmp_path):
    engine = sqlite_archive.engine
    store(sqlite_archive, ct_slice(1))
    before = sqlite_archive.study("1.2.3")
    stored = threading.Event()
    with listening(sqlite_archive, on_stored=lambda _: stored.set()) as listener:
        me = Peer("pacs", "CLINICALAI", "127.0.0.1", listener.port)
        queue(engine, tmp_path, (7,))
        assert Outbox(engine, {"pacs": me}, calling_ae_title="X").run_due(time.time()) == 1
        assert stored.wait(5)
    assert sqlite_archive.study("1.2.3") == before
    assert len(sqlite_archive.instances("1.2.3")) == 1
    assert len(sqlite_archive.instances("1.2.3", own_results=True)) == 2


def test_an_unknown_peer_is_dead_at_once(engine, tmp_path):
    queue(engine, tmp_path)
    Outbox(engine, {}, calling_ae_title="CLINICALAI").run_due(time.time())
    (row,) = rows(engine)
    assert row.state == "dead"
    assert "no peer has this name" in row.last_error


def test_a_vanished_file_is_dead_at_once_and_holds_up_nobody(engine, tmp_path):
    queue(engine, tmp_path, (1, 2))
    next(tmp_path.glob("1.2.3.1.1-*.dcm")).unlink()
    with dcmtk_storescp(tmp_path / "scp") as peer:
        outbox = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
        assert outbox.run_due(time.time()) == 1
    assert states(engine) == ["dead", "sent"]
    assert (
        rows(engine)[0].last_error == "the file to send cannot be read: No such file or directory"
    )


@contextmanager
def answering(status, *, seconds=0.0, entered=None):
    """A storage SCP that answers every C-STORE with `status`, after a while."""

    def store(_event):
        if entered is not None:
            entered.set()
        time.sleep(seconds)
        return status

    entity = application_entity("PACS")
    entity.add_supported_context("1.2.840.10008.5.1.4.1.1.2")
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    try:
        yield Peer("pacs", "PACS", "127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()


@pytest.mark.parametrize(("status", "attempts"), [(0xC001, 3), (0xA900, 3), (0xA700, 20)])
def test_a_refusal_for_ever_is_dead_sooner_than_one_that_may_pass(
    sqlite_engine, tmp_path, status, attempts
):
    queue(sqlite_engine, tmp_path)
    now = time.time()
    with answering(status) as peer:
        outbox = Outbox(sqlite_engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
        for attempt in range(25):
            outbox.run_due(now + attempt * 1000)
    (row,) = rows(sqlite_engine)
    assert (row.state, row.attempts) == ("dead", attempts)
    assert row.last_error == f"the peer answered status 0x{status:04X}"


def test_a_sop_class_that_the_peer_does_not_take_is_refused_for_ever(sqlite_engine, tmp_path):
    queue(sqlite_engine, tmp_path, SOPClassUID="1.2.826.0.1.3680043.9.1")  # private
    now = time.time()
    with dcmtk_storescp(tmp_path / "scp") as peer:
        outbox = Outbox(sqlite_engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
        for attempt in range(5):
            outbox.run_due(now + attempt * 1000)
    (row,) = rows(sqlite_engine)
    assert (row.state, row.attempts) == ("dead", 3)
    assert "presentation contexts" in row.last_error


def test_a_peer_that_is_away_for_days_loses_nothing(sqlite_engine, tmp_path):
    peer = Peer("pacs", "PACS", "127.0.0.1", free_port())
    outbox = Outbox(sqlite_engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
    queue(sqlite_engine, tmp_path)
    now = time.time()
    for hour in range(0, 6 * 24, 6):
        outbox.run_due(now + hour * 3600)
    assert states(sqlite_engine) == ["queued"]
    outbox.run_due(now + 8 * 86400)
    assert states(sqlite_engine) == ["dead"]


def test_what_waits_for_a_peer_that_is_away_is_put_off_together_and_comes_back_together(
    sqlite_engine, tmp_path
):
    peer = Peer("pacs", "PACS", "127.0.0.1", free_port())
    outbox = Outbox(sqlite_engine, {"pacs": peer}, calling_ae_title="CLINICALAI", batch=2)
    queue(sqlite_engine, tmp_path, range(1, 6))
    now = time.time()
    assert outbox.run_due(now) == 0
    assert [row.attempts for row in rows(sqlite_engine)] == [1, 0, 0, 0, 0]
    assert all(row.due_at > row.failing_since >= now for row in rows(sqlite_engine))
    with dcmtk_storescp(tmp_path / "scp", port=peer.port):
        queue(sqlite_engine, tmp_path, (6,))  # a new one finds the peer there again
        assert outbox.run_due(time.time()) == 6
    assert states(sqlite_engine) == ["sent"] * 6


def test_a_dead_and_a_slow_peer_delay_nobody(sqlite_engine, tmp_path):
    entered = threading.Event()
    queue(sqlite_engine, tmp_path, peer="away")
    queue(sqlite_engine, tmp_path, (2, 3), peer="slow")
    queue(sqlite_engine, tmp_path, (4, 5), peer="pacs")
    # A host that swallows packets: the connection attempt takes its full 10 s.
    away = Peer("away", "AWAY", "192.0.2.1", 104)
    with (
        answering(0, seconds=5.0, entered=entered) as slow,
        dcmtk_storescp(tmp_path / "scp") as good,
    ):
        peers = {"away": away, "slow": Peer("slow", "PACS", slow.host, slow.port), "pacs": good}
        outbox = Outbox(sqlite_engine, peers, calling_ae_title="CLINICALAI")
        begin = time.monotonic()
        outbox.start()
        assert entered.wait(10)
        poll(lambda: by_peer(sqlite_engine)["pacs"] == ["sent", "sent"], 4)
        assert time.monotonic() - begin < 4.5
        assert by_peer(sqlite_engine)["slow"] == ["queued", "queued"]
        outbox.stop()


def by_peer(engine):
    found = {}
    for row in rows(engine):
        found.setdefault(row.peer, []).append(row.state)
    return found


def test_a_result_waits_for_one_forward_at_most(sqlite_engine, tmp_path):
    seen = []
    queue(sqlite_engine, tmp_path, range(1, 9), purpose="forward")

    def store(event):
        seen.append(event.request.AffectedSOPInstanceUID)
        if len(seen) == 3:
            queue(sqlite_engine, tmp_path, (99,))
        return 0

    entity = application_entity("PACS")
    entity.add_supported_context("1.2.840.10008.5.1.4.1.1.2")
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    peer = Peer("pacs", "PACS", "127.0.0.1", server.server_address[1])
    outbox = Outbox(sqlite_engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
    assert outbox.run_due(time.time()) == 9
    server.shutdown()
    assert seen.index("1.2.3.1.99") == 3
    assert states(sqlite_engine) == ["sent"] * 9


def test_a_long_batch_is_never_taken_over(engine, tmp_path):
    """The lease is 0.9 s, each object takes 0.6 s: without renewal the second would send too."""
    queue(engine, tmp_path, (1, 2, 3))
    received = []

    def store(event):
        received.append(event.request.AffectedSOPInstanceUID)
        time.sleep(0.6)
        return 0

    entity = application_entity("PACS")
    entity.add_supported_context("1.2.840.10008.5.1.4.1.1.2")
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    peer = Peer("pacs", "PACS", "127.0.0.1", server.server_address[1])
    outboxes = [
        Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI", lease_seconds=0.9)
        for _ in range(2)
    ]
    outboxes[0].start()
    poll(lambda: len(received) == 1)
    outboxes[1].start()
    poll(lambda: states(engine) == ["sent"] * 3)
    for outbox in outboxes:
        outbox.stop()
    server.shutdown()
    assert received == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"]


def test_a_sender_that_lost_its_lease_notices_and_does_not_write_the_outcome(engine, tmp_path):
    queue(engine, tmp_path)
    now = time.time()
    leases = take(engine, "pacs", holder="slow", now=now, seconds=0.3, limit=9)
    with engine.begin() as connection:  # what another sender does once the lease has run out
        connection.execute(update(delivery).values(leased_by="other"))
    with HeldLeases(engine, leases, holder="slow", seconds=0.3) as held:
        poll(lambda: held.lost)
        assert not held.finish(leases[0].delivery_id, {"state": "dead"})
    (row,) = rows(engine)
    assert (row.state, row.leased_by) == ("queued", "other")


def test_a_stopped_sender_ends_after_the_object_and_frees_the_rest(sqlite_engine, tmp_path):
    entered = threading.Event()
    queue(sqlite_engine, tmp_path, range(1, 9))
    with answering(0, seconds=0.5, entered=entered) as peer:
        outbox = Outbox(sqlite_engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
        outbox.start()
        assert entered.wait(10)
        outbox.stop()
    assert sorted(states(sqlite_engine)) == ["queued"] * 7 + ["sent"]
    assert all(row.leased_by is None for row in rows(sqlite_engine))


@pytest.mark.parametrize("fault", ["--abort-after", "--abort-during"])
def test_a_peer_that_aborts_gets_the_rest_in_time(sqlite_engine, tmp_path, fault):
    queue(sqlite_engine, tmp_path, (1, 2, 3))
    now = time.time()
    with dcmtk_storescp(tmp_path / "bad", fault) as peer:
        outbox = Outbox(sqlite_engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
        outbox.run_due(now)
        assert "sent" not in states(sqlite_engine)
    with dcmtk_storescp(tmp_path / "scp", port=peer.port):
        for attempt in range(1, 4):
            outbox.run_due(now + attempt * 1000)
    assert states(sqlite_engine) == ["sent"] * 3


def test_a_peer_that_refuses_associations_is_like_one_that_is_away(sqlite_engine, tmp_path):
    queue(sqlite_engine, tmp_path)
    with answering(0) as up:
        peer = Peer("pacs", "SOMEBODYELSE", up.host, up.port)
        entity_says = "rejected the association"
        refusing = application_entity("PACS")
        refusing.require_called_aet = True
        refusing.add_supported_context("1.2.840.10008.5.1.4.1.1.2")
        server = refusing.start_server(("127.0.0.1", 0), block=False)
        peer = Peer("pacs", "SOMEBODYELSE", "127.0.0.1", server.server_address[1])
        Outbox(sqlite_engine, {"pacs": peer}, calling_ae_title="CLINICALAI").run_due(time.time())
        server.shutdown()
    (row,) = rows(sqlite_engine)
    assert (row.state, row.refusals) == ("queued", 0)
    assert entity_says in row.last_error


def test_orthanc_that_is_down_at_first_gets_each_object_once(sqlite_engine, tmp_path):
    peer = Peer("pacs", "ORTHANC", "127.0.0.1", free_port())
    outbox = Outbox(
        sqlite_engine,
        {"pacs": peer},
        calling_ae_title="CLINICALAI",
        policy=RetryPolicy(first_seconds=0.2),
    )
    queue(sqlite_engine, tmp_path, (1, 2, 3))
    outbox.start()
    try:
        poll(lambda: rows(sqlite_engine)[0].attempts > 0)
        with orthanc(tmp_path / "orthanc", dicom_port=peer.port) as server:
            poll(lambda: states(sqlite_engine) == ["sent"] * 3, 60)
            assert sorted(server.instances()) == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"]
    finally:
        outbox.stop()


def test_orthanc_and_we_echo_each_other(listener: Listener, tmp_path):
    with orthanc(tmp_path / "orthanc") as server:
        modality = {"AET": "CLINICALAI", "Host": "127.0.0.1", "Port": listener.port}
        server.send("PUT", "/modalities/us", modality)
        server.send("POST", "/modalities/us/echo", {})


def test_an_own_result_that_came_back_is_not_forwarded(engine, sqlite_archive, tmp_path):
    engine = sqlite_archive.engine
    queue(engine, tmp_path, (7,))
    store(sqlite_archive, ct_slice(7))
    with engine.connect() as connection:
        assert connection.execute(select(instance.c.own_result)).scalar_one()
    with writing(engine) as connection:
        assert not enqueue_delivery(
            connection,
            sop_instance_uid="1.2.3.1.7",
            path=tmp_path / "x",
            peer_name="other",
            purpose="forward",
        )
    assert [row.peer for row in rows(engine)] == ["pacs"]
