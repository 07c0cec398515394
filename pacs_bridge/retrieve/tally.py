"""Count what a fetch brings, and hand each instance to the archive."""

from pacs_bridge.header import is_uid
from pacs_bridge.retrieve.source import Arrival, Fetched, FetchProgress, Keep, OnProgress
from pacs_bridge.status import BAD_UID, SUCCESS

_MAX_REASONS = 10


class Tally:
    """The count of one fetch; used by one thread.

    Parameters
    ----------
    keep
        Archives an instance.
    on_progress
        Called after each instance.
    """

    def __init__(self, keep: Keep, on_progress: OnProgress) -> None:
        self._keep = keep
        self._on_progress = on_progress
        self._done = 0
        self._refused = 0
        self._failed_at_peer = 0
        self._total: int | None = None
        self._bytes = 0
        self._reasons: dict[str, None] = {}

    def take(self, arrival: Arrival) -> int:
        """Archive one instance; returns the C-STORE status to answer."""
        self._bytes += len(arrival.dataset)
        status = self._archive(arrival)
        if status == SUCCESS:
            self._done += 1
        else:
            self._refused += 1
        self._on_progress(self.progress())
        return status

    def refuse(self, reason: str) -> None:
        """Count an instance that cannot even be handed to the archive."""
        self._refused += 1
        self._note(reason)
        self._on_progress(self.progress())

    def expect(self, remaining: int) -> None:
        """Note how many more the peer will send."""
        self._total = self._done + self._refused + remaining

    def failed_at_peer(self, count: int, reason: str) -> None:
        """Note how many the peer says it failed to send, those that we refused among them."""
        self._failed_at_peer = count
        if count > self._refused:
            self._note(reason)

    def progress(self) -> FetchProgress:
        """Return the count so far."""
        return FetchProgress(self._done, self._refused, self._total, self._bytes)

    def fetched(self) -> Fetched:
        """Return the count at the end."""
        failed = max(self._refused, self._failed_at_peer)
        return Fetched(self._done, failed, tuple(self._reasons), self._bytes)

    def _archive(self, arrival: Arrival) -> int:
        named = (arrival.sop_class_uid, arrival.sop_instance_uid, arrival.transfer_syntax_uid)
        if not all(is_uid(uid) for uid in named):
            self._note("a UID is missing or malformed")
            return BAD_UID
        outcome = self._keep(arrival)
        if outcome.status != SUCCESS:
            self._note(outcome.reason)
        return outcome.status

    def _note(self, reason: str) -> None:
        if len(self._reasons) < _MAX_REASONS:
            self._reasons[reason] = None
