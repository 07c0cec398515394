"""Transactions arrive once and in order, whatever dies meanwhile."""

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, update

from clinical_ai.errors import RecordError
from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.records.fhir.errors import FhirError, FhirStatusError
from clinical_ai.records.fhir.outbox import FhirOutbox, failure_of
from clinical_ai.records.fhir.outcome import NOTHING_SAID
from clinical_ai.records.outgoing import (
    drop_transaction,
    enqueue_transaction,
    list_transactions,
    resend_dead_transactions,
    resend_transaction,
    transaction_body,
)
from clinical_ai.store.migrate import migrate
from clinical_ai.store.tables import fhir_sender
from pacs_bridge.database import open_engine, writing
from pacs_bridge.errors import DeliveryError
from pacs_bridge.ordered.outbox import Patience
from tests.support.processes import free_port, wait_for
from tests.support.relay import relaying
from tests.support.scripted_fhir import Asked, Reply, scripted_fhir
from tests.support.sekmet import Sekmet, running_sekmet

SYSTEM = "urn:oid:1.2.3"
FAST = Patience(attempts=20, permanent=2, first_seconds=0.05)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'queue.sqlite3'}")
    migrate(engine)
    yield engine
    engine.dispose()


def device(number: str, version: int = 1, count: int = 1, **request: str) -> bytes:
    """A transaction that says the state of devices: PUT by id, and one by its identifier."""
    puts: list[Mapping[str, Any]] = [
        {
            "resource": {
                "resourceType": "Device",
                "id": f"{number}-{n}",
                "deviceName": [{"name": f"v{version}", "type": "model-name"}],
            },
            "request": {"method": "PUT", "url": f"Device/{number}-{n}", **request},
        }
        for n in range(count)
    ]
    by_identifier = {
        "resource": {
            "resourceType": "Organization",
            "identifier": [{"system": SYSTEM, "value": number}],
            "name": "x",
        },
        "request": {
            "method": "POST",
            "url": "Organization",
            "ifNoneExist": f"identifier={SYSTEM}|{number}",
        },
    }
    body = {"resourceType": "Bundle", "type": "transaction", "entry": [*puts, by_identifier]}
    return orjson.dumps(body)


def queue(engine: Engine, key: str, *, subject: str = "", body: bytes | None = None) -> bool:
    with writing(engine) as connection:
        return enqueue_transaction(
            connection,
            server="his",
            key=key,
            subject=subject or key,
            bundle=body or device(key),
        )


def states(engine: Engine) -> list[str]:
    return [one.state for one in reversed(list_transactions(engine))]


def outbox(engine: Engine, settings: FhirServerSettings, **options: Any) -> FhirOutbox:
    return FhirOutbox(engine, {"his": settings}, **{"patience": FAST, **options})


def drain(one: FhirOutbox, engine: Engine, seconds: float = 60.0) -> None:
    """Let an outbox work until nothing is queued."""
    one.start()
    try:
        wait_for(lambda: "queued" not in states(engine), "an empty queue", seconds=seconds)
    finally:
        one.stop()


def ids() -> list[str]:
    return [uuid.uuid4().hex[:16] for _ in range(3)]


def test_transactions_arrive(engine: Engine, sekmet: Sekmet) -> None:
    numbers = ids()
    for number in numbers:
        assert queue(engine, number)
        assert not queue(engine, number)
    before = sekmet.count("Device")
    assert outbox(engine, sekmet.settings()).run_due(time.time()) == 3
    assert states(engine) == ["sent"] * 3
    assert sekmet.count("Device") == before + 3


def test_what_would_make_duplicates_cannot_be_queued(sqlite_engine: Engine) -> None:
    entry = {"resource": {}, "request": {"method": "POST", "url": "Patient?name=wang"}}
    body = orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    with pytest.raises(RecordError, match="ifNoneExist") as caught:
        queue(sqlite_engine, "a", body=body)
    assert "wang" not in str(caught.value)
    for wrong in (b"{", b"[]", orjson.dumps({"resourceType": "Bundle", "type": "batch"})):
        with pytest.raises(RecordError):
            queue(sqlite_engine, "a", body=wrong)
    with pytest.raises(RecordError, match="128 characters"):
        queue(sqlite_engine, "a" * 129)
    assert states(sqlite_engine) == []


