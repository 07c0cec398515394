"""``clinical-ai dicomweb`` and ``bridge token`` as their users start them."""

import io
import json
import ssl
import subprocess
from contextlib import contextmanager

import httpx
import pydicom
import pytest
from dicomweb_client import DICOMwebClient
from sqlalchemy import select

from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.store.tables import audit_event
from pacs_bridge.tables import study
from tests.pacs_bridge.dicomweb.web import multipart_of, part10
from tests.pacs_bridge.support import ct_slice
from tests.support.certificates import make_authority
from tests.support.processes import answers, clinical_ai, free_port, os, started, wait_for


class Site:
    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.environment = {
            "CLINICAL_AI_DATA_DIR": str(folder / "data"),
            "CLINICAL_AI_CONFIG": str(folder / "none.toml"),
            "CLINICAL_AI_DICOM__WATERMARK_MB": "0",
            "CLINICAL_AI_DICOMWEB__PORT": str(self.port),
        }
        self.url = f"http://127.0.0.1:{self.port}/dicomweb"

    def run(self, *arguments):
        return subprocess.run(
            clinical_ai(*arguments),
            env={**os.environ, **self.environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout

    @contextmanager
    def serving(self):
        log = self.folder / "dicomweb.log"
        with started(clinical_ai("dicomweb"), log, self.environment) as process:
            wait_for(lambda: not process.running() or answers(self.port), "dicomweb")
            assert process.running(), log.read_text()
            yield process


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.mark.slow
def test_a_client_stores_finds_and_reads_with_tokens_of_the_command_line(site):
    both = site.run("bridge", "token", "add", "pacs", "--scope", "read", "--scope", "write").strip()
    reader = site.run("bridge", "token", "add", "viewer", "--scope", "read", "--days", "30").strip()
    with site.serving() as process:
        # requests leaves the port out of the header Host, and our URLs would lack it
        client = DICOMwebClient(site.url, headers={"Authorization": f"Bearer {both}"})
        files = [part10(ct_slice(n, PatientName="Geheim^Name")) for n in (1, 2)]
        client.store_instances([pydicom.dcmread(io.BytesIO(f)) for f in files])
        (found,) = client.search_for_studies(search_filters={"PatientName": "geheim*"})
        assert found["00201208"]["Value"] == [2]
        assert len(client.retrieve_study("1.2.3")) == 2
        readers = {"Authorization": f"Bearer {reader}"}
        body, content_type = multipart_of([part10(ct_slice(3))])
        refused = httpx.post(
            f"{site.url}/studies", content=body, headers={**readers, "Content-Type": content_type}
        )
        assert refused.status_code == 403
        assert httpx.get(f"{site.url}/studies").status_code == 401
        site.run("bridge", "token", "revoke", "viewer")
        assert httpx.get(f"{site.url}/studies", headers=readers).status_code == 401
    listed = json.loads(site.run("bridge", "token", "list", "--json"))
    assert [(t["name"], t["scope"], t["state"]) for t in listed] == [
        ("pacs", "read write", "valid"),
        ("viewer", "read", "revoked"),
    ]
    said = process.log.read_text()
    assert "Geheim" not in said
    assert "geheim" not in said
    assert both not in said
    services = open_services(Settings(data_dir=site.folder / "data"))
    with services.engine.connect() as connection:
        events = connection.execute(select(audit_event.c.username, audit_event.c.action)).all()
        state = connection.execute(select(study.c.state)).scalar_one()
    services.close()
    assert ("pacs", "dicomweb-store") in events
    assert ("pacs", "dicomweb-retrieve") in events
    assert ("(unknown)", "dicomweb-refused") in events
    assert state == "receiving"  # the assembler of the listener takes it from here


@pytest.mark.slow
def test_https_with_the_certificate_of_the_settings(site):
    trusted, ours = make_authority(site.folder / "tls")
    site.environment |= {
        "CLINICAL_AI_DICOMWEB__USE_TLS": "true",
        "CLINICAL_AI_TLS__CERTIFICATE": str(ours.certificate),
        "CLINICAL_AI_TLS__KEY": str(ours.key),
    }
    context = ssl.create_default_context(cafile=trusted)
    context.check_hostname = False
    with site.serving():
        answer = httpx.get(f"{site.url}/studies".replace("http:", "https:"), verify=context)
        assert answer.status_code == 401


def test_tls_without_a_certificate_is_refused_with_the_cure(site):
    site.environment["CLINICAL_AI_DICOMWEB__USE_TLS"] = "true"
    done = subprocess.run(
        clinical_ai("dicomweb"),
        env={**os.environ, **site.environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "tls.certificate" in done.stderr


def test_production_mode_does_not_serve_tokens_in_the_clear(site):
    site.environment |= {
        "CLINICAL_AI_PRODUCTION": "true",
        "CLINICAL_AI_DICOM__ALLOWED_CALLING": '["CT1"]',
        "CLINICAL_AI_DICOMWEB__HOST": "0.0.0.0",
    }
    done = subprocess.run(
        clinical_ai("dicomweb"),
        env={**os.environ, **site.environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "dicomweb.use_tls" in done.stderr
