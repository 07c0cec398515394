"""A private Orthanc on free loopback ports, for the length of a block."""

import json
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import answers, free_port, started, wait_for


@dataclass(frozen=True)
class Orthanc:
    """A running server.

    Parameters
    ----------
    dicom_port, http_port
        On 127.0.0.1.
    """

    dicom_port: int
    http_port: int

    def get(self, path: str) -> Any:
        """Return what the REST interface says under `path`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}") as answer:
            return json.load(answer)

    def instances(self) -> dict[str, dict[str, Any]]:
        """Return the main tags of every stored instance, by SOP Instance UID."""
        ids = self.get("/instances")
        tags = [self.get(f"/instances/{i}/tags?simplify") for i in ids]
        return {t["SOPInstanceUID"]: t for t in tags}


@contextmanager
def orthanc(folder: Path) -> Iterator[Orthanc]:
    """Run Orthanc with its storage in `folder`."""
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("Orthanc is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    server = Orthanc(free_port(), free_port())
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "Name": "test",
                "StorageDirectory": str(folder / "db"),
                "IndexDirectory": str(folder / "db"),
                "DicomAet": "ORTHANC",
                "DicomPort": server.dicom_port,
                "HttpPort": server.http_port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowStore": True,
                "Plugins": [],
            }
        )
    )
    with started([program, str(configuration)], folder / "orthanc.log") as process:
        wait_for(
            lambda: (
                not process.running() or (answers(server.http_port) and answers(server.dicom_port))
            ),
            "Orthanc",
        )
        assert process.running(), process.log.read_text()[-2000:]
        yield server
