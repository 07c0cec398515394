"""Storage commitment: asked, answered here or on another association, durable, not forgeable."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian
from pynetdicom import build_role, evt
from sqlalchemy import select, update

from pacs_bridge.commitment.datasets import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    CommitmentReport,
    describe_reason,
    parse_report,
    request_dataset,
)
from pacs_bridge.commitment.reports import INVALID_ARGUMENT, record_report
from pacs_bridge.commitment.service import commitment_service
from pacs_bridge.errors import EncodingError
from pacs_bridge.network import application_entity
from pacs_bridge.outbox import Outbox, RetryPolicy, peer_queues
from pacs_bridge.peer import Peer
from pacs_bridge.tables import commitment, delivery
from tests.pacs_bridge.support import (
    dcmtk_storescp,
    free_port,
    listening,
    poll,
    queue,
    rows,
    states,
)
from tests.support.orthanc import orthanc
from tests.support.processes import REPOSITORY


class Pacs:
    """A scripted PACS that stores, and takes questions but answers when told."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.asked: list[Dataset] = []
        self.action_status = 0
        self.answer_here: tuple[int, set[str]] | None = None

    def store(self, event):
        self.stored.append(event.request.AffectedSOPInstanceUID)
        return 0

    def action(self, event):
        self.asked.append(event.action_information)
        assert event.request.RequestedSOPInstanceUID == PUSH_MODEL_INSTANCE
        if self.action_status == 0 and self.answer_here is not None:
            _, failing = self.answer_here
            association = event.assoc
            report = report_dataset(event.action_information, failing)

            def answer():
                poll(lambda: association._is_paused is False)
                association.send_n_event_report(
                    report, 2 if failing else 1, PUSH_MODEL, PUSH_MODEL_INSTANCE
                )

            threading.Thread(target=answer, daemon=True).start()
        return self.action_status, None

    @contextmanager
    def running(self, **options):
        entity = application_entity("PACS")
        entity.add_supported_context(CTImageStorage)
        entity.add_supported_context(PUSH_MODEL)
        server = entity.start_server(
            ("127.0.0.1", 0),
            block=False,
            evt_handlers=[(evt.EVT_C_STORE, self.store), (evt.EVT_N_ACTION, self.action)],
        )
        try:
            yield Peer(
                "pacs",
                "PACS",
                "127.0.0.1",
                server.server_address[1],
                storage_commitment=True,
                **options,
            )
        finally:
            server.shutdown()


def report_dataset(question: Dataset, failing=(), reason=0x0112) -> Dataset:
    report = Dataset()
    report.TransactionUID = question.TransactionUID
    items = question.ReferencedSOPSequence
    report.ReferencedSOPSequence = [i for i in items if i.ReferencedSOPInstanceUID not in failing]
    failed = [i for i in items if i.ReferencedSOPInstanceUID in failing]
    for item in failed:
        item.FailureReason = reason
    if failed:
        report.FailedSOPSequence = failed
    return report


def send_report(port, report: Dataset, *, event_type=1, calling="PACS", role=True) -> int | None:
    """Report as a PACS does, on an association of its own; None if that is not accepted."""
    entity = application_entity(calling)
    entity.add_requested_context(PUSH_MODEL, ImplicitVRLittleEndian)
    roles = [build_role(PUSH_MODEL, scp_role=True)] if role else None
    association = entity.associate("127.0.0.1", port, ae_title="CLINICALAI", ext_neg=roles)
    if not association.is_established:
        return None
    try:
        status, _ = association.send_n_event_report(
            report, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE
        )
        return status.get("Status")
    except ValueError:
        return None
    finally:
        association.release()


SOON = RetryPolicy(commitment_here_seconds=0.05)


def outbox_of(engine, peer, policy=SOON, **more):
    return Outbox(engine, {"pacs": peer}, calling_ae_title="CLINICALAI", policy=policy, **more)


