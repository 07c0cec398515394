"""Sends queued messages until the peer accepts them.

A peer is leased by one sender at a time, which sends it one message after another. A sender
that dies loses its lease and another goes on. What was sent but not yet recorded is sent
again with the same control id (MSH-10), by which the peer knows it.
"""

import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

import structlog
from sqlalchemy import ColumnElement, Engine, Row, and_, or_, select, update

from pacs_bridge.database import finds, insert_or_ignore, writing
from pacs_bridge.errors import PeerError
from pacs_bridge.hl7.acknowledgement import Acknowledgement
from pacs_bridge.hl7.outgoing import MAX_ERROR_CHARACTERS
from pacs_bridge.hl7.sender import Hl7Peer, MllpConnection
from pacs_bridge.hl7.tables import hl7_outgoing, hl7_sender
from pacs_bridge.polling import Poller
from pacs_bridge.retry import backoff_seconds

_POLL_SECONDS = 1.0
_UNKNOWN_POLL_SECONDS = 5.0
_BATCH = 50
_MARGIN_SECONDS = 30.0  # of a lease beyond the longest exchange
_MAX_ATTEMPTS = 20  # with the backoff of `retry`: about four hours
# An answer AE says that the content is wrong; a RIS gives it too while an order is not there yet.
_MAX_ERRORS = 4
_FIRST_RETRY_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Hl7Outbox:
    """Sends queued messages.

    Parameters
    ----------
    engine
        Database of the messages; several outboxes may share it.
    peers
        By name.
    name
        Of this sender, if it is the only one of that name: leases that a killed process of
        the name left are then free again at once, at `start`. At most 32 characters.
    max_attempts
        After so many failures a message is dead until `resend_message`. While a peer cannot
        be reached at all, its messages wait without failing.
    max_errors
        The same for failures of which the last is the answer that the content is wrong.
    first_retry_seconds
        The wait after the first failure; it doubles with each further one.
    """

    def __init__(
        self,
        engine: Engine,
        peers: Mapping[str, Hl7Peer],
        *,
        name: str | None = None,
        max_attempts: int = _MAX_ATTEMPTS,
        max_errors: int = _MAX_ERRORS,
        first_retry_seconds: float = _FIRST_RETRY_SECONDS,
    ) -> None:
        self._engine = engine
        self._peers = dict(peers)
        self._name = name or uuid.uuid4().hex
        self._max_attempts = max_attempts
        self._max_errors = max_errors
        self._first_retry_seconds = first_retry_seconds
        self._interrupted = threading.Event()
        self._pollers = [
            Poller(f"hl7-outbox-{peer}", partial(self._serve, peer), interval_seconds=_POLL_SECONDS)
            for peer in self._peers
        ]
        self._pollers.append(
            Poller("hl7-outbox", self.bury_unknown, interval_seconds=_UNKNOWN_POLL_SECONDS)
        )

    def start(self) -> None:
        """Send in threads, one for each peer, so that a slow one delays nobody else."""
        self._interrupted.clear()
        with writing(self._engine) as connection:
            connection.execute(
                update(hl7_sender)
                .where(hl7_sender.c.leased_by == self._name)
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
        return sum(self._serve(name, now) for name in sorted(self._peers))

    def bury_unknown(self, now: float) -> int:
        """Give up messages to peers that no setting names; returns how many."""
        unknown = (_is_due(now), hl7_outgoing.c.peer.not_in(list(self._peers)))
        query = select(hl7_outgoing.c.peer).where(*unknown).distinct()
        with self._engine.connect() as connection:
            names = list(connection.execute(query).scalars())
        return sum(self._bury_all(name) for name in names)

    def _serve(self, peer_name: str, now: float) -> int:
        peer = self._peers[peer_name]
        left_alone = select(hl7_sender.c.peer).where(
            hl7_sender.c.peer == peer_name, hl7_sender.c.due_at > now
        )
        if finds(self._engine, left_alone):
            return 0
        # What is due may wait for an earlier message on its subject: no connection for that.
        if self._next(peer_name, now) is None or not self._lease(peer, now, when_due=True):
            return 0
        try:
            return self._converse(peer, now)
        finally:
            self._release(peer_name)

    def _converse(self, peer: Hl7Peer, now: float) -> int:
        sent = 0
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(MllpConnection(peer))
            except PeerError as error:
                self._unreachable(peer.name, str(error), now)
                return 0
            self._reachable(peer.name)
            while sent < _BATCH and (row := self._next(peer.name, now)) is not None:
                if self._interrupted.is_set() or not self._lease(peer, time.time()):
                    break
                try:
                    sent += self._send(connection, row, now)
                except PeerError as error:
                    self._fail(row, str(error), now, limit=self._max_attempts)
                    break
        return sent

    def _send(self, connection: MllpConnection, row: Row[tuple[object, ...]], now: float) -> bool:
        """Send one message; False when the peer did not accept it."""
        answer = connection.exchange(bytes(row.body), row.control_id)
        if answer.verdict == "accept":
            self._finish(row, {"state": "sent", "sent_at": time.time(), "last_error": None})
            _log.info("hl7.sent", message=row.id, peer=row.peer)
            return True
        limit = self._max_errors if answer.verdict == "error" else self._max_attempts
        self._fail(row, f"{row.peer} answered {_said(answer)}", now, limit=limit)
        return False

    def _lease(self, peer: Hl7Peer, now: float, *, when_due: bool = False) -> bool:
        """Take or extend the lease on a peer; False while another sender holds it.

        With `when_due` also while a peer that could not be reached is left alone.
        """
        until = now + peer.connect_seconds + peer.acknowledge_seconds + _MARGIN_SECONDS
        free: ColumnElement[bool] = or_(
            hl7_sender.c.leased_until.is_(None),
            hl7_sender.c.leased_until <= now,
            hl7_sender.c.leased_by == self._name,
        )
        with writing(self._engine) as connection:
            insert_or_ignore(connection, hl7_sender, {"peer": peer.name})
            query = update(hl7_sender).where(hl7_sender.c.peer == peer.name, free)
            if when_due:
                query = query.where(hl7_sender.c.due_at <= now)
            changed = connection.execute(query.values(leased_until=until, leased_by=self._name))
        return bool(changed.rowcount)

    def _release(self, peer_name: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(
                update(hl7_sender)
                .where(hl7_sender.c.peer == peer_name, hl7_sender.c.leased_by == self._name)
                .values(leased_until=None, leased_by=None)
            )

    def _next(self, peer_name: str, now: float) -> Row[tuple[object, ...]] | None:
        """Return the next message that is due and has none before it on its subject."""
        earlier = hl7_outgoing.alias()
        blocked = (
            select(earlier.c.id)
            .where(
                earlier.c.peer == hl7_outgoing.c.peer,
                earlier.c.subject == hl7_outgoing.c.subject,
                earlier.c.state == "queued",
                earlier.c.id < hl7_outgoing.c.id,
            )
            .exists()
        )
        query = (
            select(hl7_outgoing)
            .where(
                hl7_outgoing.c.peer == peer_name,
                _is_due(now),
                ~blocked,
            )
            # Not the oldest first: a message that the peer cannot digest would hold up the rest.
            .order_by(hl7_outgoing.c.attempts, hl7_outgoing.c.id)
            .limit(1)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).one_or_none()

    def _fail(self, row: Row[tuple[object, ...]], reason: str, now: float, *, limit: int) -> None:
        failures = row.attempts + 1
        dead = failures >= limit
        now = max(now, time.time())  # others may have been waited for since
        self._finish(
            row,
            {
                "state": "dead" if dead else "queued",
                "due_at": now + backoff_seconds(failures, first=self._first_retry_seconds),
                "last_error": reason[:MAX_ERROR_CHARACTERS].replace("\0", ""),
            },
        )
        # The reason may quote the peer's answer, which may hold patient data: not logged.
        _log.warning("hl7.send_failed", message=row.id, attempts=failures, dead=dead)

    def _finish(self, row: Row[tuple[object, ...]], values: Mapping[str, object]) -> None:
        with writing(self._engine) as connection:
            connection.execute(
                update(hl7_outgoing)
                .where(hl7_outgoing.c.id == row.id, hl7_outgoing.c.state == "queued")
                .values(attempts=row.attempts + 1, **values)
            )

    def _unreachable(self, peer_name: str, reason: str, now: float) -> None:
        """Leave a peer alone for a while; its messages wait without counting attempts."""
        with writing(self._engine) as connection:
            failures = (
                1
                + connection.execute(
                    select(hl7_sender.c.failures).where(hl7_sender.c.peer == peer_name)
                ).scalar_one()
            )
            due_at = now + backoff_seconds(failures, first=self._first_retry_seconds)
            connection.execute(
                update(hl7_sender)
                .where(hl7_sender.c.peer == peer_name)
                .values(failures=failures, due_at=due_at)
            )
            connection.execute(
                update(hl7_outgoing)
                .where(hl7_outgoing.c.peer == peer_name, hl7_outgoing.c.state == "queued")
                .values(last_error=reason[:MAX_ERROR_CHARACTERS])
            )
        _log.warning("hl7.peer_unreachable", peer=peer_name, failures=failures)

    def _reachable(self, peer_name: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(
                update(hl7_sender)
                .where(hl7_sender.c.peer == peer_name, hl7_sender.c.failures > 0)
                .values(failures=0, due_at=0.0)
            )

    def _bury_all(self, peer_name: str) -> int:
        reason = f"no HL7 peer is named {peer_name!r}; add it to the settings, then send again"
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(hl7_outgoing)
                .where(hl7_outgoing.c.peer == peer_name, hl7_outgoing.c.state == "queued")
                .values(state="dead", last_error=reason)
            )
        return changed.rowcount


def _is_due(now: float) -> ColumnElement[bool]:
    return and_(hl7_outgoing.c.state == "queued", hl7_outgoing.c.due_at <= now)


def _said(answer: Acknowledgement) -> str:
    return f"{answer.code}: {answer.text}" if answer.text else answer.code
