"""A small site for system tests: data folder, settings by environment, listener, PACS."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError
from sqlalchemy import Engine

from clinical_ai.worklist import WorklistRow, versions
from pacs_bridge.database import open_engine
from pacs_bridge.peer import Peer
from tests.support.processes import answers, clinical_ai, free_port, started, wait_for


@dataclass
class Site:
    """Where a test's system lives; `environment` is what its processes are started with."""

    folder: Path
    pacs_port: int
    listener_port: int = field(default_factory=free_port)
    page_port: int = field(default_factory=free_port)
    database_url: str | None = None
    quiet_seconds: float = 1.0
    results: tuple[str, ...] = ("SR", "SEG")
    more: dict[str, str] = field(default_factory=dict)  # further environment variables

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        peer = {"ae_title": "PACS", "host": "127.0.0.1", "port": self.pacs_port}
        variables = {
            "CLINICAL_AI_DATA_DIR": str(self.data),
            "CLINICAL_AI_DICOM__PORT": str(self.listener_port),
            "CLINICAL_AI_DICOM__QUIET_SECONDS": json.dumps({"default": self.quiet_seconds}),
            "CLINICAL_AI_DICOM__WATERMARK_MB": "0",
            "CLINICAL_AI_UI_PORT": str(self.page_port),
            "CLINICAL_AI_PEERS": json.dumps({"pacs": peer}),
            "CLINICAL_AI_RESULT_PEERS": json.dumps(["pacs"]),
            "CLINICAL_AI_RESULTS": json.dumps(self.results),
            "CLINICAL_AI_CONFIG": str(self.folder / "none.toml"),
            "OMP_NUM_THREADS": "1",
        }
        if self.database_url is not None:
            variables["CLINICAL_AI_DATABASE_URL"] = self.database_url
        return {**variables, **self.more}

    @property
    def listener_peer(self) -> Peer:
        return Peer(name="self", ae_title="CLINICALAI", host="127.0.0.1", port=self.listener_port)

    @contextmanager
    def listener(self) -> Iterator[None]:
        """Run the listener process for the length of the block."""
        log = self.folder / "listener.log"
        with started(clinical_ai("listen"), log, self.environment):
            wait_for(lambda: answers(self.listener_port), "listener")
            yield

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """Open the site's database."""
        engine = open_engine(
            self.database_url or f"sqlite:///{self.data.absolute() / 'clinical.sqlite3'}"
        )
        yield engine
        engine.dispose()


def newest(engine: Engine, study_uid: str) -> WorklistRow | None:
    """Return the newest version of a study."""
    rows = versions(engine, study_uid)
    return rows[0] if rows else None


def arrived(folder: Path) -> dict[str, list[pydicom.Dataset]]:
    """Return what a storescp has wholly written, by modality."""
    found: dict[str, list[pydicom.Dataset]] = {}
    for path in folder.iterdir():
        try:
            dataset = pydicom.dcmread(path)
        except (InvalidDicomError, EOFError):
            continue  # being written: storescp writes under the final name
        if "Modality" not in dataset:
            continue
        found.setdefault(str(dataset.Modality), []).append(dataset)
    return found
