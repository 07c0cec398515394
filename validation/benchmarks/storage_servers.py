"""Storage SCPs to be measured, each in processes of its own with a folder of its own."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

AE_TITLE = "BENCHMARK"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class StorageServer:
    """A running storage SCP.

    Parameters
    ----------
    name
        What it is.
    port
        Where it listens, on the loopback.
    stored
        Counts the instances it has taken for good.
    pid
        Of its process; children are counted with it.
    """

    name: str
    port: int
    stored: Callable[[], int]
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time so far, user and system, of the process and its ended children."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = sum(int(fields[i]) for i in (11, 12, 13, 14))
        return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def clinical_ai(folder: Path, environment: Mapping[str, str]) -> Iterator[StorageServer]:
    """Run our listener as a hospital does: durable, indexed, with completion timers."""
    port = free_port()
    settings = {
        **environment,
        "CLINICAL_AI_DATA_DIR": str(folder),
        "CLINICAL_AI_DICOM__PORT": str(port),
        "CLINICAL_AI_DICOM__AE_TITLE": AE_TITLE,
        "CLINICAL_AI_DICOM__QUIET_SECONDS": '{"default": 3600}',
    }
    command = [sys.executable, "-m", "clinical_ai", "listen"]

    def stored() -> int:
        with closing(sqlite3.connect(folder / "clinical.sqlite3")) as connection:
            paths = [r[0] for r in connection.execute("SELECT path FROM instance")]
        assert all((folder / "archive" / path).is_file() for path in paths)
        return len(paths)

    with started(command, folder, port, settings) as pid:
        yield StorageServer("clinical-ai (fsync + index)", port, stored, pid)


@contextmanager
def orthanc(folder: Path, environment: Mapping[str, str]) -> Iterator[StorageServer]:
    """Run Orthanc with its defaults: fsync of files, SQLite index."""
    port, http = free_port(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    configuration = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "DicomAet": AE_TITLE,
        "DicomPort": port,
        "HttpPort": http,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))

    def stored() -> int:
        address = f"http://127.0.0.1:{http}/statistics"
        with urllib.request.urlopen(address) as answer:
            return int(json.load(answer)["CountInstances"])

    program = shutil.which("Orthanc", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        raise SystemExit("Orthanc is not installed; install the package `orthanc`")
    with started([program, str(folder / "orthanc.json")], folder, port, environment) as pid:
        yield StorageServer("Orthanc (default, fsync)", port, stored, pid)


@contextmanager
def storescp(folder: Path, environment: Mapping[str, str]) -> Iterator[StorageServer]:
    """Run DCMTK's storescp, one process an association; it neither syncs nor indexes."""
    port = free_port()
    files = folder / "files"
    files.mkdir(parents=True)
    command = ["storescp", "--fork", "-aet", AE_TITLE, "-od", str(files), "+xa", str(port)]
    with started(command, folder, port, environment) as pid:
        yield StorageServer("storescp --fork (no fsync)", port, _file_count(files), pid)


@contextmanager
def pynetdicom_app(folder: Path, environment: Mapping[str, str]) -> Iterator[StorageServer]:
    """Run pynetdicom's own storage SCP application."""
    port = free_port()
    files = folder / "files"
    files.mkdir(parents=True)
    command = [sys.executable, "-m", "pynetdicom", "storescp", str(port), "-aet", AE_TITLE]
    with started([*command, "-od", str(files), "-q"], folder, port, environment) as pid:
        yield StorageServer("pynetdicom storescp (stock)", port, _file_count(files), pid)


def _file_count(folder: Path) -> Callable[[], int]:
    return lambda: sum(1 for path in folder.rglob("*") if path.is_file())


@contextmanager
def started(
    command: Sequence[str],
    folder: Path,
    port: int,
    environment: Mapping[str, str],
) -> Iterator[int]:
    """Run a server for the length of the block; gives the number of its process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(environment))
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(
                    f"{command[0]} does not start:\n{(folder / 'log').read_text()[-2000:]}"
                )
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
