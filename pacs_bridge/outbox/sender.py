"""Sends what is queued: one worker per peer, so that a dead or slow one delays nobody else."""

import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, Engine, func, select, update

from pacs_bridge.commitment.requestor import CommitmentRequestor
from pacs_bridge.database import finds, writing
from pacs_bridge.errors import EncodingError
from pacs_bridge.failure import Failure
from pacs_bridge.outbox.leases import HeldLeases, Lease, free_all, more_urgent, take
from pacs_bridge.outbox.transmit import transmit_to
from pacs_bridge.part10 import read_file_meta
from pacs_bridge.peer import Peer, WebPeer
from pacs_bridge.polling import Poller
from pacs_bridge.retry import RetryPolicy
from pacs_bridge.tables import delivery

_log = structlog.get_logger(__name__)

_POLL_SECONDS = 1.0
_UNKNOWN_POLL_SECONDS = 5.0
_BATCH = 50
_LEASE_SECONDS = 120.0
_MAX_ERROR_CHARACTERS = 500


class Outbox:
    """Sends queued deliveries, each peer's in a thread of its own.

    Parameters
    ----------
    engine
        Database of the deliveries; several outboxes may share it.
    peers
        By name: DICOM nodes, which get C-STORE, and DICOMweb servers, which get STOW-RS.
    calling_ae_title
        Who we are.
    name
        Of this sender, if it is the only one of that name: leases that a killed process of
        the name left are then free again at once, at `start`. At most 32 characters.
    policy
        When to try again and when to give up.
    lease_seconds
        After how long another sender goes on with what a dead one left.
    batch
        Deliveries leased at once.
    """

    def __init__(
        self,
        engine: Engine,
        peers: Mapping[str, Peer | WebPeer],
        *,
        calling_ae_title: str,
        name: str | None = None,
        policy: RetryPolicy | None = None,
        lease_seconds: float = _LEASE_SECONDS,
        batch: int = _BATCH,
    ) -> None:
        self._engine = engine
        self._name = name or uuid.uuid4().hex
        self._senders = {
            peer_name: PeerSender(
                engine,
                peer,
                calling_ae_title=calling_ae_title,
                holder=self._name,
                policy=policy or RetryPolicy(),
                lease_seconds=lease_seconds,
                batch=batch,
            )
            for peer_name, peer in peers.items()
        }
        self._pollers = [
            Poller(f"outbox-{peer_name}", sender.run_due, interval_seconds=_POLL_SECONDS)
            for peer_name, sender in self._senders.items()
        ]
        self._pollers.append(
            Poller("outbox", self.bury_unknown, interval_seconds=_UNKNOWN_POLL_SECONDS)
        )

    def start(self) -> None:
        """Send, in threads."""
        free_all(self._engine, self._name)
        for sender in self._senders.values():
            sender.resume()
        for poller in self._pollers:
            poller.start()

    def stop(self) -> None:
        """Stop the threads, each after the object it is sending."""
        for sender in self._senders.values():
            sender.interrupt()
        for poller in self._pollers:
            poller.stop()

    def run_due(self, now: float) -> int:
        """Send what is due to each peer in turn, in this thread.

        Parameters
        ----------
        now
            Seconds since 1970 UTC.

        Returns
        -------
        int
            Deliveries that arrived.
        """
        self.bury_unknown(now)
        return sum(sender.run_due(now) for sender in self._senders.values())

    def bury_unknown(self, now: float) -> int:
        """Give up deliveries to peers that no setting names; returns how many."""
        reason = "no peer has this name; add it to the settings, then send again"
        unknown = (
            delivery.c.state.in_(("queued", "stored")),
            delivery.c.due_at <= now,
            delivery.c.peer.not_in(list(self._senders)),
        )
        if not finds(self._engine, select(delivery.c.id).where(*unknown)):
            return 0
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(delivery).where(*unknown).values(state="dead", last_error=reason)
            )
        if changed.rowcount:
            _log.error("outbox.unknown_peer", deliveries=changed.rowcount)
        return changed.rowcount


