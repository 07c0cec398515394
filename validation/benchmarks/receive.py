"""How fast we receive, against Orthanc, DCMTK and pynetdicom in the same run.

    python -m validation.benchmarks.receive [--count 300] [--associations 1 4 8 16]

Senders are DCMTK's storescu. Without TCP_NODELAY, which is how it is delivered, Nagle's
algorithm makes it wait for acknowledgements; with it, the servers made of DCMTK have it too.
Every count of stored instances is checked.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from validation.benchmarks.storage_objects import write_clip, write_ct, write_mammogram
from validation.benchmarks.storage_servers import (
    AE_TITLE,
    StorageServer,
    clinical_ai,
    orthanc,
    pynetdicom_app,
    storescp,
)

Start = Callable[[Path, dict[str, str]], AbstractContextManager[StorageServer]]
SERVERS: dict[str, Start] = {
    "clinical-ai": clinical_ai,
    "orthanc": orthanc,
    "storescp": storescp,
    "pynetdicom": pynetdicom_app,
}


def send(port: int, paths: Sequence[Path], associations: int, *, nodelay: bool) -> float:
    """Send files over so many associations at once; returns seconds."""
    command = ["storescu", "-aec", AE_TITLE, "127.0.0.1", str(port)]
    begin = time.perf_counter()
    senders = [
        subprocess.Popen(
            [*command, *map(str, paths[number::associations])],
            env=nagle_environment(nodelay=nodelay),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(associations)
    ]
    for sender in senders:
        sender.wait()
    return time.perf_counter() - begin


def nagle_environment(*, nodelay: bool) -> dict[str, str]:
    """Return the environment in which DCMTK, and Orthanc which is made of it, set TCP_NODELAY."""
    environment = {k: v for k, v in os.environ.items() if k != "TCP_NODELAY"}
    return {**environment, "TCP_NODELAY": "1"} if nodelay else environment


def measure(
    start: Start, paths: Sequence[Path], associations: int, *, nodelay: bool
) -> tuple[float, float, int]:
    """Return instances a second, CPU milliseconds an instance, and how many were stored."""
    with (
        tempfile.TemporaryDirectory() as folder,
        start(Path(folder) / "server", nagle_environment(nodelay=nodelay)) as server,
    ):
        cpu = server.cpu_seconds()
        seconds = send(server.port, paths, associations, nodelay=nodelay)
        used = server.cpu_seconds() - cpu
        deadline = time.monotonic() + 5
        while (stored := server.stored()) < len(paths) and time.monotonic() < deadline:
            time.sleep(0.1)
        return stored / seconds, used / max(stored, 1) * 1000, stored


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="CT slices to send")
    parser.add_argument("--associations", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--servers", nargs="+", choices=list(SERVERS), default=list(SERVERS))
    parser.add_argument("--skip-large", action="store_true", help="no 25 and 59 MB objects")
    parser.add_argument("--skip-nagle", action="store_true", help="no senders without NODELAY")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_ct(Path(folder) / "ct", chosen.count)
        for nodelay in (True,) if chosen.skip_nagle else (True, False):
            print(
                f"\n{chosen.count} CT slices of 0.53 MB, TCP_NODELAY {'on' if nodelay else 'off'}"
            )
            for associations in chosen.associations:
                _table(chosen.servers, paths, associations, nodelay=nodelay)
        if not chosen.skip_large:
            for write in (write_mammogram, write_clip):
                objects = [write(Path(folder) / write.__name__, n) for n in range(1, 7)]
                size = objects[0].stat().st_size / 1e6
                print(f"\n{len(objects)} objects of {size:.0f} MB, TCP_NODELAY on")
                _table(chosen.servers, objects, 1, nodelay=True)


def _table(
    servers: Sequence[str], paths: Sequence[Path], associations: int, *, nodelay: bool
) -> None:
    ours = None
    print(f"  {associations} association(s)     instances/s   CPU ms each   stored   ours/this")
    for name in servers:
        rate, cpu, stored = measure(SERVERS[name], paths, associations, nodelay=nodelay)
        ours = ours or rate
        lost = "" if stored == len(paths) else "  LOST INSTANCES"
        print(
            f"    {name:12} {rate:20.1f} {cpu:13.2f} {stored:8} {ours / rate:11.2f}{lost}",
            flush=True,
        )


if __name__ == "__main__":
    main()
