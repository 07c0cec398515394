"""Sending to scripted receivers: accepted once, kept until accepted, in order, one at a time."""

import subprocess
import sys
import textwrap
import time

import pytest
from sqlalchemy import select

from pacs_bridge.database import writing
from pacs_bridge.errors import DeliveryError, MessageError, PeerError
from pacs_bridge.hl7.er7 import Message, segment
from pacs_bridge.hl7.outbox import Hl7Outbox
from pacs_bridge.hl7.outgoing import (
    enqueue_message,
    list_outgoing,
    resend_message,
)
from pacs_bridge.hl7.sender import Hl7Peer, MllpConnection
from pacs_bridge.hl7.tables import hl7_outgoing, hl7_sender
from tests.pacs_bridge.support import free_port, poll
from tests.support.processes import REPOSITORY
from tests.support.scripted_ris import scripted_ris


def body(control_id: str, text: str = "肺|结节") -> bytes:
    msh = {3: "AI", 9: ("ORU", "R01"), 10: control_id, 12: "2.5.1", 18: "UNICODE UTF-8"}
    obx = {1: "1", 2: "ST", 5: text, 11: "P"}
    return str(Message((segment("MSH", msh), segment("OBX", obx)))).encode()


def queue(engine, *control_ids: str, peer: str = "ris", subject: str = "") -> None:
    for control_id in control_ids:
        with writing(engine) as connection:
            enqueue_message(
                connection,
                peer_name=peer,
                control_id=control_id,
                message_type="ORU^R01",
                subject=subject or control_id,
                body=body(control_id),
            )


def states(engine) -> list[str]:
    return [m.state for m in reversed(list_outgoing(engine))]


def ris_peer(port: int, seconds: float = 10.0) -> Hl7Peer:
    return Hl7Peer("ris", "127.0.0.1", port, acknowledge_seconds=seconds)


def outbox(engine, port: int, **options) -> Hl7Outbox:
    seconds = options.pop("seconds", 10.0)
    return Hl7Outbox(engine, {"ris": ris_peer(port, seconds)}, **options)


@pytest.mark.parametrize("word", ["AA", "CA", "crumbs"])
def test_a_message_is_accepted(word):
    with scripted_ris(word) as ris, MllpConnection(ris_peer(ris.port)) as connection:
        answer = connection.exchange(body("C1"), "C1")
        assert answer.verdict == "accept"
    assert ris.raw == [body("C1")]
    assert str(ris.received[0].segment("OBX")[5]) == "肺\\F\\结节"


@pytest.mark.parametrize(
    ("word", "verdict"), [("AE", "error"), ("CE", "error"), ("AR", "reject"), ("CR", "reject"),
                          ("mute", "reject")],
)  # fmt: skip
def test_a_message_is_not_accepted(word, verdict):
    with scripted_ris(word) as ris, MllpConnection(ris_peer(ris.port)) as connection:
        answer = connection.exchange(body("C1"), "C1")
    assert answer.verdict == verdict
    assert answer.text == "Unknown key identifier; order 王 unknown" or word == "mute"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("hang", "did not acknowledge within 0.5 s"),
        ("close", "closed the connection before"),
        ("cut", "closed the connection inside"),
        ("other", "acknowledged another message"),
        ("noise", "against MLLP"),
    ],
)
def test_a_peer_that_does_not_answer_is_an_error(word, says):
    with (
        scripted_ris(word) as ris,
        MllpConnection(ris_peer(ris.port, 0.5)) as connection,
        pytest.raises(PeerError, match=says),
    ):
        connection.exchange(body("C1"), "C1")


def test_a_peer_that_is_not_there_is_an_error():
    with pytest.raises(PeerError, match="cannot be reached"), MllpConnection(ris_peer(free_port())):
        pass


def test_a_message_is_queued_once_and_with_its_transaction(engine):
    queue(engine, "C1", "C1")
    with pytest.raises(RuntimeError), writing(engine) as connection:
        enqueue_message(
            connection,
            peer_name="ris",
            control_id="C2",
            message_type="ORU^R01",
            subject="s",
            body=body("C2"),
        )
        raise RuntimeError
    assert [m.control_id for m in list_outgoing(engine)] == ["C1"]


