"""Keeps the processes of the system running: starts them, restarts what crashed, stops them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clinical_ai.errors import LaunchError

STOP_SECONDS = 15.0
_FIRST_RESTART_S = 1.0
_LONGEST_RESTART_S = 60.0
_STABLE_S = 60.0  # a process that ran this long starts again without delay


@dataclass(slots=True)
class _Process:
    name: str
    arguments: tuple[str, ...]
    log: Path
    child: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    restart_at: float = 0.0
    delay: float = field(default=_FIRST_RESTART_S)


class Supervisor:
    """Runs `clinical-ai` commands as children, each with its own log file.

    Parameters
    ----------
    logs
        Folder of the log files, made when absent.
    environment
        Variables added to this process's own for every child.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._environment = {**os.environ, **environment}
        self._processes: list[_Process] = []

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Start ``clinical-ai`` with `arguments` and keep it running under `name`."""
        process = _Process(name, tuple(arguments), self._logs / f"{name}.log")
        self._processes.append(process)
        self._spawn(process)

    def tend(self) -> list[str]:
        """Restart what ended, with growing delay; returns one line for each event."""
        events = []
        for process in self._processes:
            if process.child is None:
                if time.monotonic() >= process.restart_at:
                    self._spawn(process)
                    events.append(f"{process.name} started again")
                continue
            code = process.child.poll()
            if code is None:
                continue
            if time.monotonic() - process.started_at > _STABLE_S:
                process.delay = _FIRST_RESTART_S
            events.append(
                f"{process.name} ended with code {code}; starting it again in "
                f"{process.delay:.0f} s (log: {process.log})"
            )
            process.child = None
            process.restart_at = time.monotonic() + process.delay
            process.delay = min(process.delay * 2, _LONGEST_RESTART_S)
        return events

    def check_started(self, name: str) -> None:
        """Raise when the process ended already, with the last lines of its log.

        Raises
        ------
        LaunchError
            With what the process said.
        """
        process = next(p for p in self._processes if p.name == name)
        if process.child is not None and process.child.poll() is not None:
            said = process.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            raise LaunchError("\n".join([f"{name} ended at once; it said:", *said]))

    def stop(self) -> None:
        """Ask every child to end, then end those that have not after `STOP_SECONDS`."""
        running = [p.child for p in self._processes if p.child is not None]
        for child in running:
            child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in running:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _spawn(self, process: _Process) -> None:
        with process.log.open("ab") as log:
            process.child = subprocess.Popen(
                [sys.executable, "-m", "clinical_ai", *process.arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self._environment,
                # Ctrl-C reaches the supervisor alone, which then stops the children in order.
                start_new_session=True,
            )
        process.started_at = time.monotonic()
