"""``clinical-ai bridge find``, ``pull``, ``worklist`` as an operator runs them, with Orthanc."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from pacs_bridge.peer import Peer
from pacs_bridge.send import send
from tests.pacs_bridge.support import ct_slice, write_file
from tests.support.orthanc import orthanc
from tests.support.processes import clinical_ai, free_port
from tests.support.site import Site

CHINESE = "WANG^XIAOMING=王^小明"


@pytest.fixture
def pacs(tmp_path: Path):
    """A site whose peer `orthanc` (and `web`, by DICOMweb) has one study of three slices."""
    listener_port = free_port()
    more = {
        "DicomModalities": {"us": ["CLINICALAI", "127.0.0.1", listener_port]},
        "DefaultEncoding": "Utf8",
    }
    files = [
        write_file(ct_slice(n, SpecificCharacterSet="GB18030", PatientName=CHINESE), tmp_path)
        for n in (1, 2, 3)
    ]
    plugins = ["libOrthancDicomWeb.so"]
    with orthanc(tmp_path / "orthanc", plugins=plugins, more=more) as server:
        peer = Peer("orthanc", "ORTHANC", "127.0.0.1", server.dicom_port)
        assert not send(files, peer, calling_ae_title="TEST").failed
        yield PacsSite(tmp_path, server.dicom_port, listener_port, http_port=server.http_port)


class PacsSite(Site):
    def __init__(self, folder, pacs_port, listener_port, *, http_port):
        super().__init__(folder, pacs_port, listener_port=listener_port)
        self.http_port = http_port

    @property
    def environment(self):
        peers = {
            "orthanc": {"ae_title": "ORTHANC", "host": "127.0.0.1", "port": self.pacs_port},
            "gone": {"ae_title": "GONE", "host": "127.0.0.1", "port": 1},
        }
        web = {"web": {"url": f"http://127.0.0.1:{self.http_port}/dicom-web"}}
        return {
            **super().environment,
            "CLINICAL_AI_PEERS": json.dumps(peers),
            "CLINICAL_AI_WEB_PEERS": json.dumps(web),
            "CLINICAL_AI_RESULT_PEERS": "[]",
            "CLINICAL_AI_DICOM__ALLOWED_CALLING": '["ORTHANC"]',  # not ourselves
            "COLUMNS": "250",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            clinical_ai("--log-level", "ERROR", "bridge", *arguments),
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def json(self, *arguments: str):
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def test_find_pull_and_list(pacs):
    for peer in ("orthanc", "web"):
        (found,) = pacs.json("find", peer, "--patient-id", "P1", "--date", "20260101-20261231")
        assert (found["study_uid"], found["patient_name"]) == ("1.2.3", CHINESE)
        assert (found["modalities"], found["instance_count"]) == ("CT", 3)
    shown = pacs.run("find", "orthanc", "--accession", "A1")
    assert CHINESE in shown.stdout
    assert pacs.json("find", "orthanc", "--modality", "MR") == []

    move = pacs.run("pull", "orthanc", "1.2.3")
    assert move.returncode == 1
    assert "clinical-ai listen" in move.stderr
    (web,) = pacs.json("pull", "web", "1.2.3", "--series", "1.2.3.1", "--keep-only")
    assert (web["state"], web["instances"], web["reason"]) == ("done", 3, None)
    (get,) = pacs.json("pull", "orthanc", "1.2.3", "--method", "get", "--max-rate", "100")
    assert (get["state"], get["instances"]) == ("done", 3)
    with pacs.listener():
        (moved,) = pacs.json("pull", "orthanc", "1.2.3", "--method", "move")
        assert (moved["state"], moved["instances"]) == ("done", 3)
    rows = pacs.json("retrievals")
    assert {(r["purpose"], r["state"]) for r in rows} == {("keep", "done"), ("read", "done")}


def test_what_cannot_be_done_says_why(pacs):
    absent = pacs.run("pull", "orthanc", "1.2.99", "--method", "get")
    assert absent.returncode == 1
    assert "0 images, not whole: orthanc: the peer answered C-GET" in absent.stdout
    for arguments, words in (
        (("find", "gone"), "cannot be reached"),
        (("find", "nobody"), "neither AETITLE@host:port"),
        (("find", "orthanc", "--date", "yesterday"), "20240101"),
        (("find", "orthanc", "--patient-id", "a\\b"), "backslash"),
        (("pull", "orthanc", "../x", "--method", "get"), "no UID"),
        (("pull", "web", "1.2.3", "--method", "get"), "wado"),
        (("pull", "orthanc", "1.2.3", "--method", "wado"), "move or get"),
        (("worklist", "orthanc"), "does not offer this service"),
    ):
        done = pacs.run(*arguments)
        assert done.returncode != 0, arguments
        assert words in done.stderr.replace("\n", " "), (arguments, done.stderr)