def test_a_message_that_cannot_be_framed_is_not_queued(engine):
    with pytest.raises(MessageError), writing(engine) as connection:
        enqueue_message(
            connection,
            peer_name="ris",
            control_id="C1",
            message_type="x",
            subject="s",
            body=b"a\x1c\rb",
        )


def test_a_peer_that_is_down_gets_each_message_once_when_it_is_up(engine):
    port = free_port()
    sender = outbox(engine, port)
    queue(engine, "C1", "C2")
    now = time.time()
    for later in range(0, 100_000, 1000):  # a weekend: nothing dies of it
        assert sender.run_due(now + later) == 0
    assert states(engine) == ["queued", "queued"]
    assert all("cannot be reached" in m.last_error for m in list_outgoing(engine))
    assert [m.attempts for m in list_outgoing(engine)] == [0, 0]
    with scripted_ris(port=port) as ris:
        assert sender.run_due(now + 100_000) == 2
        assert sender.run_due(now + 200_000) == 0
    assert ris.control_ids() == ["C1", "C2"]
    assert states(engine) == ["sent", "sent"]


def test_an_unreachable_peer_is_left_alone_for_a_while(engine):
    port = free_port()
    sender = outbox(engine, port)
    queue(engine, "C1")
    now = time.time()
    sender.run_due(now)
    with scripted_ris(port=port) as ris:
        assert sender.run_due(now + 1) == 0
        assert sender.run_due(now + 6) == 1
    assert len(ris.received) == 1


def test_errors_die_soon_and_rejections_late(engine):
    queue(engine, "C1")
    queue(engine, "C2")
    now = time.time()
    with scripted_ris(*["AE", "AR"] * 4, *["AR"] * 20) as ris:
        sender = outbox(engine, ris.port, max_attempts=6, max_errors=4)
        for n in range(4):
            sender.run_due(now + n * 1000)
        assert states(engine) == ["dead", "queued"]
        for n in range(4, 10):
            sender.run_due(now + n * 1000)
        assert states(engine) == ["dead", "dead"]
        assert [m.attempts for m in list_outgoing(engine)] == [6, 4]
        dead = list_outgoing(engine, state="dead")
        assert "AR: Unknown key identifier; order 王 unknown" in dead[0].last_error
        ris.script.clear()
        resend_message(engine, dead[1].id)
        with pytest.raises(DeliveryError, match="already queued"):
            resend_message(engine, dead[1].id)
        assert sender.run_due(now + 20_000) == 1
    assert ris.control_ids()[-1] == "C1"


def test_a_message_that_the_peer_cannot_digest_does_not_hold_up_the_rest(engine):
    queue(engine, "C1", "C2", "C3")
    now = time.time()
    with scripted_ris("close", "AA", "AA") as ris:
        sender = outbox(engine, ris.port)
        assert sender.run_due(now) == 0
        assert sender.run_due(now) == 2
        assert sender.run_due(now + 10) == 1
    assert ris.control_ids() == ["C1", "C2", "C3", "C1"]


def test_messages_on_one_subject_arrive_in_order(engine):
    queue(engine, "P1", "F1", subject="study 1")
    queue(engine, "P2", "F2", subject="study 2")
    now = time.time()
    with scripted_ris("AE") as ris:
        sender = outbox(engine, ris.port)
        assert sender.run_due(now) == 2
        assert sender.run_due(now + 1) == 0  # F1 waits for P1
        assert sender.run_due(now + 10) == 2
    assert ris.control_ids() == ["P1", "P2", "F2", "P1", "F1"]


def test_an_old_result_is_not_sent_after_a_newer_one(engine):
    queue(engine, "P1", "F1", subject="study")
    queue(engine, "P2", subject="other study")
    with scripted_ris() as ris:
        assert outbox(engine, ris.port).run_due(time.time()) == 3
    ids = {m.control_id: m.id for m in list_outgoing(engine)}
    with pytest.raises(DeliveryError, match="older than one on the same subject"):
        resend_message(engine, ids["P1"])
    resend_message(engine, ids["F1"])
    resend_message(engine, ids["P2"])
    assert states(engine) == ["sent", "queued", "queued"]


