"""An independent FHIR R4 server, `sekmet-fhir`, as a process that can be killed."""

import json
import shutil
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from clinical_ai.fhir_settings import FhirServerSettings
from tests.support.processes import Process, answers, free_port, wait_for


class Sekmet:
    """A server on a free loopback port, with its own data folder.

    Parameters
    ----------
    options
        Of its settings file, for example ``{"server_auth": {...}}``. Its links name
        ``localhost``, unless `options` say another ``base_url``.
    """

    def __init__(self, folder: Path, options: Mapping[str, object] | None = None) -> None:
        program = Path(sys.executable).with_name("sekmet")
        if not program.exists() and shutil.which("sekmet") is None:
            pytest.skip("sekmet-fhir is not installed")
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}/fhir"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "base_url": f"http://localhost:{self.port}/fhir",
            "data_dir": str(folder / "data"),
            "simulator": {"enabled": False},
            "log_inbound": False,
            **(options or {}),
        }
        (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
        self._command = [
            str(program) if program.exists() else "sekmet",
            *("serve", "--config", str(folder / "settings.yaml")),
            *("--host", "127.0.0.1", "--port", str(self.port)),
        ]
        self._process: Process | None = None

    def start(self) -> None:
        self._process = Process(self._command, self._folder / "sekmet.log")
        wait_for(lambda: answers(self.port), "sekmet")

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def settings(self, **others: object) -> FhirServerSettings:
        return FhirServerSettings.model_validate(
            {"base_url": self.base_url, "roles": ["read", "write"], **others}
        )

    def count(self, resource_type: str) -> int:
        url = f"{self.base_url}/{resource_type}?_summary=count"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(json.load(answer)["total"])


@contextmanager
def running_sekmet(folder: Path, options: Mapping[str, object] | None = None) -> Iterator[Sekmet]:
    """Run a server for the length of the block."""
    server = Sekmet(folder, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
