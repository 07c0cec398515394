"""A thread that looks at the database again and again."""

import threading
import time
from collections.abc import Callable

import structlog

from pacs_bridge.tracebacks import place_of

_log = structlog.get_logger(__name__)

_MOST_INTERVALS = 32  # between two calls that fail


class Poller:
    """Calls `run_due` with the present time every `interval_seconds` until stopped.

    Whatever a call raises is logged and the next call made, later and later while it goes on:
    one object that nobody foresaw must not end all sending, fetching or assembling.
    """

    def __init__(
        self, name: str, run_due: Callable[[float], int], *, interval_seconds: float
    ) -> None:
        self._name = name
        self._run_due = run_due
        self._interval = interval_seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after the call in progress."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            try:
                self._run_due(time.time())
            except Exception as error:  # noqa: BLE001 - see above; logged without its message
                failures += 1
                _log.error(
                    "poller.failed",
                    name=self._name,
                    error=type(error).__name__,
                    at=place_of(error),
                    failures=failures,
                )
            else:
                failures = 0
            self._stopped.wait(self._interval * min(2**failures, _MOST_INTERVALS))
