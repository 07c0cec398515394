"""Deliveries: queued once, sent once, kept until they arrive."""

import json
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager

import pydicom
import pytest
from sqlalchemy import select, update

from pacs_bridge.database import writing
from pacs_bridge.errors import DeliveryError
from pacs_bridge.outbox import Outbox, enqueue_delivery, resend
from pacs_bridge.peer import Peer
from pacs_bridge.receive import Listener
from pacs_bridge.tables import delivery
from tests.pacs_bridge.support import (
    ct_slice,
    dcmtk_storescp,
    free_port,
    listening,
    poll,
    store,
    tool,
    write_file,
)


def queue(engine, folder, numbers=(1,), peer="pacs"):
    for n in numbers:
        ds = ct_slice(n)
        path = write_file(ds, folder)
        with writing(engine) as connection:
            enqueue_delivery(
                connection, sop_instance_uid=ds.SOPInstanceUID, path=path, peer_name=peer
            )


def rows(engine):
    with engine.connect() as connection:
        return connection.execute(select(delivery).order_by(delivery.c.id)).all()


def states(engine):
    return [row.state for row in rows(engine)]


def test_the_same_delivery_is_queued_once_per_peer(engine, tmp_path):
    queue(engine, tmp_path)
    queue(engine, tmp_path)
    queue(engine, tmp_path, peer="other")
    assert [(row.sop_instance_uid, row.peer) for row in rows(engine)] == [
        ("1.2.3.1.1", "pacs"),
        ("1.2.3.1.1", "other"),
    ]


def test_a_rolled_back_transaction_queues_nothing(engine, tmp_path):
    with pytest.raises(RuntimeError), writing(engine) as connection:
        enqueue_delivery(connection, sop_instance_uid="1", path=tmp_path / "x", peer_name="pacs")
        raise RuntimeError
    assert rows(engine) == []


def test_a_peer_that_is_down_at_first_gets_each_object_once(engine, tmp_path):
    peer = Peer("pacs", "PACS", "127.0.0.1", free_port())
    outbox = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
    queue(engine, tmp_path, (1, 2))
    now = time.time()
    assert outbox.run_due(now) == 0
    assert states(engine) == ["queued", "queued"]
    assert all("cannot be reached" in row.last_error for row in rows(engine))
    assert all(now < row.due_at <= now + 5 for row in rows(engine))
    assert outbox.run_due(now) == 0
    assert [row.attempts for row in rows(engine)] == [1, 1]
    with dcmtk_storescp(tmp_path / "scp", port=peer.port):
        assert outbox.run_due(now + 10) == 2
        assert outbox.run_due(now + 20) == 0
    received = [pydicom.dcmread(p).SOPInstanceUID for p in (tmp_path / "scp").iterdir()]
    assert sorted(received) == ["1.2.3.1.1", "1.2.3.1.2"]
    assert states(engine) == ["sent", "sent"]
    assert all(row.sent_at and not row.leased_by for row in rows(engine))


def test_an_unknown_peer_is_dead_at_once_and_can_be_sent_again(engine, tmp_path):
    queue(engine, tmp_path)
    Outbox(engine, {}, calling_ae_title="CLINICALAI").run_due(time.time())
    (row,) = rows(engine)
    assert row.state == "dead"
    assert "no peer is named 'pacs'" in row.last_error
    with dcmtk_storescp(tmp_path / "scp") as peer:
        resend(engine, row.id)
        with pytest.raises(DeliveryError, match="already queued"):
            resend(engine, row.id)
        outbox = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
        assert outbox.run_due(time.time()) == 1
    with pytest.raises(DeliveryError, match="does not exist"):
        resend(engine, 4711)


def test_after_the_last_attempt_a_delivery_is_dead(engine, tmp_path):
    peer = Peer("pacs", "PACS", "127.0.0.1", free_port())
    outbox = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI", max_attempts=3)
    queue(engine, tmp_path)
    now = time.time()
    for attempt in range(1, 6):
        outbox.run_due(now + attempt * 1000)
    (row,) = rows(engine)
    assert (row.state, row.attempts) == ("dead", 3)


def test_a_missing_file_does_not_hold_up_the_others(engine, tmp_path):
    queue(engine, tmp_path, (1, 2))
    next(tmp_path.glob("1.2.3.1.1-*.dcm")).unlink()
    with dcmtk_storescp(tmp_path / "scp") as peer:
        outbox = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
        assert outbox.run_due(time.time()) == 1
    assert states(engine) == ["queued", "sent"]


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


def test_a_sender_that_lost_its_lease_does_not_write_the_outcome(engine, tmp_path):
    queue(engine, tmp_path)
    with dcmtk_storescp(tmp_path / "scp") as peer:
        slow = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI", lease_seconds=0.0)
        leases = slow._lease(time.time())
        other = Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI")
        assert other.run_due(time.time() + 1) == 1
        slow._fail(leases[0], "too late", time.time(), dead=True)
    assert states(engine) == ["sent"]


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


@contextmanager
def orthanc(folder, dicom_port, http_port):
    folder.mkdir()
    settings = folder / "orthanc.json"
    settings.write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "index"),
                "DicomAet": "ORTHANC",
                "DicomPort": dicom_port,
                "DicomCheckCalledAet": True,
                "HttpPort": http_port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "Plugins": [],
            }
        )
    )
    process = subprocess.Popen(
        [tool("Orthanc"), str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def orthanc_instances(http_port) -> list[str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http_port}/instances?expand") as answer:
            return [i["MainDicomTags"]["SOPInstanceUID"] for i in json.load(answer)]
    except OSError:
        return []


def test_orthanc_that_is_down_at_first_gets_each_object_once(sqlite_engine, tmp_path):
    tool("Orthanc")
    peer = Peer("pacs", "ORTHANC", "127.0.0.1", free_port())
    http_port = free_port()
    outbox = Outbox(
        sqlite_engine, {"pacs": peer}, calling_ae_title="CLINICALAI", first_retry_seconds=0.2
    )
    queue(sqlite_engine, tmp_path, (1, 2, 3))
    outbox.start()
    try:
        poll(lambda: rows(sqlite_engine)[0].attempts > 0)
        with orthanc(tmp_path / "orthanc", peer.port, http_port):
            poll(lambda: states(sqlite_engine) == ["sent"] * 3, 60)
            assert sorted(orthanc_instances(http_port)) == [
                "1.2.3.1.1",
                "1.2.3.1.2",
                "1.2.3.1.3",
            ]
    finally:
        outbox.stop()


def test_orthanc_and_we_echo_each_other(listener: Listener, tmp_path):
    tool("Orthanc")
    dicom_port, http_port = free_port(), free_port()
    with orthanc(tmp_path / "orthanc", dicom_port, http_port):
        poll(lambda: _modality_echo(http_port, listener.port), 60)


def _modality_echo(http_port: int, port: int) -> bool:
    modality = {"AET": "CLINICALAI", "Host": "127.0.0.1", "Port": port}
    base = f"http://127.0.0.1:{http_port}/modalities/us"
    put = urllib.request.Request(base, json.dumps(modality).encode(), method="PUT")
    post = urllib.request.Request(base + "/echo", b"{}", method="POST")
    try:
        for request in (put, post):
            with urllib.request.urlopen(request):
                pass
    except OSError:
        return False
    return True
