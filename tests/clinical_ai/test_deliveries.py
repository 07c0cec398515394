"""``bridge queue`` and ``bridge dead-letter``: what an administrator sees and may do."""

import json
import time
from pathlib import Path

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from clinical_ai.cli import app
from clinical_ai.services import open_services
from clinical_ai.settings import load_settings
from clinical_ai.store.tables import audit_event
from pacs_bridge.database import writing
from pacs_bridge.errors import DeliveryError
from pacs_bridge.outbox import enqueue_delivery
from pacs_bridge.tables import delivery

HOSTILE = "<script>[red]alert[/red]"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pacs = {"ae_title": "PACS", "host": "127.0.0.1", "port": 104}
    monkeypatch.setenv("CLINICAL_AI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CLINICAL_AI_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("CLINICAL_AI_PEERS", json.dumps({"pacs": pacs}))
    monkeypatch.setenv(
        "CLINICAL_AI_WEB_PEERS", json.dumps({"cloud": {"url": "https://pacs.example/dicom-web"}})
    )
    monkeypatch.setenv("COLUMNS", "250")
    opened = open_services(load_settings())
    now = time.time()
    states = ("queued", "queued", "sent", "dead", "dead", "stored")
    for number, state in enumerate(states, start=1):
        with writing(opened.engine) as connection:
            enqueue_delivery(
                connection,
                sop_instance_uid=f"1.2.{number}",
                path=tmp_path / f"{number}.dcm",
                peer_name="cloud" if number == 5 else "pacs",
            )
            values = {"state": state, "sent_at": now if state == "sent" else None}
            if state == "dead":
                values |= {"last_error": HOSTILE, "attempts": 3}
            if number == 1:
                values |= {"created_at": now - 8000, "failing_since": now - 4000}
            connection.execute(update(delivery).where(delivery.c.id == number).values(**values))
    yield opened
    opened.close()


def bridge(*arguments: str, answer: str | None = None):
    return CliRunner().invoke(app, ["bridge", *arguments], input=answer)


def states(services) -> list[str]:
    with services.engine.connect() as connection:
        return list(connection.execute(select(delivery.c.state).order_by(delivery.c.id)).scalars())


def audited(services) -> list[tuple[str, str]]:
    with services.engine.connect() as connection:
        rows = connection.execute(select(audit_event)).all()
    assert all(row.username.startswith("shell:") for row in rows)
    return [(row.action, row.detail) for row in rows]


def test_the_queue_of_each_peer(services):
    cloud, pacs = json.loads(bridge("queue", "--json").stdout)
    assert (pacs["peer"], pacs["waiting"], pacs["uncommitted"]) == ("pacs", 2, 1)
    assert (pacs["sent_today"], pacs["dead"]) == (1, 1)
    assert (pacs["oldest"], pacs["failing_for"]) == ("2 h 13 min", "1 h 6 min")
    assert (cloud["peer"], cloud["waiting"], cloud["oldest"], cloud["dead"]) == (
        "cloud",
        0,
        None,
        1,
    )
    assert "uncommitted" in bridge("queue").stdout
    (only,) = json.loads(bridge("queue", "--json", "--peer", "pacs").stdout)
    assert only == pacs
    unknown = bridge("queue", "--peer", "nobody")
    assert isinstance(unknown.exception, DeliveryError)
    assert "there are: cloud, pacs" in str(unknown.exception)


def test_dead_letters_are_listed_with_their_reason(services):
    assert HOSTILE in bridge("dead-letter").stdout
    first, second = json.loads(bridge("dead-letter", "--json").stdout)
    assert (first["id"], first["peer"], first["reason"], first["attempts"]) == (
        4,
        "pacs",
        HOSTILE,
        3,
    )
    (only,) = json.loads(bridge("dead-letter", "--json", "--peer", "cloud").stdout)
    assert only == second
    assert states(services) == ["queued", "queued", "sent", "dead", "dead", "stored"]
    assert audited(services) == []


def test_one_is_sent_again(services):
    assert bridge("dead-letter", "--resend", "4").exit_code == 0
    assert states(services)[3] == "queued"
    assert audited(services) == [("delivery-resend", "delivery 4")]
    again = bridge("dead-letter", "--resend", "4")
    assert isinstance(again.exception, DeliveryError)
    assert len(audited(services)) == 1


def test_all_of_a_peer_are_sent_again(services):
    assert bridge("dead-letter", "--resend", "all").exit_code == 2
    assert bridge("dead-letter", "--resend", "some").exit_code == 2
    assert (
        "1 deliveries to cloud"
        in bridge("dead-letter", "--resend", "all", "--peer", "cloud").stdout
    )
    assert states(services)[3:5] == ["dead", "queued"]
    assert audited(services) == [("delivery-resend", "all 1 dead deliveries to cloud")]


def test_one_is_dropped_after_a_question(services):
    refused = bridge("dead-letter", "--drop", "4", answer="n\n")
    assert refused.exit_code == 1
    assert states(services)[3] == "dead"
    assert bridge("dead-letter", "--drop", "4", answer="y\n").exit_code == 0
    assert bridge("dead-letter", "--drop", "5", "--yes").exit_code == 0
    assert states(services)[3:5] == ["dropped", "dropped"]
    assert audited(services) == [
        ("delivery-drop", "delivery 4 of 1.2.4 to pacs"),
        ("delivery-drop", "delivery 5 of 1.2.5 to cloud"),
    ]
    assert isinstance(bridge("dead-letter", "--drop", "1", "--yes").exception, DeliveryError)
    assert bridge("dead-letter", "--drop", "4", "--resend", "4").exit_code == 2