def test_a_refused_transaction_is_a_dead_letter_and_the_next_goes_on(
    sqlite_engine: Engine, sekmet: Sekmet
) -> None:
    number = ids()[0]
    queue(sqlite_engine, "bad", subject="s", body=device(number, ifMatch='W/"9"'))
    queue(sqlite_engine, "good", subject="s", body=device(number, version=2))
    drain(outbox(sqlite_engine, sekmet.settings()), sqlite_engine)
    bad, good = reversed(list_transactions(sqlite_engine))
    assert (bad.state, bad.attempts, good.state) == ("dead", 2, "sent")
    assert bad.last_error is not None
    assert bad.last_error.startswith("his answered HTTP 412: conflict")
    assert "Version conflict" in bad.last_error  # what the server said, for an engineer
    with pytest.raises(DeliveryError, match="older than one"), writing(sqlite_engine) as c:
        resend_transaction(c, bad.id)
    with writing(sqlite_engine) as connection:
        assert resend_dead_transactions(connection, "his") == (0, 1)
        drop_transaction(connection, bad.id)
    assert states(sqlite_engine) == ["dropped", "sent"]
    assert not queue(sqlite_engine, "bad", subject="s")
    with pytest.raises(DeliveryError, match="no dead"), writing(sqlite_engine) as connection:
        drop_transaction(connection, good.id)


def test_a_dead_letter_is_sent_again(sqlite_engine: Engine, sekmet: Sekmet) -> None:
    number = ids()[0]
    outboxes = {"read": sekmet.settings(roles=["read"]), "write": sekmet.settings()}
    queue(sqlite_engine, number)
    assert outbox(sqlite_engine, outboxes["read"]).run_due(time.time()) == 0
    dead = list_transactions(sqlite_engine)[0]
    assert dead.state == "dead"
    assert "no FHIR server with role 'write' is named 'his'" in (dead.last_error or "")
    with writing(sqlite_engine) as connection:
        assert resend_dead_transactions(connection, "his") == (1, 0)
    assert outbox(sqlite_engine, outboxes["write"]).run_due(time.time()) == 1
    assert transaction_body(sqlite_engine, dead.id) == device(number)


def test_a_server_that_is_down_costs_no_attempts_and_gets_all_in_order(
    engine: Engine, tmp_path: Path
) -> None:
    server = Sekmet(tmp_path / "sekmet")
    one = outbox(engine, server.settings(), patience=Patience(unreachable_seconds=60.0))
    number = ids()[0]
    for version in range(1, 6):
        queue(engine, f"k{version}", subject="s", body=device(number, version))
    now = time.time()
    waits = []
    while now < time.time() + 600:  # ten minutes of an outbox's clock
        assert one.run_due(now) == 0
        with engine.connect() as connection:
            due_at = connection.execute(fhir_sender.select()).one().due_at
        waits.append(due_at - now)
        assert one.run_due(due_at - 0.01) == 0  # left alone until then
        now = due_at
    assert 12 <= len(waits) <= 25
    assert max(waits) <= 60
    assert {one.attempts for one in list_transactions(engine)} == {0}
    assert "does not answer: ConnectError" in (list_transactions(engine)[0].last_error or "")
    server.start()
    try:
        assert one.run_due(now) == 5
        assert states(engine) == ["sent"] * 5
        assert [one.last_error for one in list_transactions(engine)] == [None] * 5
        assert history(server, f"Device/{number}-0") == ["v1", "v2", "v3", "v4", "v5"]
    finally:
        server.stop()


def history(server: Sekmet, path: str) -> list[str]:
    entries = server.get(f"{path}/_history?_count=100")["entry"]
    return [entry["resource"]["deviceName"][0]["name"] for entry in reversed(entries)]


