"""Sends queued messages until the peer accepts them, in order for each subject.

A peer is leased by one sender at a time, which sends it one message after another. A sender
that dies loses its lease and another goes on. What was sent but not yet recorded is sent
again: a peer must know it by its key, or be able to take it twice.
"""

import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import ColumnElement, Engine, Row, and_, or_, select, update

from pacs_bridge.database import finds, insert_or_ignore, writing
from pacs_bridge.errors import PeerError
from pacs_bridge.failure import Failure
from pacs_bridge.ordered.queue import shortened
from pacs_bridge.ordered.tables import QueueTables
from pacs_bridge.polling import Poller
from pacs_bridge.retry import backoff_seconds

_POLL_SECONDS = 1.0
_UNKNOWN_POLL_SECONDS = 5.0
_BATCH = 50
_MARGIN_SECONDS = 30.0  # of a lease beyond the longest exchange

_log = structlog.get_logger(__name__)


class Conversation(Protocol):
    """An open connection to a peer."""

    def send(self, message: Row[tuple[object, ...]]) -> Failure | None:
        """Send a message and return None when the peer accepted it.

        Parameters
        ----------
        message
            A row of the table of messages.

        Raises
        ------
        PeerError
            If it is not known what became of it; the connection is then given up.
        """
        ...


