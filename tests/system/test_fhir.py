"""A study read with the record of a FHIR server, told to that server, signed, told again."""

import json
import sys
import urllib.request
from contextlib import closing

import pytest

from clinical_ai.accounts import add_account
from clinical_ai.records.store import RecordStore
from clinical_ai.review import decide, open_case, sign
from clinical_ai.services import open_services
from clinical_ai.settings import load_settings
from pacs_bridge.send import send
from tests.support.processes import REPOSITORY, started, storescp, wait_for
from tests.support.sekmet import Sekmet, running_sekmet
from tests.support.site import Site, newest
from tests.system.test_record import RECORD, phantom

pytestmark = pytest.mark.slow
WORKER = [sys.executable, str(REPOSITORY / "tests/support/worker_that_dies.py")]
PASSWORD = "correct horse battery"
KINDS = ("Patient", "DiagnosticReport", "Observation", "RiskAssessment", "ServiceRequest", "Task",
         "Device", "Provenance", "ImagingStudy", "AuditEvent")  # fmt: skip


def put(server: Sekmet, resource: dict[str, object]) -> None:
    url = f"{server.base_url}/{resource['resourceType']}/{resource['id']}"
    request = urllib.request.Request(url, json.dumps(resource).encode(), method="PUT")
    request.add_header("Content-Type", "application/fhir+json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status in (200, 201)


def held(server: Sekmet, kind: str) -> list[dict]:
    with urllib.request.urlopen(f"{server.base_url}/{kind}?_count=200", timeout=10) as answer:
        return [entry["resource"] for entry in json.load(answer).get("entry", [])]


def reports(server: Sekmet, status: str) -> list[dict]:
    return [r for r in held(server, "DiagnosticReport") if r["status"] == status]


def test_a_study_is_told_once_whatever_happens_and_again_when_signed(tmp_path, monkeypatch):
    with storescp(tmp_path / "pacs") as pacs_port, running_sekmet(tmp_path / "sekmet") as server:
        for resource in RECORD:
            put(server, resource)
        before = {kind: server.count(kind) for kind in KINDS}
        site = Site(
            tmp_path,
            pacs_port,
            more={
                "CLINICAL_AI_RECORDS__DEFAULT_ISSUER": "urn:hospital",
                "CLINICAL_AI_INSTITUTION": "市第一医院",
                "CLINICAL_AI_FHIR_SERVERS": json.dumps(
                    {"his": {"base_url": server.base_url, "roles": ["read", "write"]}}
                ),
            },
        )
        for name, text in site.environment.items():
            monkeypatch.setenv(name, text)
        files = phantom(tmp_path / "ct", "fhir", "MRN-1", "Zhang^Wei=张^伟", "19660101")
        with closing(open_services(load_settings())) as services:
            # What was read of the server before.
            RecordStore(services.engine).put(RECORD, origin="his")
        marker = tmp_path / "died"
        with site.listener():
            with started(
                [*WORKER, "deliver", "after", str(marker)],
                tmp_path / "worker.log",
                site.environment,
            ):
                assert not send(files, site.listener_peer, calling_ae_title="CT1").failed
                wait_for(marker.exists, "the worker to die after delivering")
            with started(WORKER, tmp_path / "worker.log", site.environment):
                wait_for(lambda: reports(server, "preliminary"), "the preliminary report")
                (report,) = reports(server, "preliminary")
                assert report["subject"]["reference"] == "Patient/zhang"
                assert "resultsInterpreter" not in report
                told = {kind: server.count(kind) for kind in KINDS}
                assert told["Patient"] == before["Patient"]
                assert told["RiskAssessment"] > 3
                assert told["ImagingStudy"] == 1
                basis = {
                    b["reference"]
                    for r in held(server, "RiskAssessment")
                    for b in r.get("basis", [])
                }
                assert "Observation/o1" in basis

                with closing(open_services(load_settings())) as services:
                    uid = report_uid(held(server, "ImagingStudy")[0])
                    row = newest(services.engine, uid)
                    assert row is not None
                    li = add_account(services.engine, "li", "李医生", "radiologist", PASSWORD)
                    case = open_case(services, uid, row.content_version, li)
                    assert case.reading is not None
                    for finding in case.reading.findings:
                        decide(services, case.reading.id, finding.id, "accepted", "", li)
                    sign(services, case.reading.id, li, PASSWORD)
                wait_for(lambda: reports(server, "final"), "the final report")
        (report,) = held(server, "DiagnosticReport")
        assert report["resultsInterpreter"][0]["display"] == "李医生"
        assert report["performer"][-1]["display"] == "市第一医院"
        after = {kind: server.count(kind) for kind in KINDS}
        assert {k for k in KINDS if after[k] != told[k]} == {"AuditEvent", "Provenance", "Task"}
        ours = [r for r in held(server, "Observation") if "device" in r]
        assert {r["status"] for r in ours} == {"final"}


def report_uid(study: dict) -> str:
    (uid,) = (i["value"] for i in study["identifier"] if i.get("system") == "urn:dicom:uid")
    return uid.removeprefix("urn:oid:")
