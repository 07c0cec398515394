"""Deliveries to peers: queued with the result, sent by C-STORE until they arrive.

A row is leased by one sender at a time; a sender that dies loses its lease and another goes
on. What was sent but not yet recorded is sent again, which a storage SCP takes as the same
instance.
"""

import time
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, or_, select, update

from pacs_bridge.database import insert_or_ignore, writing
from pacs_bridge.errors import DeliveryError
from pacs_bridge.peer import Peer
from pacs_bridge.polling import Poller
from pacs_bridge.retry import backoff_seconds
from pacs_bridge.send import send
from pacs_bridge.tables import delivery

_log = structlog.get_logger(__name__)

_POLL_SECONDS = 1.0
_BATCH = 50
_LEASE_SECONDS = 600.0
_MAX_ATTEMPTS = 20  # with the backoff of `retry`: about four hours
_FIRST_RETRY_SECONDS = 5.0
_MAX_ERROR_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class _Lease:
    delivery_id: int
    path: Path
    peer_name: str
    attempts: int


def enqueue_delivery(
    connection: Connection, *, sop_instance_uid: str, path: Path, peer_name: str
) -> None:
    """Queue an object for a peer, in the caller's transaction; nothing if already queued.

    Parameters
    ----------
    connection
        The open transaction that the delivery belongs to.
    sop_instance_uid
        Of the object.
    path
        Its Part 10 file, which must stay there.
    peer_name
        Key in the outbox's peers.
    """
    now = time.time()
    insert_or_ignore(
        connection,
        delivery,
        {
            "sop_instance_uid": sop_instance_uid,
            "path": str(path.absolute()),
            "peer": peer_name,
            "state": "queued",
            "due_at": now,
            "created_at": now,
        },
    )


def resend(engine: Engine, delivery_id: int) -> None:
    """Queue a dead or sent delivery again, with a fresh count of attempts.

    Raises
    ------
    DeliveryError
        If there is no such delivery, or it is already queued.
    """
    with writing(engine) as connection:
        changed = connection.execute(
            update(delivery)
            .where(delivery.c.id == delivery_id, delivery.c.state != "queued")
            .values(
                state="queued",
                attempts=0,
                due_at=time.time(),
                leased_until=None,
                leased_by=None,
                last_error=None,
                sent_at=None,
            )
        )
    if changed.rowcount == 0:
        raise DeliveryError(
            f"delivery {delivery_id} does not exist or is already queued; see the list of "
            "deliveries for those that are dead or sent"
        )


class Outbox:
    """Sends queued deliveries.

    Parameters
    ----------
    engine
        Database of the deliveries; several outboxes may share it.
    peers
        By name.
    calling_ae_title
        Who we are.
    name
        Of this sender, if it is the only one of that name: leases that a killed process of
        the name left are then free again at once, at `start`. At most 32 characters.
    lease_seconds
        How long a batch may take before another sender may take it over.
    max_attempts
        After so many failures a delivery is dead until `resend`.
    batch
        Deliveries leased at once.
    first_retry_seconds
        The wait after the first failure; it doubles with each further one.
    """

    def __init__(
        self,
        engine: Engine,
        peers: Mapping[str, Peer],
        *,
        calling_ae_title: str,
        name: str | None = None,
        lease_seconds: float = _LEASE_SECONDS,
        max_attempts: int = _MAX_ATTEMPTS,
        batch: int = _BATCH,
        first_retry_seconds: float = _FIRST_RETRY_SECONDS,
    ) -> None:
        self._engine = engine
        self._peers = dict(peers)
        self._calling_ae_title = calling_ae_title
        self._lease_seconds = lease_seconds
        self._max_attempts = max_attempts
        self._batch = batch
        self._first_retry_seconds = first_retry_seconds
        self._name = name or uuid.uuid4().hex
        self._poller = Poller("outbox", self.run_due, interval_seconds=_POLL_SECONDS)

    def start(self) -> None:
        """Send in a thread."""
        with writing(self._engine) as connection:
            connection.execute(
                update(delivery)
                .where(delivery.c.leased_by == self._name)
                .values(leased_until=None, leased_by=None)
            )
        self._poller.start()

    def stop(self) -> None:
        """Stop the thread after the batch in progress."""
        self._poller.stop()

    def run_due(self, now: float) -> int:
        """Send what is due, one association per peer.

        Parameters
        ----------
        now
            Seconds since 1970 UTC.

        Returns
        -------
        int
            Deliveries that arrived.
        """
        by_peer: defaultdict[str, list[_Lease]] = defaultdict(list)
        for lease in self._lease(now):
            by_peer[lease.peer_name].append(lease)
        return sum(self._deliver(name, leases, now) for name, leases in by_peer.items())

    def _lease(self, now: float) -> list[_Lease]:
        free = or_(delivery.c.leased_until.is_(None), delivery.c.leased_until <= now)
        query = (
            select(delivery.c.id, delivery.c.path, delivery.c.peer, delivery.c.attempts)
            .where(delivery.c.state == "queued", delivery.c.due_at <= now, free)
            .order_by(delivery.c.due_at, delivery.c.id)
            .limit(self._batch)
            .with_for_update(skip_locked=True)
        )
        with writing(self._engine) as connection:
            leases = [
                _Lease(row.id, Path(row.path), row.peer, row.attempts)
                for row in connection.execute(query)
            ]
            connection.execute(
                update(delivery)
                .where(delivery.c.id.in_([lease.delivery_id for lease in leases]))
                .values(leased_until=now + self._lease_seconds, leased_by=self._name)
            )
        return leases

    def _deliver(self, peer_name: str, leases: Sequence[_Lease], now: float) -> int:
        peer = self._peers.get(peer_name)
        if peer is None:
            reason = f"no peer is named {peer_name!r}; add it to the settings, then send again"
            for lease in leases:
                self._fail(lease, reason, now, dead=True)
            return 0
        report = send(
            [lease.path for lease in leases], peer, calling_ae_title=self._calling_ae_title
        )
        reasons = dict(report.failed)
        sent = 0
        for lease in leases:
            failure = reasons.get(lease.path)
            if failure is None:
                sent += self._succeed(lease)
            else:
                self._fail(lease, failure, now, dead=lease.attempts + 1 >= self._max_attempts)
        return sent

    def _succeed(self, lease: _Lease) -> bool:
        values = {"state": "sent", "sent_at": time.time(), "last_error": None}
        return self._finish(lease, values)

    def _fail(self, lease: _Lease, reason: str, now: float, *, dead: bool) -> None:
        failures = lease.attempts + 1
        values = {
            "state": "dead" if dead else "queued",
            "due_at": now + backoff_seconds(failures, first=self._first_retry_seconds),
            "last_error": reason[:_MAX_ERROR_CHARACTERS],
        }
        self._finish(lease, values)
        _log.warning("outbox.failed", delivery=lease.delivery_id, attempts=failures, dead=dead)

    def _finish(self, lease: _Lease, values: Mapping[str, object]) -> bool:
        """Write the outcome and give the lease back, if it is still ours."""
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(delivery)
                .where(delivery.c.id == lease.delivery_id, delivery.c.leased_by == self._name)
                .values(attempts=lease.attempts + 1, leased_until=None, leased_by=None, **values)
            )
        return bool(changed.rowcount)
