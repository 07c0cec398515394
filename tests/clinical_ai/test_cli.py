"""The command as its users start it: a real process, its exit code and its two streams."""

import json
import re
import subprocess

import pytest

import clinical_ai
from clinical_ai.messages import Message
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from tests.support import processes
from tests.support.rows import add_reading, add_study


@pytest.fixture
def run(tmp_path):
    environment = {
        "CLINICAL_AI_DATA_DIR": str(tmp_path / "data"),
        "CLINICAL_AI_CONFIG": str(tmp_path / "clinical-ai.toml"),
        "COLUMNS": "200",
    }

    def start(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            processes.clinical_ai(*arguments),
            env={**processes.os.environ, **environment, **more},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    return start


@pytest.fixture
def services(tmp_path):
    opened = open_services(Settings(data_dir=tmp_path / "data"))
    yield opened
    opened.close()


def test_help_names_every_command_and_version_is_the_packages(run):
    shown = run("--help")
    assert shown.returncode == 0
    for command in (
        "run",
        "listen",
        "worker",
        "ui",
        "send",
        "studies",
        "models",
        "doctor",
        "route",
    ):
        assert re.search(rf"\b{command}\b .*\w", shown.stdout), command
    assert run("--version").stdout.strip() == clinical_ai.__version__


def test_wrong_usage_is_2_and_a_failure_is_1(run):
    assert run("nonsense").returncode == 2
    assert run("send", "no-such-file").returncode == 2
    failed = run("studies", "--retry", "1.2.3")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "study 1.2.3 is not on the worklist" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_bad_setting_is_named_without_a_traceback(run):
    failed = run("studies", CLINICAL_AI_UI_PORT="high")
    assert failed.returncode == 1
    assert "ui_port" in failed.stderr
    assert "'high'" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_studies_show_states_but_no_patient(run, services):
    add_study(services.engine, "1.2.3")
    reason = Message("Not read: {what}.", {"what": "localizer"})
    add_reading(services.engine, "1.2.3", status="not_read", reason=reason)
    (row,) = json.loads(run("studies", "--json").stdout)
    assert row["study_uid"] == "1.2.3"
    assert row["state"] == "not_read"
    table = run("studies").stdout
    assert "1.2.3" in table
    assert "Zhang" not in table + json.dumps(row)


def test_retry_queues_the_next_attempt(run, services):
    add_study(services.engine, "1.2.3")
    add_reading(services.engine, "1.2.3", status="not_read", reason=Message("x"))
    assert "attempt 2" in run("studies", "--retry", "1.2.3").stdout
    assert json.loads(run("studies", "--json").stdout)[0]["state"] == "queued"
    refused = run("studies", "--retry", "1.2.3")
    assert refused.returncode == 1
    assert "queued" in refused.stderr


def test_doctor_says_what_is_wrong_and_what_to_do(run):
    port = str(processes.free_port())
    peers = json.dumps({"pacs": {"ae_title": "PACS", "host": "127.0.0.1", "port": int(port)}})
    found = run("doctor", "--json", CLINICAL_AI_PEERS=peers, CLINICAL_AI_RESULT_PEERS='["pacs"]')
    checks = {check["name"]: check for check in json.loads(found.stdout)}
    assert found.returncode == 1
    assert checks["peer pacs"]["level"] == "error"
    assert checks["peer pacs"]["cure"]
    assert checks["database"]["level"] == "ok"
    assert checks["disk"]["level"] in {"ok", "warning"}


def test_doctor_asks_web_and_hl7_peers_and_looks_at_certificates(run, tmp_path):
    port = processes.free_port()
    found = run(
        "doctor",
        "--json",
        CLINICAL_AI_CONFIG=str(tmp_path / "slip.toml"),
        CLINICAL_AI_WEB_PEERS=json.dumps({"cloud": {"url": f"http://127.0.0.1:{port}/dicom-web"}}),
        CLINICAL_AI_HL7__PEERS=json.dumps({"ris": {"host": "127.0.0.1", "port": port}}),
        CLINICAL_AI_DICOM__TLS_PORT=str(port),
    )
    checks = {check["name"]: check for check in json.loads(found.stdout)}
    assert found.returncode == 1
    for name in ("settings", "TLS files", "peer cloud", "HL7 peer ris"):
        assert (checks[name]["level"], bool(checks[name]["cure"])) == ("error", True), name
    assert "slip.toml" in checks["settings"]["detail"]
    assert "settings.file_missing" in found.stderr


def test_a_database_that_is_away_is_one_sentence(run):
    port = processes.free_port()
    url = f"postgresql+psycopg://me:SECRET@127.0.0.1:{port}/db"
    failed = run("studies", CLINICAL_AI_DATABASE_URL=url)
    assert failed.returncode == 1
    assert "check database_url" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "SECRET" not in failed.stderr


def test_echo_of_our_own_listener_says_how_to_start_it(run):
    failed = run("bridge", "echo", CLINICAL_AI_DICOM__PORT=str(processes.free_port()))
    assert failed.returncode == 1
    assert "clinical-ai listen" in failed.stderr
    web = json.dumps({"cloud": {"url": "http://127.0.0.1:9/dicom-web"}})
    wrong = run("bridge", "echo", "cloud", CLINICAL_AI_WEB_PEERS=web)
    assert wrong.returncode == 2
    assert "DICOMweb" in wrong.stderr


def test_send_to_nobody_fails_with_the_address(run, tmp_path):
    from clinical_ai.demo.phantom import make_chest_phantom

    make_chest_phantom(tmp_path / "ct", slices=2, rows=32, spacing_mm=(5.0, 11.0, 11.0), nodules=())
    port = processes.free_port()
    failed = run("send", str(tmp_path / "ct"), "--to", f"PACS@127.0.0.1:{port}")
    assert failed.returncode == 1
    assert f"{port}" in failed.stdout + failed.stderr
    assert "Traceback" not in failed.stderr
    wrong = run("send", str(tmp_path / "ct"), "--to", "nowhere")
    assert wrong.returncode == 2


def test_accounts_are_made_on_the_command_line(run):
    added = run("users", "add", "li", "李医生", "--password", "correct horse battery")
    assert added.returncode == 0
    assert "李医生" in run("users", "list").stdout
    again = run("users", "add", "li", "李医生", "--password", "correct horse battery")
    assert again.returncode == 1
    assert "'li' exists" in again.stderr
