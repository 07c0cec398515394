"""We commit to keep what we have: asked by pynetdicom and by Orthanc."""

import threading
import time
from contextlib import contextmanager

import pytest
from pydicom.uid import CTImageStorage
from pynetdicom import evt
from pynetdicom.sop_class import StorageCommitmentPushModel
from sqlalchemy import func, select

from pacs_bridge.commitment.datasets import PUSH_MODEL_INSTANCE, request_dataset
from pacs_bridge.commitment.provider import CommitmentProvider
from pacs_bridge.network import application_entity
from pacs_bridge.peer import Peer
from pacs_bridge.tables import commitment_report
from tests.pacs_bridge.support import ct_slice, free_port, listening, poll, store
from tests.support.orthanc import orthanc

SR = "1.2.840.10008.5.1.4.1.1.88.34"
KEPT = [(CTImageStorage, f"1.2.3.1.{n}") for n in (1, 2)]
LOST = (CTImageStorage, "1.2.3.1.3")


@pytest.fixture
def archive(sqlite_archive):
    """Three slices, of which one has lost its file."""
    for number in (1, 2, 3):
        store(sqlite_archive, ct_slice(number))
    next(sqlite_archive.root.glob("*/*/1.2.3.1.3.dcm")).unlink()
    return sqlite_archive


@pytest.fixture
def peers():
    return []


@pytest.fixture
def provider(archive, peers):
    """With a short wait, so that a requester that stays is answered soon."""
    return CommitmentProvider(
        archive.engine,
        archive.root,
        ae_title="CLINICALAI",
        peers=lambda: peers,
        retrieve_ae_title="CLINICALAI",
        quiet_seconds=0.3,
    )


@pytest.fixture
def port(archive, provider):
    with listening(archive, services=[provider.service()]) as listener:
        yield listener.port


class Reports:
    """Takes N-EVENT-REPORT requests of pynetdicom."""

    def __init__(self, status=0x0000):
        self.all = []
        self._status = status
        self._came = threading.Event()

    def handler(self):
        return evt.EVT_N_EVENT_REPORT, self._take

    def _take(self, event):
        self.all.append((event.event_type, event.event_information, event.assoc.requestor.ae_title))
        self._came.set()
        return self._status, None

    def wait(self):
        assert self._came.wait(20), "no report came"
        return self.all[-1]


@contextmanager
def association(port, reports):
    entity = application_entity("MODALITY")
    entity.add_requested_context(StorageCommitmentPushModel)
    opened = entity.associate(
        "127.0.0.1", port, ae_title="CLINICALAI", evt_handlers=[reports.handler()]
    )
    assert opened.is_established
    try:
        yield opened
    finally:
        opened.release()


def ask(opened, references, transaction="1.2.9", action=1, instance=PUSH_MODEL_INSTANCE):
    status, _ = opened.send_n_action(
        request_dataset(transaction, references), action, StorageCommitmentPushModel, instance
    )
    return status


def open_requests(archive):
    with archive.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(commitment_report)).scalar_one()


def test_the_report_comes_on_the_association_of_the_request(port, archive):
    reports = Reports()
    with association(port, reports) as opened:
        assert ask(opened, KEPT).Status == 0x0000
        event, information, _ = reports.wait()
        poll(lambda: open_requests(archive) == 0)
    assert event == 1
    assert information.TransactionUID == "1.2.9"
    assert information.RetrieveAETitle == "CLINICALAI"
    kept = [i.ReferencedSOPInstanceUID for i in information.ReferencedSOPSequence]
    assert kept == ["1.2.3.1.1", "1.2.3.1.2"]
    assert "FailedSOPSequence" not in information


def test_what_is_not_kept_is_said_with_the_reason(port, archive):
    changed = next(archive.root.glob("*/*/1.2.3.1.2.dcm"))
    changed.write_bytes(changed.read_bytes()[:-1] + b"\xff")
    reports = Reports()
    with association(port, reports) as opened:
        ask(opened, [*KEPT, LOST, (CTImageStorage, "9.9"), (SR, "1.2.3.1.1")])
        event, information, _ = reports.wait()
    assert event == 2
    failed = [
        (i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID, i.FailureReason)
        for i in information.FailedSOPSequence
    ]
    assert failed == [
        (CTImageStorage, "1.2.3.1.2", 0x0110),  # a byte has changed
        (CTImageStorage, "1.2.3.1.3", 0x0110),
        (CTImageStorage, "9.9", 0x0112),
        (SR, "1.2.3.1.1", 0x0119),
    ]
    (kept,) = information.ReferencedSOPSequence
    assert kept.ReferencedSOPInstanceUID == "1.2.3.1.1"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"action": 2}, 0x0123),
        ({"instance": "1.2.3"}, 0x0112),
        ({"references": []}, 0x0115),
    ],
)
def test_a_request_against_the_standard_is_refused(port, archive, arguments, status):
    with association(port, Reports()) as opened:
        assert ask(opened, **{"references": KEPT, **arguments}).Status == status
    assert open_requests(archive) == 0


