"""An independent FHIR R4 server, `sekmet-fhir`, as a process that can be killed."""

import json
import shutil
import sqlite3
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

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
        self._database = folder / "data" / "sekmet.db"

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

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.base_url}/{path}", timeout=30) as answer:
            return json.load(answer)

    def put(self, resource: Mapping[str, Any]) -> None:
        request = urllib.request.Request(
            f"{self.base_url}/{resource['resourceType']}/{resource['id']}",
            data=json.dumps(resource).encode(),
            method="PUT",
            headers={"Content-Type": "application/fhir+json"},
        )
        urllib.request.urlopen(request, timeout=30).close()

    def delete(self, path: str) -> None:
        request = urllib.request.Request(f"{self.base_url}/{path}", method="DELETE")
        urllib.request.urlopen(request, timeout=30).close()

    def count(self, resource_type: str) -> int:
        return int(self.get(f"{resource_type}?_summary=count")["total"])

    def count_on_disk(self, resource_type: str) -> int:
        """Return what a killed server has in its database."""
        with closing(sqlite3.connect(self._database)) as database:
            query = "SELECT count(*) FROM resources WHERE type = ? AND deleted = 0"
            return int(database.execute(query, (resource_type,)).fetchone()[0])

    def is_in_transaction(self) -> bool:
        """Whether it holds the write lock of its database."""
        with closing(sqlite3.connect(self._database, timeout=0)) as probe:
            try:
                probe.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False


@contextmanager
def running_sekmet(folder: Path, options: Mapping[str, object] | None = None) -> Iterator[Sekmet]:
    """Run a server for the length of the block."""
    server = Sekmet(folder, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