def test_done_only_when_the_peer_reports_on_an_association_of_its_own(
    engine, sqlite_archive, tmp_path
):
    queue(engine, tmp_path, (1, 2, 3))
    pacs = Pacs()
    with pacs.running() as peer:
        outbox = outbox_of(engine, peer)
        assert outbox.run_due(time.time()) == 3
        assert states(engine) == ["stored"] * 3
        with engine.connect() as connection:
            (state,) = peer_queues(connection, [], sent_since=0)
        assert (state.uncommitted, state.sent) == (3, 0)
        (question,) = pacs.asked
        asked = [i.ReferencedSOPInstanceUID for i in question.ReferencedSOPSequence]
        assert asked == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"]
        classes = {i.ReferencedSOPClassUID for i in question.ReferencedSOPSequence}
        assert classes == {CTImageStorage}
        service = commitment_service(engine, [peer])
        with listening(sqlite_archive, services=(service,)) as listener:
            report = report_dataset(question, {"1.2.3.1.2"})
            assert send_report(listener.port, report, event_type=2) == 0
            assert states(engine) == ["sent", "queued", "sent"]
            assert send_report(listener.port, report, event_type=2) == 0  # repeated
        assert "no such instance (0x0112)" in rows(engine)[1].last_error
        assert outbox.run_due(time.time() + 100) == 1
        assert pacs.stored == [*asked, "1.2.3.1.2"]
        assert len(pacs.asked) == 2
        assert pacs.asked[1].TransactionUID != question.TransactionUID
    assert [row.leased_by for row in rows(engine)] == [None] * 3


@pytest.mark.parametrize("failing", [set(), {"1.2.3.1.1"}])
def test_an_answer_on_the_same_association_is_waited_for(sqlite_engine, tmp_path, failing):
    queue(sqlite_engine, tmp_path, (1, 2))
    pacs = Pacs()
    pacs.answer_here = (1, failing)
    with pacs.running() as peer:
        outbox_of(sqlite_engine, peer, RetryPolicy()).run_due(time.time())
    assert states(sqlite_engine) == ["queued" if failing else "sent", "sent"]


def test_only_the_peer_asked_may_report_and_only_what_was_asked(
    sqlite_engine, sqlite_archive, tmp_path
):
    queue(sqlite_engine, tmp_path, (1,))
    pacs = Pacs()
    with pacs.running() as peer:
        outbox_of(sqlite_engine, peer).run_due(time.time())
    other = Peer("other", "OTHER", "127.0.0.1", 1, storage_commitment=True)
    careless = Peer("careless", "CARELESS", "127.0.0.1", 1)
    report = report_dataset(pacs.asked[0])
    service = commitment_service(sqlite_engine, [peer, other, careless])
    with listening(sqlite_archive, services=(service,)) as listener:
        port = listener.port
        assert send_report(port, report, calling="STRANGER") == 0x0124
        assert send_report(port, report, calling="CARELESS") == 0x0124
        assert send_report(port, report, calling="OTHER") == INVALID_ARGUMENT
        unknown = report_dataset(pacs.asked[0])
        unknown.TransactionUID = "2.25.1"
        assert send_report(port, unknown) == INVALID_ARGUMENT
        nameless = Dataset()
        nameless.ReferencedSOPSequence = report.ReferencedSOPSequence
        assert send_report(port, nameless) == INVALID_ARGUMENT
        assert send_report(port, report, event_type=7) == 0x0113
        assert states(sqlite_engine) == ["stored"]
        report.ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2.3.1.77"
        assert send_report(port, report) == 0
        assert states(sqlite_engine) == ["stored"]  # what was not asked about changes nothing
        assert send_report(port, report_dataset(pacs.asked[0], ())) == 0


def test_no_answer_in_time_sends_again_and_in_the_end_gives_up(sqlite_engine, tmp_path):
    queue(sqlite_engine, tmp_path)
    pacs = Pacs()
    now = time.time()
    with pacs.running(commitment_seconds=3600.0) as peer:
        outbox = outbox_of(
            sqlite_engine,
            peer,
            policy=RetryPolicy(commitment_rounds=2, commitment_here_seconds=0.0),
        )
        for day in range(1, 12):
            outbox.run_due(now + day * 86_400)
    assert len(pacs.stored) == len(pacs.asked) == 3
    (row,) = rows(sqlite_engine)
    assert (row.state, row.last_error) == ("dead", "no storage commitment came within 1 h")


