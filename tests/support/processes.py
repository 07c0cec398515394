"""Real processes for tests: our own commands, DCMTK's storescp, and waiting with a deadline."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


# Below the range from which Linux takes ports for outgoing connections, so that none of those
# has one between the question and its use; at random, as several workers test at once.
_PORTS = range(12_000, 32_000)


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def wait_for(
    condition: Callable[[], object], what: str, *, seconds: float = 60.0, every: float = 0.05
) -> None:
    """Return when `condition` is true; fail the test when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:.0f} s")
        time.sleep(every)


def answers(port: int) -> bool:
    """Whether something accepts connections on the loopback `port`."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A child process whose output goes to a file."""

    def __init__(
        self, arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.child = subprocess.Popen(
                arguments,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})},
            )

    def running(self) -> bool:
        return self.child.poll() is None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after 20 s."""
        if self.running():
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def started(
    arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run a process for the length of the block."""
    process = Process(arguments, log, environment)
    try:
        yield process
    finally:
        process.stop()


def clinical_ai(*arguments: str) -> list[str]:
    """Return the command line of one of our commands."""
    return [sys.executable, "-m", "clinical_ai", *arguments]


@contextmanager
def storescp(folder: Path, ae_title: str = "PACS") -> Iterator[int]:
    """Run DCMTK's storescp, writing what arrives into `folder`; yields its port.

    One file a SOP Instance UID: an instance sent again replaces itself, as in a PACS.
    """
    program = shutil.which("storescp")
    if program is None:
        pytest.skip("DCMTK's storescp is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [program, "-aet", ae_title, "-od", str(folder), "--fork", str(port)]
    with started(command, folder.parent / "storescp.log"):
        wait_for(lambda: answers(port), "storescp")
        yield port
