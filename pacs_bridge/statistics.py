"""What each peer sent and how fast it was answered, counted while receiving.

Labels are bounded: peers that the settings do not name are counted together as `OTHER`, so
a sender that invents AE titles cannot make the counters grow.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pacs_bridge.status import SUCCESS

OTHER = "other"
# Upper bounds of the classes of answer times in seconds; one class more for what is longer.
LATENCY_BOUNDS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


@dataclass(frozen=True, slots=True)
class OutcomeStatistics:
    """Instances of one peer with one response status.

    Parameters
    ----------
    instances
        How many were answered with the status.
    size_bytes
        Of their encoded data sets, together.
    seconds
        From the first byte of the command to the answer, together.
    latency_counts
        Instances by class of answer time; one more than `LATENCY_BOUNDS_S`, not cumulative.
    """

    instances: int
    size_bytes: int
    seconds: float
    latency_counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PeerStatistics:
    """What one calling AE title did since the start.

    Parameters
    ----------
    outcomes
        By C-STORE response status (see `pacs_bridge.status`); 0x0000 is what was stored.
    first_at, last_at
        Of instances; seconds since 1970 UTC, None before the first.
    associations_open, associations_total
        Accepted ones.
    associations_rejected
        By reason, as the listener names it.
    """

    outcomes: dict[int, OutcomeStatistics]
    first_at: float | None
    last_at: float | None
    associations_open: int
    associations_total: int
    associations_rejected: dict[str, int]

    @property
    def refused(self) -> int:
        """Instances answered with anything but success."""
        return sum(o.instances for status, o in self.outcomes.items() if status != SUCCESS)


class ReceiveStatistics:
    """Counters of a listener, for any number of threads; about a microsecond a call.

    Parameters
    ----------
    known
        AE titles counted by name, without padding; all others are counted as `OTHER`.
    clock
        Seconds since 1970 UTC.
    """

    def __init__(self, known: Iterable[str] = (), *, clock: Callable[[], float] = time.time):
        self._clock = clock
        self._lock = threading.Lock()
        self._other = _Peer()
        self._peers = {title.strip(): _Peer() for title in known}
        self._peers[OTHER] = self._other

    def instance(self, calling_ae_title: str, status: int, size_bytes: int, seconds: float) -> None:
        """Count one answered C-STORE request.

        Parameters
        ----------
        calling_ae_title
            As negotiated, without padding.
        status
            That was answered.
        size_bytes
            Of the encoded data set.
        seconds
            Between its first byte and the answer.
        """
        place = bisect_left(LATENCY_BOUNDS_S, seconds)
        now = self._clock()
        with self._lock:
            peer = self._peers.get(calling_ae_title, self._other)
            outcome = peer.outcomes.get(status)
            if outcome is None:
                outcome = peer.outcomes[status] = _Outcome()
            outcome.instances += 1
            outcome.size_bytes += size_bytes
            outcome.seconds += seconds
            outcome.latency_counts[place] += 1
            if peer.first_at is None:
                peer.first_at = now
            peer.last_at = now

    def association_opened(self, calling_ae_title: str) -> None:
        """Count an accepted association; `association_closed` must follow."""
        with self._lock:
            peer = self._peers.get(calling_ae_title, self._other)
            peer.associations_open += 1
            peer.associations_total += 1

    def association_closed(self, calling_ae_title: str) -> None:
        """Count the end of an accepted association, however it ended."""
        with self._lock:
            self._peers.get(calling_ae_title, self._other).associations_open -= 1

    def association_rejected(self, calling_ae_title: str, reason: str) -> None:
        """Count an association that was not accepted.

        Parameters
        ----------
        calling_ae_title
            As proposed; empty if the connection ended before it was known.
        reason
            One of a few fixed words of the listener, such as ``called_ae_title``; never text
            that came from the peer.
        """
        with self._lock:
            rejected = self._peers.get(calling_ae_title, self._other).associations_rejected
            rejected[reason] = rejected.get(reason, 0) + 1

    def snapshot(self) -> dict[str, PeerStatistics]:
        """Return a copy of all counters by AE title, those of known peers and of `OTHER`."""
        with self._lock:
            return {title: peer.copy() for title, peer in self._peers.items()}


class _Outcome:
    __slots__ = ("instances", "latency_counts", "seconds", "size_bytes")

    def __init__(self) -> None:
        self.instances = 0
        self.size_bytes = 0
        self.seconds = 0.0
        self.latency_counts = [0] * (len(LATENCY_BOUNDS_S) + 1)

    def copy(self) -> OutcomeStatistics:
        return OutcomeStatistics(
            self.instances, self.size_bytes, self.seconds, tuple(self.latency_counts)
        )


class _Peer:
    __slots__ = (
        "associations_open",
        "associations_rejected",
        "associations_total",
        "first_at",
        "last_at",
        "outcomes",
    )

    def __init__(self) -> None:
        self.outcomes: dict[int, _Outcome] = {}
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.associations_open = 0
        self.associations_total = 0
        self.associations_rejected: dict[str, int] = {}

    def copy(self) -> PeerStatistics:
        return PeerStatistics(
            outcomes={status: outcome.copy() for status, outcome in self.outcomes.items()},
            first_at=self.first_at,
            last_at=self.last_at,
            associations_open=self.associations_open,
            associations_total=self.associations_total,
            associations_rejected=dict(self.associations_rejected),
        )