@contextmanager
def modality(reports, port=0):
    """The requester's own listener, which takes reports."""
    entity = application_entity("MODALITY")
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[reports.handler()])
    try:
        yield Peer("modality", "MODALITY", "127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()


def test_a_known_peer_that_releases_at_once_gets_the_report_at_its_own_port(
    port, provider, peers, archive
):
    reports, unused = Reports(), Reports()
    with modality(reports) as peer:
        peers.append(peer)
        with association(port, unused) as opened:
            assert ask(opened, [*KEPT, LOST]).Status == 0x0000
        provider.start()
        event, information, calling = reports.wait()
        poll(lambda: open_requests(archive) == 0)
        provider.stop()
    assert (event, calling) == (2, "CLINICALAI")
    assert information.TransactionUID == "1.2.9"
    assert unused.all == []


def test_a_known_peer_that_stays_gets_it_where_it_asked(port, peers):
    peers.append(Peer("modality", "MODALITY", "127.0.0.1", free_port()))
    reports = Reports()
    with association(port, reports) as opened:
        ask(opened, KEPT)
        assert reports.wait()[0] == 1


def test_a_report_survives_a_restart_while_the_peer_is_away(port, provider, peers, archive):
    away = free_port()
    peers.append(Peer("modality", "MODALITY", "127.0.0.1", away))
    with association(port, Reports()) as opened:
        ask(opened, KEPT)
    poll(lambda: provider.run_due(time.time()) == 0 and _attempts(archive) == 1)
    again = CommitmentProvider(
        archive.engine, archive.root, ae_title="CLINICALAI", peers=lambda: peers
    )
    reports = Reports()
    with modality(reports, away):
        assert again.run_due(time.time() + 60) == 1
    assert reports.all[0][1].TransactionUID == "1.2.9"
    assert open_requests(archive) == 0


def _attempts(archive):
    with archive.engine.connect() as connection:
        return connection.execute(select(commitment_report.c.attempts)).scalar_one_or_none()


def test_a_report_that_the_peer_refuses_is_made_again(port, provider, peers, archive):
    refusing = Reports(status=0x0110)
    with modality(refusing) as peer:
        peers.append(peer)
        with association(port, Reports()) as opened:
            ask(opened, KEPT)
        poll(lambda: provider.run_due(time.time()) == 0 and _attempts(archive) == 1)
    assert len(refusing.all) == 1
    assert open_requests(archive) == 1


def test_who_cannot_be_reached_any_more_is_given_up(port, provider, archive, peers):
    peers.append(Peer("modality", "MODALITY", "127.0.0.1", free_port()))
    with association(port, Reports()) as opened:
        ask(opened, KEPT)
    poll(lambda: provider.run_due(time.time()) == 0 and _attempts(archive) == 1)
    peers.clear()
    assert provider.run_due(time.time() + 60) == 0
    assert open_requests(archive) == 0


def test_the_same_transaction_again_is_reported_again(port):
    for _ in range(2):
        reports = Reports()
        with association(port, reports) as opened:
            assert ask(opened, KEPT).Status == 0x0000
            assert reports.wait()[1].TransactionUID == "1.2.9"


def test_orthanc_is_told(port, provider, peers, tmp_path):
    more = {"DicomModalities": {"ours": ["CLINICALAI", "127.0.0.1", port]}}
    with orthanc(tmp_path / "orthanc", more=more) as server:
        peers.append(Peer("orthanc", "ORTHANC", "127.0.0.1", server.dicom_port))
        provider.start()
        for references, outcome in ((KEPT, "Success"), ([*KEPT, LOST], "Failure")):
            named = [{"SOPClassUID": c, "SOPInstanceUID": i} for c, i in references]
            asked = server.send(
                "POST", "/modalities/ours/storage-commitment", {"DicomInstances": named}
            )
            path = asked["Path"]
            poll(lambda path=path: server.get(path)["Status"] != "Pending")
            report = server.get(path)
            assert report["Status"] == outcome
            assert len(report["Success"]) == 2
        assert report["Failures"][0]["SOPInstanceUID"] == "1.2.3.1.3"
        provider.stop()