class Channel(Protocol):
    """How a peer is reached."""

    @property
    def longest_seconds(self) -> float:
        """How long `open` and one `send` together may take at most."""
        ...

    def open(self) -> AbstractContextManager[Conversation]:
        """Begin a conversation.

        Raises
        ------
        PeerError
            On entry, when the peer cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """When an outbox gives up; the wait doubles after each failure.

    While a peer cannot be reached at all, its messages wait without failing.

    Parameters
    ----------
    attempts
        After so many failures a message is dead until it is sent again by hand.
    permanent
        The same for failures of which the last will hardly pass.
    first_seconds
        The wait after the first failure.
    unreachable_seconds
        The longest wait between two attempts to reach a peer.
    """

    attempts: int = 20  # with the backoff of `retry`: about four hours
    permanent: int = 4
    first_seconds: float = 5.0
    unreachable_seconds: float = 900.0


class OrderedOutbox:
    """Sends queued messages.

    Parameters
    ----------
    engine
        Database of the messages; several outboxes may share it.
    tables
        Of this kind of message.
    channels
        By name of the peer.
    missing
        Why a message to a peer without a channel is given up; ``{peer}`` stands for its name.
    name
        Of this sender, if it is the only one of that name: leases that a killed process of
        the name left are then free again at once, at `start`. At most 32 characters.
    """

    def __init__(
        self,
        engine: Engine,
        tables: QueueTables,
        channels: Mapping[str, Channel],
        *,
        missing: str,
        name: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._engine = engine
        self._kind = tables.kind
        self._outgoing = tables.outgoing
        self._sender = tables.sender
        self._channels = dict(channels)
        self._missing = missing
        self._name = name or uuid.uuid4().hex
        self._patience = patience or Patience()
        self._interrupted = threading.Event()
        self._pollers = [
            Poller(
                f"{self._kind}-outbox-{peer}",
                partial(self._serve, peer),
                interval_seconds=_POLL_SECONDS,
            )
            for peer in self._channels
        ]
        self._pollers.append(
            Poller(
                f"{self._kind}-outbox", self.bury_unknown, interval_seconds=_UNKNOWN_POLL_SECONDS
            )
        )

    def start(self) -> None:
        """Send in threads, one for each peer, so that a slow one delays nobody else."""
        self._interrupted.clear()
        with writing(self._engine) as connection:
            connection.execute(
                update(self._sender)
                .where(self._sender.c.leased_by == self._name)
                .values(leased_until=None, leased_by=None)
            )
        for poller in self._pollers:
            poller.start()

    def stop(self) -> None:
        """Stop the threads, each after the message in progress."""
        self._interrupted.set()
        for poller in self._pollers:
            poller.stop()

    def run_due(self, now: float) -> int:
        """Send what is due, peer by peer; returns how many messages were accepted.

        Parameters
        ----------
        now
            Seconds since 1970 UTC.
        """
        self.bury_unknown(now)
        return sum(self._serve(name, now) for name in sorted(self._channels))

    def bury_unknown(self, now: float) -> int:
        """Give up messages to peers that no setting names; returns how many."""
        outgoing = self._outgoing
        unknown = (self._is_due(now), outgoing.c.peer.not_in(list(self._channels)))
        query = select(outgoing.c.peer).where(*unknown).distinct()
        with self._engine.connect() as connection:
            names = list(connection.execute(query).scalars())
        return sum(self._bury_all(name) for name in names)

    def _serve(self, peer: str, now: float) -> int:
        sender = self._sender
        left_alone = select(sender.c.peer).where(sender.c.peer == peer, sender.c.due_at > now)
        if finds(self._engine, left_alone):
            return 0
        # What is due may wait for an earlier message on its subject: no connection for that.
        if self._next(peer, now) is None or not self._lease(peer, now, when_due=True):
            return 0
        try:
            return self._converse(peer, now)
        finally:
            self._release(peer)

    def _converse(self, peer: str, now: float) -> int:
        sent = 0
        with ExitStack() as stack:
            try:
                conversation = stack.enter_context(self._channels[peer].open())
            except PeerError as error:
                self._unreachable(peer, Failure("unreachable", str(error)), now)
                return 0
            while sent < _BATCH and (row := self._next(peer, now)) is not None:
                if self._interrupted.is_set() or not self._lease(peer, time.time()):
                    break
                try:
                    failure = conversation.send(row)
                except PeerError as error:
                    self._reachable(peer)
                    self._fail(row, Failure("transient", str(error)), now)
                    break
                if failure is not None and failure.kind == "unreachable":
                    self._unreachable(peer, failure, max(now, time.time()))
                    break
                self._reachable(peer)
                if failure is None:
                    self._accepted(row)
                    sent += 1
                else:
                    self._fail(row, failure, now)
        return sent

    def _accepted(self, row: Row[tuple[object, ...]]) -> None:
        self._finish(row, {"state": "sent", "sent_at": time.time(), "last_error": None})
        _log.info(f"{self._kind}.sent", message=row.id, peer=row.peer)

    def _lease(self, peer: str, now: float, *, when_due: bool = False) -> bool:
        """Take or extend the lease on a peer; False while another sender holds it.

        With `when_due` also while a peer that could not be reached is left alone.
        """
        sender = self._sender
        until = now + self._channels[peer].longest_seconds + _MARGIN_SECONDS
        free: ColumnElement[bool] = or_(
            sender.c.leased_until.is_(None),
            sender.c.leased_until <= now,
            sender.c.leased_by == self._name,
        )
        with writing(self._engine) as connection:
            insert_or_ignore(connection, sender, {"peer": peer})
            query = update(sender).where(sender.c.peer == peer, free)
            if when_due:
                query = query.where(sender.c.due_at <= now)
            changed = connection.execute(query.values(leased_until=until, leased_by=self._name))
        return bool(changed.rowcount)

    def _release(self, peer: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(
                update(self._sender)
                .where(self._sender.c.peer == peer, self._sender.c.leased_by == self._name)
                .values(leased_until=None, leased_by=None)
            )

    def _next(self, peer: str, now: float) -> Row[tuple[object, ...]] | None:
        """Return the next message that is due and has none before it on its subject."""
        outgoing = self._outgoing
        earlier = outgoing.alias()
        blocked = (
            select(earlier.c.id)
            .where(
                earlier.c.peer == outgoing.c.peer,
                earlier.c.subject == outgoing.c.subject,
                earlier.c.state == "queued",
                earlier.c.id < outgoing.c.id,
            )
            .exists()
        )
        query = (
            select(outgoing)
            .where(outgoing.c.peer == peer, self._is_due(now), ~blocked)
            # Not the oldest first: a message that the peer cannot digest would hold up the rest.
            .order_by(outgoing.c.attempts, outgoing.c.id)
            .limit(1)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).one_or_none()

    def _is_due(self, now: float) -> ColumnElement[bool]:
        return and_(self._outgoing.c.state == "queued", self._outgoing.c.due_at <= now)

    def _fail(self, row: Row[tuple[object, ...]], failure: Failure, now: float) -> None:
        patience = self._patience
        failures = row.attempts + 1
        limit = patience.permanent if failure.kind == "permanent" else patience.attempts
        dead = failures >= limit
        now = max(now, time.time())  # others may have been waited for since
        wait = backoff_seconds(failures, first=patience.first_seconds)
        self._finish(
            row,
            {
                "state": "dead" if dead else "queued",
                "due_at": now + max(wait, failure.retry_after or 0.0),
                "last_error": _told(failure),
            },
        )
        # What the peer said may hold patient data: not logged.
        _log.warning(f"{self._kind}.send_failed", message=row.id, attempts=failures, dead=dead)

    def _finish(self, row: Row[tuple[object, ...]], values: Mapping[str, object]) -> None:
        with writing(self._engine) as connection:
            connection.execute(
                update(self._outgoing)
                .where(self._outgoing.c.id == row.id, self._outgoing.c.state == "queued")
                .values(attempts=row.attempts + 1, **values)
            )

    def _unreachable(self, peer: str, failure: Failure, now: float) -> None:
        """Leave a peer alone for a while; its messages wait without counting attempts."""
        outgoing, sender = self._outgoing, self._sender
        with writing(self._engine) as connection:
            before = select(sender.c.failures).where(sender.c.peer == peer)
            failures = 1 + connection.execute(before).scalar_one()
            wait = backoff_seconds(
                failures,
                first=self._patience.first_seconds,
                longest=self._patience.unreachable_seconds,
            )
            due_at = now + max(wait, failure.retry_after or 0.0)
            connection.execute(
                update(sender).where(sender.c.peer == peer).values(failures=failures, due_at=due_at)
            )
            connection.execute(
                update(outgoing)
                .where(outgoing.c.peer == peer, outgoing.c.state == "queued")
                .values(last_error=_told(failure))
            )
        _log.warning(f"{self._kind}.peer_unreachable", peer=peer, failures=failures)

    def _reachable(self, peer: str) -> None:
        sender = self._sender
        failing = select(sender.c.peer).where(sender.c.peer == peer, sender.c.failures > 0)
        if not finds(self._engine, failing):
            return
        with writing(self._engine) as connection:
            connection.execute(
                update(sender).where(sender.c.peer == peer).values(failures=0, due_at=0.0)
            )

    def _bury_all(self, peer: str) -> int:
        outgoing = self._outgoing
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(outgoing)
                .where(outgoing.c.peer == peer, outgoing.c.state == "queued")
                .values(state="dead", last_error=shortened(self._missing.format(peer=repr(peer))))
            )
        return changed.rowcount


def _told(failure: Failure) -> str:
    return shortened(f"{failure.reason}: {failure.said}" if failure.said else failure.reason)
