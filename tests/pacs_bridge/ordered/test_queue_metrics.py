"""Metrics of a queue of ordered messages."""

from prometheus_client.registry import CollectorRegistry

from pacs_bridge.database import writing
from pacs_bridge.hl7.tables import HL7_QUEUE
from pacs_bridge.ordered.metrics import QueueCollector
from pacs_bridge.ordered.queue import enqueue


def test_what_waits_and_who_is_not_reached(sqlite_engine):
    with writing(sqlite_engine) as connection:
        for peer, control_id, refused in (
            ("ris", "1", ""),
            ("ris", "2", "no order"),
            ("Wang's RIS", "3", ""),
        ):
            enqueue(
                connection,
                HL7_QUEUE.outgoing,
                peer=peer,
                key={"control_id": control_id, "message_type": "ORU^R01"},
                subject="s",
                body=b"x",
                refused=refused,
            )
        connection.execute(HL7_QUEUE.outgoing.update().values(created_at=1000.0))
        connection.execute(HL7_QUEUE.sender.insert().values(peer="ris", failures=4))
    registry = CollectorRegistry()
    registry.register(
        QueueCollector(sqlite_engine, HL7_QUEUE, ["ris", "lab"], clock=lambda: 1060.0)
    )

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"clinical_ai_hl7_outbox_{name}", labels)

    assert value("messages", peer="ris", state="queued") == 1
    assert value("messages", peer="ris", state="dead") == 1
    assert value("messages", peer="lab", state="queued") == 0
    assert value("messages", peer="other", state="queued") == 1
    assert value("oldest_seconds", peer="ris") == 60
    assert value("oldest_seconds", peer="lab") == 0
    assert value("unreachable_attempts", peer="ris") == 4
    assert value("unreachable_attempts", peer="lab") == 0


def test_nothing_while_the_database_is_away(tmp_path):
    from pacs_bridge.database import open_engine

    engine = open_engine(f"sqlite:///{tmp_path / 'absent' / 'x.sqlite3'}")
    assert list(QueueCollector(engine, HL7_QUEUE, ["ris"]).collect()) == []
    engine.dispose()