class PeerSender:
    """Sends what is queued for one peer, and asks it to commit where it should.

    Parameters
    ----------
    holder
        Name of the leases.
    """

    def __init__(
        self,
        engine: Engine,
        peer: Peer | WebPeer,
        *,
        calling_ae_title: str,
        holder: str,
        policy: RetryPolicy,
        lease_seconds: float,
        batch: int,
    ) -> None:
        self._engine = engine
        self._peer = peer
        self._holder = holder
        self._policy = policy
        self._lease_seconds = lease_seconds
        self._batch = batch
        self._transmit = transmit_to(peer, calling_ae_title)
        self._commitment = (
            CommitmentRequestor(
                engine, peer, calling_ae_title=calling_ae_title, holder=holder, policy=policy
            )
            if isinstance(peer, Peer) and peer.storage_commitment
            else None
        )
        self._interrupted = threading.Event()
        self._times_unreachable = 0  # in a row

    def interrupt(self) -> None:
        """Make `run_due` return after the object it is sending."""
        self._interrupted.set()

    def resume(self) -> None:
        """Take `interrupt` back; a peer that need not commit any more has what it was sent."""
        self._interrupted.clear()
        if self._commitment is None:
            with writing(self._engine) as connection:
                connection.execute(
                    update(delivery)
                    .where(delivery.c.peer == self._peer.name, delivery.c.state == "stored")
                    .values(state="sent", sent_at=delivery.c.stored_at, last_error=None)
                )

    def run_due(self, now: float) -> int:
        """Send all that is due, in batches; returns how many deliveries arrived."""
        arrived = 0
        while not self._interrupted.is_set():
            leases = take(
                self._engine,
                self._peer.name,
                holder=self._holder,
                now=now,
                seconds=self._lease_seconds,
                limit=self._batch,
            )
            if not leases:
                break
            arrived += self._send(leases, now)
            now = max(now, time.time())
        if self._commitment is not None and not self._interrupted.is_set():
            self._commitment.run_due(now)
        return arrived

    def _send(self, leases: list[Lease], now: float) -> int:
        """Send a batch until it is done, the peer is lost, or something more urgent comes."""
        by_path = {lease.path: lease for lease in leases}
        arrived = 0
        held = HeldLeases(self._engine, leases, holder=self._holder, seconds=self._lease_seconds)
        with held:
            outcomes = self._transmit(list(by_path))
            try:
                for path, failure in outcomes:
                    lease = by_path[path]
                    now = max(now, time.time())  # the ones before it may have taken long
                    if failure is None:
                        arrived += self._succeed(held, lease)
                    else:
                        self._fail(held, lease, failure, now)
                    if failure is not None and failure.kind == "unreachable":
                        self._postpone_all(failure, now)
                        break
                    if self._must_stop(held, lease.priority):
                        break
            finally:
                outcomes.close()
        return arrived

    def _must_stop(self, held: HeldLeases, priority: int) -> bool:
        return (
            self._interrupted.is_set()
            or held.lost
            or (priority > 0 and more_urgent(self._engine, self._peer.name, priority))
        )

    def _succeed(self, held: HeldLeases, lease: Lease) -> bool:
        now = time.time()
        values: dict[str, object] = {
            "attempts": lease.attempts + 1,
            "failing_since": None,
            "last_error": None,
        }
        if self._commitment is None:
            values |= {"state": "sent", "sent_at": now}
        else:
            values |= {
                "state": "stored",
                "stored_at": now,
                "due_at": now,
                "sop_class_uid": _sop_class(lease.path),
                "commitment_uid": None,
                "commitment_asked_at": None,
            }
        done = held.finish(lease.delivery_id, values)
        if self._times_unreachable:
            self._times_unreachable = 0
            self._hasten_all()
        return done

    def _fail(self, held: HeldLeases, lease: Lease, failure: Failure, now: float) -> None:
        answered = failure.kind in ("transient", "permanent")
        refusals = lease.refusals + answered
        since = lease.failing_since or now
        is_last = self._policy.is_last(failure, refusals, now - since)
        values = {
            "state": "dead" if is_last else "queued",
            "attempts": lease.attempts + 1,
            "refusals": refusals,
            "failing_since": since,
            "due_at": now + self._policy.wait_seconds(failure, lease.attempts + 1),
            "last_error": failure.reason[:_MAX_ERROR_CHARACTERS],
        }
        held.finish(lease.delivery_id, values)
        _log.warning(
            "outbox.failed",
            delivery=lease.delivery_id,
            peer=self._peer.name,
            kind=failure.kind,
            attempts=lease.attempts + 1,
            dead=is_last,
        )

    def _postpone_all(self, failure: Failure, now: float) -> None:
        """Leave the peer alone for a while; what waits for it longer stays as it is."""
        self._times_unreachable += 1
        until = now + self._policy.wait_seconds(failure, self._times_unreachable)
        with writing(self._engine) as connection:
            connection.execute(
                update(delivery)
                .where(*self._waiting(), delivery.c.due_at < until)
                .values(
                    due_at=until,
                    failing_since=func.coalesce(delivery.c.failing_since, now),
                    last_error=failure.reason[:_MAX_ERROR_CHARACTERS],
                )
            )

    def _hasten_all(self) -> None:
        """The peer is back: what was put off only because it was away is due again."""
        now = time.time()
        with writing(self._engine) as connection:
            connection.execute(
                update(delivery)
                .where(*self._waiting(), delivery.c.due_at > now, delivery.c.refusals == 0)
                .values(due_at=now)
            )

    def _waiting(self) -> tuple[ColumnElement[bool], ...]:
        return (delivery.c.peer == self._peer.name, delivery.c.state == "queued")


def _sop_class(path: Path) -> str | None:
    """The SOP class, for the request to commit; None if the file is gone since it was sent."""
    try:
        return read_file_meta(path).sop_class_uid
    except (EncodingError, OSError):
        return None
