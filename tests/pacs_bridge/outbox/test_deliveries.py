"""The queue as its users see it."""

import time

import pytest
from sqlalchemy import update

from pacs_bridge.database import writing
from pacs_bridge.errors import DeliveryError
from pacs_bridge.outbox import (
    dead_deliveries,
    drop,
    enqueue_delivery,
    peer_queues,
    resend,
    resend_dead,
)
from pacs_bridge.tables import delivery
from tests.pacs_bridge.support import queue, rows, states


def change(engine, numbers, **values):
    with writing(engine) as connection:
        connection.execute(
            update(delivery)
            .where(delivery.c.sop_instance_uid.in_([f"1.2.3.1.{n}" for n in numbers]))
            .values(**values)
        )


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


def test_a_dead_delivery_is_sent_again_with_fresh_counts(engine, tmp_path):
    queue(engine, tmp_path)
    number = rows(engine)[0].id
    with writing(engine) as connection, pytest.raises(DeliveryError, match="already queued"):
        resend(connection, number)
    change(
        engine, (1,), state="dead", attempts=9, refusals=9, failing_since=1.0, commitment_rounds=3
    )
    with writing(engine) as connection:
        resend(connection, number)
    (row,) = rows(engine)
    assert (row.state, row.attempts, row.refusals, row.failing_since) == ("queued", 0, 0, None)
    assert row.commitment_rounds == 0
    with writing(engine) as connection, pytest.raises(DeliveryError, match="does not exist"):
        resend(connection, 4711)


def test_all_dead_of_one_peer_are_sent_again(engine, tmp_path):
    queue(engine, tmp_path, (1, 2, 3))
    queue(engine, tmp_path, (4,), peer="other")
    change(engine, (1, 2, 4), state="dead")
    with writing(engine) as connection:
        assert resend_dead(connection, "pacs") == 2
    assert states(engine) == ["queued", "queued", "queued", "dead"]


def test_what_is_dropped_is_not_listed_and_not_queued_again(engine, tmp_path):
    queue(engine, tmp_path, (1, 2))
    change(engine, (1, 2), state="dead", last_error="no", attempts=4)
    with writing(engine) as connection:
        listed = dead_deliveries(connection, "pacs")
        dropped = drop(connection, listed[0].delivery_id)
        assert dropped == listed[0]
        assert (dropped.sop_instance_uid, dropped.reason, dropped.attempts) == (
            "1.2.3.1.1",
            "no",
            4,
        )
        assert dead_deliveries(connection) == listed[1:]
        assert dead_deliveries(connection, "other") == []
    queue(engine, tmp_path, (1,))
    assert states(engine) == ["dropped", "dead"]
    with writing(engine) as connection, pytest.raises(DeliveryError, match="no dead delivery"):
        drop(connection, listed[0].delivery_id)


def test_the_state_of_each_peer(engine, tmp_path):
    begin = time.time()
    queue(engine, tmp_path, range(1, 7))
    queue(engine, tmp_path, (7,), peer="other")
    change(engine, (1,), created_at=begin - 500, failing_since=begin - 100, last_error="away")
    change(engine, (2,), failing_since=begin - 50, last_error="something else")
    change(engine, (3,), state="stored")
    change(engine, (4,), state="sent", sent_at=begin)
    change(engine, (5,), state="sent", sent_at=begin - 9000)
    change(engine, (6,), state="dead")
    change(engine, (7,), state="dropped")
    with engine.connect() as connection:
        idle, other, pacs = peer_queues(connection, ["idle", "pacs"], sent_since=begin - 3600)
    assert (idle.peer, idle.waiting, idle.oldest_at) == ("idle", 0, None)
    assert (other.peer, other.waiting, other.dead) == ("other", 0, 0)
    assert (pacs.waiting, pacs.uncommitted, pacs.sent, pacs.dead) == (2, 1, 1, 1)
    assert (pacs.oldest_at, pacs.failing_since) == (begin - 500, begin - 100)
    assert pacs.last_error == "away"
