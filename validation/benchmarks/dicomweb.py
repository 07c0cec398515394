"""How fast our DICOMweb server is, against Orthanc's plugin in the same run.

    python -m validation.benchmarks.dicomweb [--count 300] [--frames 100]

Both are filled over STOW-RS with the same CT series and ultrasound clips, then asked for the
same things by one client on one connection. The client is Python's http.client, which takes
about as much of a processor as the servers do; the ratios are what counts. Bytes and numbers
of what comes back are checked.
"""

import argparse
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom

from validation.benchmarks.storage_objects import write_clip, write_ct
from validation.benchmarks.storage_servers import free_port, started

_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_BATCH = 10  # instances in one store request
_BOUNDARY = "benchmark"
_FILES = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_OCTETS = 'multipart/related; type="application/octet-stream"'


@dataclass(frozen=True, slots=True)
class WebServer:
    """A running DICOMweb server.

    Parameters
    ----------
    root
        Path of the service.
    headers
        Sent with each request.
    pid
        Of its process.
    """

    name: str
    port: int
    root: str
    headers: dict[str, str]
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident memory now."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@contextmanager
def clinical_ai(folder: Path) -> Iterator[WebServer]:
    """Run our server alone, with a token, TLS off."""
    port = free_port()
    environment = {
        **os.environ,
        "CLINICAL_AI_DATA_DIR": str(folder / "data"),
        "CLINICAL_AI_CONFIG": str(folder / "none.toml"),
        "CLINICAL_AI_DICOMWEB__PORT": str(port),
    }
    command = [sys.executable, "-m", "clinical_ai"]
    scopes = ["--scope", "read", "--scope", "write"]
    token = subprocess.run(
        [*command, "bridge", "token", "add", "benchmark", *scopes],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    headers = {"Authorization": f"Bearer {token}"}
    with started([*command, "dicomweb"], folder, port, environment) as pid:
        yield WebServer("clinical-ai", port, "/dicomweb", headers, pid)


@contextmanager
def orthanc(folder: Path) -> Iterator[WebServer]:
    """Run Orthanc with its DICOMweb plugin, otherwise with its defaults."""
    program = shutil.which("Orthanc", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None or not _PLUGIN.exists():
        raise SystemExit("install the packages `orthanc` and `orthanc-dicomweb`")
    port = free_port()
    folder.mkdir(parents=True)
    configuration = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "DicomPort": free_port(),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(_PLUGIN)],
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    command = [program, str(folder / "orthanc.json")]
    with started(command, folder, port, os.environ) as pid:
        yield WebServer("orthanc", port, "/dicom-web", {}, pid)


class Client:
    """One connection to a server that is kept."""

    def __init__(self, server: WebServer) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)

    def get(self, path: str, accept: str) -> int:
        """Read an answer to its end; returns its bytes."""
        headers = {**self._server.headers, "Accept": accept}
        self._connection.request("GET", self._server.root + path, headers=headers)
        return len(self._body())

    def json(self, path: str) -> list[dict[str, object]]:
        """Read an answer as JSON."""
        headers = {**self._server.headers, "Accept": "application/dicom+json"}
        self._connection.request("GET", self._server.root + path, headers=headers)
        found: list[dict[str, object]] = json.loads(self._body())
        return found

    def store(self, files: Sequence[bytes]) -> None:
        """Store some instances in one request."""
        head = f"\r\n--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = b"".join(head + file for file in files) + f"\r\n--{_BOUNDARY}--\r\n".encode()
        headers = {
            **self._server.headers,
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}',
            "Accept": "application/dicom+json",
        }
        self._connection.request("POST", self._server.root + "/studies", body[2:], headers)
        self._body()

    def _body(self) -> bytes:
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{self._server.name}: {answer.status} {body[:300]!r}")
        return body


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of one server.

    Parameters
    ----------
    more_is_better
        Throughput rather than time or memory.
    """

    value: float
    unit: str
    more_is_better: bool


def fill(server: WebServer, paths: Sequence[Path]) -> Measured:
    """Store the files over STOW-RS; MB/s."""
    client = Client(server)
    size, seconds = 0, 0.0
    for i in range(0, len(paths), _BATCH):
        files = [path.read_bytes() for path in paths[i : i + _BATCH]]
        begin = time.perf_counter()
        client.store(files)
        seconds += time.perf_counter() - begin
        size += sum(map(len, files))
    return Measured(size / 1e6 / seconds, "MB/s", more_is_better=True)


def metadata(server: WebServer, series: str, count: int, *, again: bool) -> Measured:
    """Read the metadata of the series; milliseconds."""
    client = Client(server)
    times = []
    for _ in range(3 if again else 1):
        begin = time.perf_counter()
        found = client.json(f"{series}/metadata")
        times.append(time.perf_counter() - begin)
        assert len(found) == count, (server.name, len(found))
    return Measured(statistics.median(times) * 1000, "ms", more_is_better=False)


def retrieve(server: WebServer, path: str, least: int) -> Measured:
    """Read instances as they are stored; MB/s."""
    client = Client(server)
    rates = []
    for _ in range(3):
        begin = time.perf_counter()
        size = client.get(path, _FILES)
        rates.append(size / 1e6 / (time.perf_counter() - begin))
        assert size >= least, (server.name, size)
    return Measured(statistics.median(rates), "MB/s", more_is_better=True)


def latency(server: WebServer, paths: Sequence[str], accept: str) -> Measured:
    """Read each path once; median milliseconds."""
    client = Client(server)
    times = []
    for path in paths:
        begin = time.perf_counter()
        assert client.get(path, accept) > 500
        times.append(time.perf_counter() - begin)
    return Measured(statistics.median(times) * 1000, "ms", more_is_better=False)


def stalled_memory(server: WebServer, path: str, clients: int = 8) -> Measured:
    """Ask for a large instance many times and read nothing; MB of memory that costs."""
    before = server.memory_mb()
    lines = "".join(f"{k}: {v}\r\n" for k, v in {**server.headers, "Accept": _FILES}.items())
    request = f"GET {server.root}{path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()
    with ExitStack() as held:
        for _ in range(clients):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(request)
        highest = before
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            highest = max(highest, server.memory_mb())
            time.sleep(0.05)
    return Measured(highest - before, "MB", more_is_better=False)


def measure(
    server: WebServer, slices: Sequence[Path], clips: Sequence[Path], frames: int
) -> dict[str, Measured]:
    """Return the figures of one server by what they are of."""
    header = pydicom.dcmread(slices[0], stop_before_pixels=True)
    series = f"/studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}"
    instances = [f"{series}/instances/{path.stem}" for path in slices[:frames]]
    clip = pydicom.dcmread(clips[0], stop_before_pixels=True)
    large = (
        f"/studies/{clip.StudyInstanceUID}/series/{clip.SeriesInstanceUID}"
        f"/instances/{clip.SOPInstanceUID}"
    )
    total = sum(path.stat().st_size for path in slices)
    figures = {"store CT": fill(server, slices), "store clips": fill(server, clips)}
    cpu = server.cpu_seconds()
    window = "rendered?window=40,400,linear"
    figures |= {
        "metadata, first time": metadata(server, series, len(slices), again=False),
        "metadata, again": metadata(server, series, len(slices), again=True),
        "retrieve series": retrieve(server, series, total),
        "retrieve clip of 59 MB": retrieve(server, large, clips[0].stat().st_size),
        "frame, octets": latency(server, [f"{i}/frames/1" for i in instances], _OCTETS),
        "frame of a clip": latency(
            server, [f"{large}/frames/{1 + n % 64}" for n in range(frames)], _OCTETS
        ),
        "rendered frame, JPEG": latency(
            server, [f"{i}/frames/1/{window}" for i in instances], "image/jpeg"
        ),
    }
    figures["processor, all of these"] = Measured(server.cpu_seconds() - cpu, "s", False)
    figures["8 stalled readers of 59 MB"] = stalled_memory(server, large)
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="CT slices")
    parser.add_argument("--frames", type=int, default=100, help="requests for single frames")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slices = write_ct(folder / "ct", chosen.count)
        clips = [write_clip(folder / "clips", n) for n in (1, 2, 3)]
        found: dict[str, dict[str, Measured]] = {}
        for server_name, start in (("clinical-ai", clinical_ai), ("orthanc", orthanc)):
            with start(folder / server_name) as server:
                found[server_name] = measure(server, slices, clips, chosen.frames)
    print(f"{chosen.count} CT slices of 0.53 MB, 3 clips of 59 MB; ratio above 1: ours is better")
    print(f"{'':28}{'clinical-ai':>16}{'Orthanc':>16}{'ratio':>8}")
    for what, ours in found["clinical-ai"].items():
        theirs = found["orthanc"][what]
        ratio = ours.value / max(theirs.value, 1e-9)
        ratio = ratio if ours.more_is_better else 1 / max(ratio, 1e-9)
        print(
            f"{what:28}{ours.value:11.1f} {ours.unit:4}{theirs.value:11.1f} {ours.unit:4}"
            f"{ratio:8.2f}"
        )


if __name__ == "__main__":
    main()
