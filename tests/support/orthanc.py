"""A private Orthanc on free loopback ports, for the length of a block."""

import base64
import json
import shutil
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import answers, free_port, started, wait_for

PLUGIN_FOLDER = Path("/usr/share/orthanc/plugins")


@dataclass(frozen=True)
class Orthanc:
    """A running server.

    Parameters
    ----------
    dicom_port, http_port
        On 127.0.0.1.
    login
        User and password, where the server asks for them.
    """

    dicom_port: int
    http_port: int
    login: tuple[str, str] | None = None

    def get(self, path: str) -> Any:
        """Return what the REST interface says under `path`."""
        return self.send("GET", path, None)

    def send(self, method: str, path: str, body: Any) -> Any:
        """Send JSON to the REST interface; returns the parsed answer, None if it is empty."""
        data = None if body is None else json.dumps(body).encode()
        return json.loads(self.exchange(method, path, data) or b"null")

    def exchange(self, method: str, path: str, body: bytes | None) -> bytes:
        """Send bytes to the REST interface; returns the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}", body, method=method
        )
        if self.login is not None:
            token = base64.b64encode(":".join(self.login).encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())

    def instances(self) -> dict[str, dict[str, Any]]:
        """Return the main tags of every stored instance, by SOP Instance UID."""
        ids = self.get("/instances")
        tags = [self.get(f"/instances/{i}/tags?simplify") for i in ids]
        return {t["SOPInstanceUID"]: t for t in tags}


@contextmanager
def orthanc(
    folder: Path,
    *,
    dicom_port: int | None = None,
    plugins: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
) -> Iterator[Orthanc]:
    """Run Orthanc with its storage in `folder`.

    Parameters
    ----------
    plugins
        Names of libraries in the plugin folder, for example ``"libOrthancDicomWeb.so"``.
    more
        Further settings.
    """
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("Orthanc is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    for plugin in plugins:
        if not (PLUGIN_FOLDER / plugin).exists():
            pytest.skip(f"the Orthanc plugin {plugin} is not installed")
    server = Orthanc(dicom_port or free_port(), free_port())
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
                "Plugins": [str(PLUGIN_FOLDER / plugin) for plugin in plugins],
                **(more or {}),
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
