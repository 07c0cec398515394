"""Keeps pynetdicom's reactor thread away from the responses that a requestor waits for.

pynetdicom lets its reactor run between two requests, and pauses it for each by a flag that may
still be set from the last one. On a busy machine the reactor then wakes only when the response
has come, takes it, and the thread that asked waits until its timeout. A requestor that serves
nothing needs no reactor: here it stays paused for the life of the association.
"""

import threading
from typing import Any

_PARK_SECONDS = 10.0


class ParkedReactor:
    """The paused reactor of an association that we requested.

    Parameters
    ----------
    association
        Of pynetdicom, established; nothing has been sent on it yet.
    """

    def __init__(self, association: Any) -> None:
        self._checkpoint = _Checkpoint()
        association._reactor_checkpoint = self._checkpoint
        # The thread is there within its loop's millisecond; or has ended, if all is over.
        self._checkpoint.reached.wait(_PARK_SECONDS if association.is_alive() else 0.0)

    def leave(self) -> None:
        """Let the thread go on, to its end."""
        self._checkpoint.open()


class _Checkpoint(threading.Event):
    """Stays closed, whoever sets it, until `open`."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def set(self) -> None:
        """Do nothing."""

    def open(self) -> None:
        super().set()

    def wait(self, timeout: float | None = None) -> bool:
        self.reached.set()
        return super().wait(timeout)
