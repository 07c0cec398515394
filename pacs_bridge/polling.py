"""A thread that looks at the database again and again."""

import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

_log = structlog.get_logger(__name__)


class Poller:
    """Calls `run_due` with the present time every `interval_seconds` until stopped.

    A database that cannot be reached is logged and tried again.
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
        while not self._stopped.is_set():
            try:
                self._run_due(time.time())
            except SQLAlchemyError as error:
                _log.error("poller.database_failed", name=self._name, error=type(error).__name__)
            self._stopped.wait(self._interval)
