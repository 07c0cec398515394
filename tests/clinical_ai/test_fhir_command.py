"""``clinical-ai fhir`` as an administrator types it, with an independent server."""

import json
import os
import subprocess
import time
from contextlib import closing

import orjson
import pytest
from sqlalchemy import select

from clinical_ai.records.fhir.outbox import FhirOutbox
from clinical_ai.records.outgoing import enqueue_transaction, list_transactions
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.store.tables import audit_event
from pacs_bridge.database import writing
from pacs_bridge.ordered.outbox import Patience
from tests.support.processes import clinical_ai
from tests.support.sekmet import running_sekmet

pytestmark = pytest.mark.slow  # each command is a process


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_sekmet(tmp_path_factory.mktemp("sekmet")) as server:
        for number in (1, 2):
            server.put(
                {
                    "resourceType": "Patient",
                    "id": f"p{number}",
                    "identifier": [{"system": "urn:mrn", "value": "MRN7" if number < 2 else "X"}],
                }
            )
        subject = {"reference": "Patient/p1"}
        coded = {"code": {"text": "x"}, "subject": subject}
        server.put({"resourceType": "Observation", "id": "o", "status": "final", **coded})
        yield server


@pytest.fixture
def run(tmp_path, server):
    environment = {
        **os.environ,
        "CLINICAL_AI_DATA_DIR": str(tmp_path / "data"),
        "CLINICAL_AI_CONFIG": str(tmp_path / "none.toml"),
        "CLINICAL_AI_FHIR_SERVERS__HIS__BASE_URL": server.base_url,
        "CLINICAL_AI_FHIR_SERVERS__HIS__ROLES": '["read", "write"]',
        "COLUMNS": "200",
    }

    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            clinical_ai("fhir", *arguments),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return start


def test_echo_says_whether_a_server_lets_us_in(run):
    good = run("echo", "his")
    assert good.returncode == 0, good.stderr
    assert "his (FHIR 4.0.1) answered and let us in" in good.stdout
    assert "it does not name FamilyMemberHistory, RiskAssessment" in good.stdout
    unknown = run("echo", "lab")
    assert unknown.returncode == 2
    assert "'lab' is not in [fhir_servers]; configured: his" in " ".join(unknown.stderr.split())


def test_a_record_is_fetched_by_id_or_number(run):
    by_number = run("fetch", "his", "MRN7", "--number", "--json")
    assert by_number.returncode == 0, by_number.stderr
    assert json.loads(by_number.stdout) == {
        "counts": {"Observation": 1, "Patient": 1},
        "missing": [],
        "id": "p1",
    }
    by_id = run("fetch", "his", "p2")
    assert "copied 1 resources: 1 Patient" in by_id.stdout
    nobody = run("fetch", "his", "none", "--number")
    assert nobody.returncode == 1
    assert "0 Patients of his have that identifier" in nobody.stdout
    absent = run("fetch", "his", "absent")
    assert absent.returncode == 1
    assert "his answered HTTP 404" in absent.stderr


def test_dead_letters_are_listed_sent_again_and_dropped(run, tmp_path, server):
    resource = {"resourceType": "Device", "id": "d1", "deviceName": [{"name": "王"}]}
    request = {"method": "PUT", "url": "Device/d1"}
    entry = {"resource": resource, "request": request}  # a name without its type: refused
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    settings = Settings(data_dir=tmp_path / "data", fhir_servers={"his": server.settings()})
    with closing(open_services(settings)) as services:
        with writing(services.engine) as connection:
            for key in ("a", "b"):
                enqueue_transaction(
                    connection, server="his", key=key, subject=key, bundle=orjson.dumps(bundle)
                )
        outbox = FhirOutbox(services.engine, settings.fhir_servers, patience=Patience(permanent=1))
        outbox.run_due(time.time())
        listed = json.loads(run("dead-letter", "--json").stdout)
        assert [(one["id"], one["key"], one["server"]) for one in listed] == [
            (2, "b", "his"),
            (1, "a", "his"),
        ]
        assert all("his answered HTTP 400" in one["last_error"] for one in listed)
        shown = run("queue", "--show", "1")
        assert json.loads(shown.stdout) == bundle
        assert "王" not in shown.stdout
        assert "transaction 1 is queued again" in run("dead-letter", "--resend", "1").stdout
        assert "transaction 2 is dropped" in run("dead-letter", "--drop", "2", "--yes").stdout
        assert "no dead message" in run("dead-letter", "--drop", "2", "--yes").stderr
        assert [one.state for one in list_transactions(services.engine)] == ["dropped", "queued"]
        again = run("dead-letter", "--resend", "all", "--server", "his")
        assert "0 transactions to his are queued again" in again.stdout
        assert run("dead-letter", "--resend", "all").returncode == 2
        queued = json.loads(run("queue", "--state", "queued", "--server", "his", "--json").stdout)
        assert [one["key"] for one in queued] == ["a"]
        with services.engine.connect() as connection:
            actions = list(connection.execute(select(audit_event.c.action)).scalars())
    assert actions == ["fhir-resend", "fhir-drop", "fhir-resend"]
