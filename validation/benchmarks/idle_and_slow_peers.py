"""What idle and slow peers cost the others, against Orthanc and pynetdicom in the same run.

    python -m validation.benchmarks.idle_and_slow_peers [--idle 200] [--slow 12]

Idle peers hold an association open and say nothing. Slow peers stop in the middle of a PDU:
a third within the association request, the others within a data set.
"""

import argparse
import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.support.scripted_scu import associate_rq, store_rq
from validation.benchmarks.receive import SERVERS, nagle_environment
from validation.benchmarks.storage_servers import AE_TITLE, StorageServer

_OBSERVED_SECONDS = 5.0
_ECHO_TIMEOUT_SECONDS = 60.0


def echo_milliseconds(port: int) -> float | None:
    """Time DCMTK's echoscu; None if it is not answered."""
    begin = time.perf_counter()
    with contextlib.suppress(subprocess.TimeoutExpired):
        run = subprocess.run(
            ["echoscu", "-aec", AE_TITLE, "127.0.0.1", str(port)],
            capture_output=True,
            timeout=_ECHO_TIMEOUT_SECONDS,
            check=False,
        )
        if run.returncode == 0:
            return (time.perf_counter() - begin) * 1000
    return None


@contextlib.contextmanager
def connections(
    port: int, count: int, speak: Callable[[socket.socket, int], None]
) -> Iterator[int]:
    """Hold connections open; gives how many could be opened."""
    held: list[socket.socket] = []
    try:
        for number in range(count):
            with contextlib.suppress(OSError):
                held.append(socket.create_connection(("127.0.0.1", port), timeout=2))
                speak(held[-1], number)
        yield len(held)
    finally:
        for one in held:
            one.close()


def associate(connection: socket.socket, _number: int) -> None:
    """Open an association and read the answer, if one comes."""
    connection.sendall(associate_rq(called=AE_TITLE))
    connection.recv(4096)


def stop_halfway(connection: socket.socket, number: int) -> None:
    """Stop within the association request, or within a data set."""
    if number % 3 == 0:
        connection.sendall(associate_rq(called=AE_TITLE)[:50])
        return
    associate(connection, number)
    connection.sendall(b"".join(store_rq(bytes(40_000), "1.2.3"))[:20_000])


def measure(server: StorageServer, idle: int, slow: int) -> None:
    """Print a line for the server."""
    alone = echo_milliseconds(server.port)
    with connections(server.port, idle, associate) as held:
        before = server.cpu_seconds()
        time.sleep(_OBSERVED_SECONDS)
        load = (server.cpu_seconds() - before) / _OBSERVED_SECONDS * 100
        beside_idle = echo_milliseconds(server.port)
    time.sleep(1.0)
    with connections(server.port, slow, stop_halfway):
        beside_slow = echo_milliseconds(server.port)
    print(
        f"{server.name:34} {_ms(alone)} {held:6} {load:8.1f} % "
        f"{_ms(beside_idle)} {_ms(beside_slow)}",
        flush=True,
    )


def _ms(value: float | None) -> str:
    return f"{'none':>12}" if value is None else f"{value:9.0f} ms"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--slow", type=int, default=12)
    parser.add_argument("--servers", nargs="+", choices=list(SERVERS), default=list(SERVERS))
    chosen = parser.parse_args(arguments)
    print(
        f"{'server':34} {'echo alone':>12} {'idle':>6} {'CPU':>10} {'echo, idle':>12} "
        f"{f'echo, {chosen.slow} slow':>12}"
    )
    for name in chosen.servers:
        with (
            tempfile.TemporaryDirectory() as folder,
            SERVERS[name](Path(folder) / "server", nagle_environment(nodelay=True)) as server,
        ):
            measure(server, chosen.idle, chosen.slow)


if __name__ == "__main__":
    main()