def test_a_late_answer_counts_even_when_asked_again_or_dead(engine, tmp_path):
    queue(engine, tmp_path, (1, 2))
    pacs = Pacs()
    now = time.time()
    with pacs.running(commitment_seconds=60.0) as peer:
        outbox = outbox_of(engine, peer)
        outbox.run_due(now)
        outbox.run_due(now + 100)
        outbox.run_due(now + 1000)
        assert len(pacs.asked) == 2
    with engine.begin() as connection:
        is_second = delivery.c.sop_instance_uid == "1.2.3.1.2"
        connection.execute(update(delivery).where(is_second).values(state="dead"))
    first = pacs.asked[0].TransactionUID
    bad = CommitmentReport(first, frozenset(), {"1.2.3.1.1": 0x0110})
    assert record_report(engine, bad, ["pacs"], RetryPolicy()) == 0
    assert states(engine) == ["stored", "dead"]  # a late failure is no news
    good = CommitmentReport(first, frozenset({"1.2.3.1.1", "1.2.3.1.2"}), {})
    assert record_report(engine, good, ["pacs"], RetryPolicy()) == 0
    assert states(engine) == ["sent", "sent"]


def test_a_peer_without_commitment_is_a_dead_letter_soon(sqlite_engine, tmp_path):
    queue(sqlite_engine, tmp_path)
    now = time.time()
    with dcmtk_storescp(tmp_path / "scp") as up:
        peer = Peer("pacs", "PACS", up.host, up.port, storage_commitment=True)
        outbox = outbox_of(sqlite_engine, peer)
        for attempt in range(5):
            outbox.run_due(now + attempt * 1000)
    (row,) = rows(sqlite_engine)
    assert (row.state, row.attempts) == ("dead", 1)
    assert "does not offer storage commitment" in row.last_error


def test_a_peer_that_refuses_the_question_is_asked_again(sqlite_engine, tmp_path):
    queue(sqlite_engine, tmp_path)
    now = time.time()
    pacs = Pacs()
    pacs.action_status = 0x0213  # resource limitation
    with pacs.running() as peer:
        outbox = outbox_of(sqlite_engine, peer)
        outbox.run_due(now)
        assert "0x0213" in rows(sqlite_engine)[0].last_error
        pacs.action_status = 0
        outbox.run_due(now + 5)
        outbox.run_due(now + 6)
    assert len(pacs.stored) == 1
    assert len(pacs.asked) == 2
    assert rows(sqlite_engine)[0].commitment_asked_at is not None


def test_a_peer_that_is_away_when_it_should_be_asked(sqlite_engine, tmp_path):
    queue(sqlite_engine, tmp_path)
    now = time.time()
    with sqlite_engine.begin() as connection:
        connection.execute(
            update(delivery).values(
                state="stored", stored_at=now, sop_class_uid=CTImageStorage, due_at=now
            )
        )
    peer = Peer("pacs", "PACS", "127.0.0.1", free_port(), storage_commitment=True)
    outbox_of(sqlite_engine, peer).run_due(now)
    (row,) = rows(sqlite_engine)
    assert (row.state, row.refusals, row.leased_by) == ("stored", 0, None)
    assert row.due_at > now
    assert "cannot be reached" in row.last_error