@pytest.mark.slow
def test_a_server_killed_within_transactions_has_each_once_at_the_end(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    """SIGKILL again and again while it works; it keeps its data as a server does."""
    with running_sekmet(tmp_path / "sekmet") as server:
        numbers = [uuid.uuid4().hex[:16] for _ in range(6)]
        for number in numbers:
            queue(sqlite_engine, number, subject=number[:1], body=device(number, count=120))
        one = outbox(sqlite_engine, server.settings())
        one.start()
        try:
            kills_within = 0
            for delay in (0.0, 0.02, 0.04, 0.08):
                wait_for(server.is_in_transaction, "a transaction in progress", every=0.005)
                time.sleep(delay)  # to die at another place each time
                kills_within += server.is_in_transaction()
                server.kill()
                assert server.count_on_disk("Device") % 120 == 0  # all of a transaction, or none
                server.start()
            wait_for(lambda: states(sqlite_engine) == ["sent"] * 6, "all sent", seconds=90)
        finally:
            one.stop()
        assert kills_within >= 1
        assert server.count("Device") == 6 * 120
        assert server.count("Organization") == 6


def test_a_lost_answer_makes_no_duplicate(sqlite_engine: Engine, tmp_path: Path) -> None:
    with running_sekmet(tmp_path / "sekmet") as server, relaying(server.port) as relay:
        settings = server.settings(base_url=f"http://127.0.0.1:{relay.port}/fhir")
        queue(sqlite_engine, "one")
        one = outbox(sqlite_engine, settings)
        relay.lose_answers = True
        assert one.run_due(time.time()) == 0
        assert relay.lost == 1
        assert server.count("Organization") == 1  # done, and we do not know it
        assert list_transactions(sqlite_engine)[0].attempts == 1
        relay.lose_answers = False
        assert one.run_due(time.time() + 1000) == 1
        assert (server.count("Device"), server.count("Organization")) == (1, 1)


def test_two_outboxes_send_each_transaction_once(engine: Engine) -> None:
    asked: list[str] = []
    lock = threading.Lock()

    def answer(request: Asked) -> Reply:
        bundle = orjson.loads(request.body)
        with lock:
            asked.append(bundle["entry"][0]["resource"]["id"])
        entries = [{"response": {"status": "201 Created"}} for _ in bundle["entry"]]
        return Reply(
            body={"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
        )

    numbers = [f"n{n:02}" for n in range(12)]
    for number in numbers:
        queue(engine, number, subject="s")
    with scripted_fhir(answer) as server:
        both = [outbox(engine, server.settings(), name=name) for name in ("a", "b")]
        for one in both:
            one.start()
        try:
            wait_for(lambda: states(engine) == ["sent"] * 12, "all sent")
        finally:
            for one in both:
                one.stop()
    assert asked == [f"{number}-0" for number in numbers]


def test_the_lease_of_a_dead_sender_runs_out(engine: Engine, sekmet: Sekmet) -> None:
    queue(engine, ids()[0])
    now = time.time()
    one = outbox(engine, sekmet.settings(), name="b")
    with writing(engine) as connection:
        connection.execute(
            fhir_sender.insert().values(peer="his", leased_by="a", leased_until=now + 60)
        )
    assert one.run_due(now) == 0
    assert one.run_due(now + 61) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "permanent"), (403, "permanent"), (412, "permanent"), (413, "permanent"),
     (422, "permanent"), (409, "transient"), (500, "transient"), (504, "transient"),
     (429, "unreachable"), (503, "unreachable")],
)  # fmt: skip
def test_what_a_status_means_for_a_transaction(status: int, kind: str) -> None:
    error = FhirStatusError("x", status=status, outcome=NOTHING_SAID, retry_after=9.0)
    assert failure_of(error).kind == kind
    assert failure_of(error).retry_after == 9.0
    assert failure_of(FhirError("x")).kind == "transient"


@pytest.mark.parametrize("status", [401, 503])
def test_a_server_that_lets_nobody_in_is_left_alone_as_long_as_it_asks(
    sqlite_engine: Engine, status: int
) -> None:
    queue(sqlite_engine, "one")
    queue(sqlite_engine, "two")
    with scripted_fhir(lambda _: Reply(status, {}, {"Retry-After": "120"})) as server:
        now = time.time()
        assert outbox(sqlite_engine, server.settings()).run_due(now) == 0
        assert len(server.asked) == 1  # nothing gets through: the second is not tried
    assert [one.attempts for one in list_transactions(sqlite_engine)] == [0, 0]
    with sqlite_engine.connect() as connection:
        wait = connection.execute(fhir_sender.select()).one().due_at - now
    assert wait >= 120 if status == 503 else wait > 0


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Bundle", "type": "transaction-response", "entry": []},
        {"resourceType": "Patient"},
        b"<html>please sign in</html>",
        {
            "resourceType": "Bundle",
            "type": "transaction-response",
            "entry": [{"response": {"status": "201"}}, {"response": {"status": "400"}}],
        },
    ],
)
def test_an_answer_that_confirms_nothing_is_no_success(sqlite_engine: Engine, body: object) -> None:
    queue(sqlite_engine, "one")
    with scripted_fhir(lambda _: Reply(body=body)) as server:
        assert outbox(sqlite_engine, server.settings()).run_due(time.time()) == 0
    assert states(sqlite_engine) == ["queued"]


def test_a_key_that_cannot_be_used_stops_nothing_else(
    sqlite_engine: Engine, sekmet: Sekmet, tmp_path: Path
) -> None:
    auth = {
        "type": "backend_services",
        "client_id": "a",
        "key_id": "k",
        "key_file": str(tmp_path / "absent.pem"),
    }
    queue(sqlite_engine, "one")
    one = outbox(sqlite_engine, sekmet.settings(auth=auth))
    assert one.run_due(time.time()) == 0
    found = list_transactions(sqlite_engine)[0]
    assert (found.state, found.attempts) == ("queued", 0)
    assert "absent.pem cannot be read" in (found.last_error or "")


def test_no_server_is_asked_while_what_is_due_waits_for_an_earlier_one(
    sqlite_engine: Engine,
) -> None:
    from clinical_ai.store.tables import fhir_outgoing

    queue(sqlite_engine, "one", subject="s")
    queue(sqlite_engine, "two", subject="s")
    with writing(sqlite_engine) as connection:
        connection.execute(
            update(fhir_outgoing).where(fhir_outgoing.c.key == "one").values(due_at=1e12)
        )
    settings = FhirServerSettings(base_url=f"http://127.0.0.1:{free_port()}/fhir", roles=("write",))
    assert outbox(sqlite_engine, settings).run_due(time.time()) == 0
    with sqlite_engine.connect() as connection:
        assert connection.execute(fhir_sender.select()).all() == []
