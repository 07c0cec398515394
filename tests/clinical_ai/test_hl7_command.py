"""``clinical-ai bridge hl7`` and ``bridge orders`` as an administrator types them."""

import json
import os
import signal
import subprocess

import pytest

from clinical_ai.hl7_settings import Hl7Settings
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from pacs_bridge.database import writing
from pacs_bridge.hl7.inbox import Inbox, InboxPolicy
from pacs_bridge.hl7.outgoing import enqueue_message
from tests.pacs_bridge.hl7.messages import merge, orm
from tests.support.processes import answers, clinical_ai, free_port, started, wait_for
from tests.support.scripted_ris import scripted_ris

pytestmark = pytest.mark.slow  # each command is a process


@pytest.fixture
def site(tmp_path):
    services = open_services(Settings(data_dir=tmp_path / "data", hl7=Hl7Settings()))
    yield services
    services.close()


@pytest.fixture
def run(tmp_path):
    environment = {
        **os.environ,
        "CLINICAL_AI_DATA_DIR": str(tmp_path / "data"),
        "CLINICAL_AI_CONFIG": str(tmp_path / "none.toml"),
        "COLUMNS": "200",
    }

    def start(*arguments: str, port: int = 1, **more: str) -> subprocess.CompletedProcess[str]:
        peer = {"ris": {"host": "127.0.0.1", "port": port}}
        return subprocess.run(
            clinical_ai("bridge", *arguments),
            env={**environment, "CLINICAL_AI_HL7__PEERS": json.dumps(peer), **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


def test_a_test_message_is_sent_and_its_answer_shown(run):
    with scripted_ris("AA", "AE") as ris:
        accepted = run("hl7", "send-test", "ris", port=ris.port)
        refused = run("hl7", "send-test", "ris", port=ris.port)
    assert accepted.returncode == 0
    assert "ris answered AA in " in accepted.stdout
    assert refused.returncode == 1
    assert "answered AE" in refused.stdout
    assert "Unknown key identifier" in refused.stdout
    assert str(ris.received[0].segment("PID")[3]).startswith("CLINICALAI-TEST^")
    assert len(set(ris.control_ids())) == 2
    down = run("hl7", "send-test", "ris", port=free_port())
    assert down.returncode == 1
    assert "cannot be reached" in down.stderr
    shown = run("hl7", "send-test", "ris", "--dry-run")
    assert [line[:3] for line in shown.stdout.splitlines()][:5] == [
        "MSH", "PID", "PV1", "ORC", "OBR",
    ]  # fmt: skip


def test_the_queue_is_listed_shown_and_sent_again(run, site):
    with writing(site.engine) as connection:
        enqueue_message(
            connection,
            peer_name="ris",
            control_id="C1",
            message_type="ORU^R01",
            subject="1.2.3",
            body="MSH|^~\\&|A\rPID|1||P1||张\x1b[31m^三\r".encode(),
            refused="no [bold]accession[/bold] number",
        )
    (row,) = json.loads(run("hl7", "queue", "--json").stdout)
    assert (row["id"], row["state"], row["control_id"]) == (1, "dead", "C1")
    assert "no [bold]accession[/bold] number" in run("hl7", "queue", "--state", "dead").stdout
    shown = run("hl7", "queue", "--show", "1").stdout
    assert shown.splitlines() == ["MSH|^~\\&|A", "PID|1||P1||张\\x1b[31m^三"]
    assert run("hl7", "queue", "--resend", "1").returncode == 0
    again = run("hl7", "queue", "--resend", "1")
    assert (again.returncode, "already queued" in again.stderr) == (1, True)


def test_received_messages_and_orders_are_listed_without_names(run, site):
    inbox = Inbox(site.engine, InboxPolicy())
    for message in (orm(), merge(), orm(control="ZZ", control_id="M3")):
        inbox.accept(message.encode(), "10.0.0.9")
    inbox.accept("not \x1b]0;x\x07 HL7 张".encode("gb18030"), "10.0.0.9")
    rows = json.loads(run("hl7", "received", "--json").stdout)
    assert [r["state"] for r in rows] == ["quarantined", "quarantined", "attention", "applied"]
    assert "merged" in rows[2]["reason"]
    shown = run("hl7", "received", "--show", str(rows[0]["id"])).stdout
    assert "\x1b" not in shown
    assert "not \\x1b]0;x" in shown
    (order,) = json.loads(run("orders", "--json").stdout)
    assert (order["accession_number"], order["match"], order["study_uid"]) == (
        "ACC1",
        "waiting",
        None,
    )
    assert not {"patient_name", "patient_birth_date", "reason"} & order.keys()
    assert "张" not in run("orders").stdout


def test_orders_may_be_received_alone(run, tmp_path):
    off = run("hl7", "listen")
    assert off.returncode == 2
    assert "hl7.receive.port" in off.stderr
    port = free_port()
    environment = {
        "CLINICAL_AI_DATA_DIR": str(tmp_path / "data"),
        "CLINICAL_AI_CONFIG": str(tmp_path / "none.toml"),
        "CLINICAL_AI_HL7__RECEIVE__PORT": str(port),
    }
    command = clinical_ai("bridge", "hl7", "listen")
    with started(command, tmp_path / "hl7.log", environment) as process:
        wait_for(lambda: answers(port), "the HL7 port")
        process.stop()
        assert process.child.returncode in (0, -signal.SIGTERM)  # not killed
