"""Fetches what is wanted, in the background: a few associations a peer, at the hours allowed."""

import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import structlog

from pacs_bridge.archive import Archive
from pacs_bridge.polling import Poller
from pacs_bridge.retrieve.attempts import free_all, give_up_unknown, take_due
from pacs_bridge.retrieve.fetch import LEASE_SECONDS, FetchPolicy, fetch_retrieval
from pacs_bridge.retrieve.retrievals import PURPOSES, Purpose
from pacs_bridge.retrieve.source import StudySource
from pacs_bridge.retrieve.throttle import DailyWindow

_log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.5
_UNKNOWN_POLL_SECONDS = 10.0
_ASKED_FOR: tuple[Purpose, ...] = ("read", "keep")


class Fetcher:
    """Carries out the retrievals of the database, each peer's in threads of its own.

    Parameters
    ----------
    archive
        Where everything arrives; several fetchers may share its database.
    peers
        Names of the peers to fetch from. A retrieval from another is given up at once.
    open_source
        Returns the peer of a name.
    name
        Of this fetcher, if it is the only one of that name; at most 40 characters.
    associations
        At most so many at once to one peer.
    policy
        How fast, and how patient.
    window
        Hours in which priors are fetched; what an operator asked for is fetched at any time.
    """

    def __init__(
        self,
        archive: Archive,
        peers: Collection[str],
        open_source: Callable[[str], StudySource],
        *,
        name: str,
        associations: int = 1,
        policy: FetchPolicy | None = None,
        window: DailyWindow | None = None,
    ) -> None:
        self._archive = archive
        self._peers = tuple(peers)
        self._open_source = open_source
        self._name = name
        self._policy = policy or FetchPolicy()
        self._window = window
        self._stop = threading.Event()
        self._pollers = [
            Poller(f"retrieve-{peer}-{n}", self._of(peer), interval_seconds=_POLL_SECONDS)
            for peer in self._peers
            for n in range(associations)
        ]
        self._pollers.append(
            Poller(
                "retrieve-unknown", self._give_up_unknown, interval_seconds=_UNKNOWN_POLL_SECONDS
            )
        )

    def start(self) -> None:
        """Fetch in threads."""
        self._stop.clear()
        free_all(self._archive.engine, self._name)
        for poller in self._pollers:
            poller.start()

    def stop(self) -> None:
        """End the fetches in progress, to be taken up again, and stop the threads."""
        self._stop.set()
        for poller in self._pollers:
            poller.stop()

    def run_due(self, peer: str, now: float) -> int:
        """Fetch the retrieval from `peer` that is due longest.

        Parameters
        ----------
        now
            Seconds since 1970 UTC.

        Returns
        -------
        int
            1 if one was tried, else 0.
        """
        local = datetime.fromtimestamp(now, UTC).astimezone()
        all_hours = self._window is None or self._window.holds(local)
        retrieval = take_due(
            self._archive.engine,
            peer,
            holder=self._name,
            now=now,
            seconds=LEASE_SECONDS,
            purposes=PURPOSES if all_hours else _ASKED_FOR,
        )
        if retrieval is None:
            return 0
        fetch_retrieval(
            self._archive,
            self._open_source(peer),
            retrieval,
            holder=self._name,
            policy=self._policy,
            cancel=self._stop,
        )
        return 1

    def _of(self, peer: str) -> Callable[[float], int]:
        return lambda now: self.run_due(peer, now)

    def _give_up_unknown(self, _now: float) -> int:
        count = give_up_unknown(self._archive.engine, self._peers)
        if count:
            _log.warning("retrieve.unknown_peer", count=count)
        return count