KILLED = """
import os, signal, sys, time
from pacs_bridge.commitment import requestor
from pacs_bridge.database import open_engine
from pacs_bridge.outbox import Outbox
from pacs_bridge.peer import Peer

url, port, where = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(requestor.CommitmentRequestor, where, die)
peer = Peer("pacs", "PACS", "127.0.0.1", port, storage_commitment=True)
Outbox(open_engine(url), {"pacs": peer}, calling_ae_title="CLINICALAI", name="worker").run_due(
    time.time()
)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "questions"),
    [("run_due", 1), ("_ask", 1), ("_asked", 2)],
    ids=["stored, not asked", "transaction written, not asked", "asked, not noted"],
)
def test_killed_between_store_and_commitment(engine, tmp_path, where, questions):
    """Stored once, asked (again) after the restart, and any of the answers counts."""
    queue(engine, tmp_path, (1, 2))
    pacs = Pacs()
    with pacs.running() as peer:
        url = engine.url.render_as_string(hide_password=False)
        died = subprocess.run(
            [sys.executable, "-c", KILLED, url, str(peer.port), where],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            timeout=60,
        )
        assert died.returncode == -signal.SIGKILL
        assert states(engine) == ["stored", "stored"]
        outbox = outbox_of(engine, peer, name="worker")
        outbox.start()
        poll(lambda: all(row.commitment_asked_at for row in rows(engine)))
        outbox.stop()
    assert len(pacs.stored) == 2
    assert len(pacs.asked) == questions
    with engine.connect() as connection:
        known = set(connection.execute(select(commitment.c.transaction_uid)).scalars())
    assert {q.TransactionUID for q in pacs.asked} <= known
    report = parse_report(report_dataset(pacs.asked[0]))
    assert record_report(engine, report, ["pacs"], RetryPolicy()) == 0
    assert states(engine) == ["sent", "sent"]


@pytest.mark.parametrize(("named", "state"), [(True, "sent"), (False, "dead")])
def test_what_was_not_committed_does_not_wait_for_ever_when_the_settings_change(
    engine, tmp_path, named, state
):
    queue(engine, tmp_path)
    with engine.begin() as connection:
        connection.execute(update(delivery).values(state="stored", stored_at=5.0, due_at=6.0))
    plain = Peer("pacs", "PACS", "127.0.0.1", free_port())
    outbox = Outbox(engine, {"pacs": plain} if named else {}, calling_ae_title="CLINICALAI")
    outbox.start()
    poll(lambda: states(engine) == [state])
    outbox.stop()


def test_orthanc_commits_to_what_it_keeps_and_not_to_what_was_deleted(
    sqlite_engine, sqlite_archive, tmp_path
):
    queue(sqlite_engine, tmp_path, (1, 2, 3))
    port = free_port()
    modality = {"AET": "CLINICALAI", "Host": "127.0.0.1", "Port": port}
    with orthanc(tmp_path / "orthanc", more={"DicomModalities": {"us": modality}}) as server:
        peer = Peer("pacs", "ORTHANC", "127.0.0.1", server.dicom_port, storage_commitment=True)
        service = commitment_service(sqlite_engine, [peer])
        outbox = outbox_of(sqlite_engine, peer)
        # The question comes later than the objects; in between one of them is deleted.
        plain = Peer("pacs", "ORTHANC", "127.0.0.1", server.dicom_port)
        assert outbox_of(sqlite_engine, plain).run_due(time.time()) == 3
        with sqlite_engine.begin() as connection:
            connection.execute(
                update(delivery).values(state="stored", sop_class_uid=CTImageStorage)
            )
        (gone,) = [i for i in server.get("/instances?expand") if _uid(i) == "1.2.3.1.2"]
        server.send("DELETE", f"/instances/{gone['ID']}", None)
        with listening(sqlite_archive, port=port, services=(service,)):
            outbox.run_due(time.time())
            poll(lambda: states(sqlite_engine) == ["sent", "queued", "sent"])
            assert "did not commit" in rows(sqlite_engine)[1].last_error
            assert outbox.run_due(time.time() + 100) == 1
            poll(lambda: states(sqlite_engine) == ["sent"] * 3)


def _uid(of_orthanc) -> str:
    return of_orthanc["MainDicomTags"]["SOPInstanceUID"]


def test_what_is_listed_as_kept_and_as_failed_counts_as_failed():
    question = request_dataset("2.25.7", [(CTImageStorage, "1.2"), (CTImageStorage, "1.3")])
    report = report_dataset(question, {"1.3"}, 0x0213)
    report.ReferencedSOPSequence = question.ReferencedSOPSequence
    parsed = parse_report(report)
    assert parsed == CommitmentReport("2.25.7", frozenset({"1.2"}), {"1.3": 0x0213})
    assert describe_reason(0x0213) == "out of resources (0x0213)"
    assert describe_reason(0) == "no known reason (0x0000)"


@pytest.mark.parametrize("transaction", [None, "", "../x", "1 2"])
def test_a_report_without_a_transaction_is_refused(transaction):
    report = Dataset()
    if transaction is not None:
        report.add_new(0x00081195, "LO", transaction)
    with pytest.raises(EncodingError, match="Transaction UID"):
        parse_report(report)