def test_no_connection_is_made_for_a_message_that_waits_for_an_earlier_one(engine):
    queue(engine, "P1", "F1", subject="study")
    now = time.time()
    with scripted_ris("AR") as ris:
        sender = outbox(engine, ris.port)
        assert sender.run_due(now) == 0  # P1 is refused and waits
    assert sender.run_due(now + 1) == 0  # nobody listens there now, and nobody was called
    with engine.connect() as connection:
        assert connection.execute(select(hl7_sender.c.failures)).scalar_one() == 0


def test_a_slow_and_a_dead_peer_delay_nobody(engine):
    queue(engine, "S1", peer="slow")
    queue(engine, "D1", peer="dead")
    with scripted_ris("hang") as slow, scripted_ris() as good:
        peers = {
            # First by name, so that the good one would have to wait for them.
            "dead": Hl7Peer("dead", "192.0.2.1", 2575),
            "good": Hl7Peer("good", "127.0.0.1", good.port),
            "slow": Hl7Peer("slow", "127.0.0.1", slow.port, acknowledge_seconds=6.0),
        }
        sender = Hl7Outbox(engine, peers)
        sender.start()
        poll(lambda: slow.received)
        queue(engine, "G1", peer="good")
        begin = time.monotonic()
        poll(lambda: good.received, 5)
        assert time.monotonic() - begin < 4.0
        assert "sent" not in states(engine)[:2]
        sender.stop()


def test_an_unknown_peer_is_dead_at_once(engine):
    queue(engine, "C1", peer="gone")
    outbox(engine, 1).run_due(time.time())
    (row,) = list_outgoing(engine)
    assert row.state == "dead"
    assert "no HL7 peer is named 'gone'" in row.last_error


def test_a_refused_message_is_kept_and_not_sent(engine):
    with writing(engine) as connection:
        enqueue_message(
            connection,
            peer_name="ris",
            control_id="C1",
            message_type="ORU^R01",
            subject="s",
            body=body("C1"),
            refused="OBX.3 is missing",
        )
    (row,) = list_outgoing(engine)
    assert (row.state, row.last_error) == ("dead", "OBX.3 is missing")


def test_several_senders_send_each_message_once_and_one_at_a_time(engine):
    numbers = [f"C{n}" for n in range(12)]
    queue(engine, *numbers)
    with scripted_ris() as ris:
        senders = [outbox(engine, ris.port) for _ in range(3)]
        for sender in senders:
            sender.start()
        poll(lambda: states(engine) == ["sent"] * 12)
        for sender in senders:
            sender.stop()
        assert sorted(ris.control_ids()) == sorted(numbers)
        assert ris.most_at_once == 1


KILLED = """
import sys, time
from pacs_bridge.database import open_engine
from pacs_bridge.hl7 import tables
from pacs_bridge.hl7.outbox import Hl7Outbox
from pacs_bridge.hl7.sender import Hl7Peer
peer = Hl7Peer("ris", "127.0.0.1", int(sys.argv[2]))
outbox = Hl7Outbox(open_engine(sys.argv[1]), {"ris": peer}, name="worker")
outbox.start()
time.sleep(600)
"""


def test_a_sender_killed_before_the_answer_sends_again_under_the_same_control_id(
    engine, database_url
):
    queue(engine, "C1", "C2")
    with scripted_ris("hang") as ris:
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), database_url, str(ris.port)],
            env={"PYTHONPATH": str(REPOSITORY)},
        )
        poll(lambda: ris.received, 30)
        child.kill()
        child.wait()
        other = outbox(engine, ris.port, name="other")
        assert other.run_due(time.time()) == 0  # the lease of the killed one holds
        again = outbox(engine, ris.port, name="worker")
        again.start()
        poll(lambda: states(engine) == ["sent", "sent"])
        again.stop()
    assert ris.control_ids() == ["C1", "C1", "C2"]
    assert ris.raw[0] == ris.raw[1]
    with engine.connect() as connection:
        assert connection.execute(select(hl7_outgoing.c.attempts)).scalars().all() == [1, 1]
