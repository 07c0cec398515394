"""Deliveries in one sender's hands: taken for a time, renewed while it works, given back.

Only the holder of a lease may write the outcome. A lease is renewed in a thread of its own, so
that an object which takes an hour to send is never taken over; a sender that dies stops
renewing, and another goes on.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import structlog
from sqlalchemy import Engine, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from pacs_bridge.database import finds, writing
from pacs_bridge.tables import delivery

_log = structlog.get_logger(__name__)

_RENEWALS = 3  # in the time of one lease


@dataclass(frozen=True, slots=True)
class Lease:
    """One delivery in our hands.

    Parameters
    ----------
    attempts, refusals
        Before this one; see `pacs_bridge.retry.RetryPolicy`.
    failing_since
        Of the first failure in a row, seconds since 1970 UTC; None after a success.
    """

    delivery_id: int
    sop_instance_uid: str
    path: Path
    priority: int
    attempts: int
    refusals: int
    failing_since: float | None


def take(
    engine: Engine, peer_name: str, *, holder: str, now: float, seconds: float, limit: int
) -> list[Lease]:
    """Lease deliveries of a peer that are due, of one priority, the most urgent and oldest first.

    Parameters
    ----------
    holder
        Who takes them; at most 32 characters.
    now
        Seconds since 1970 UTC.
    seconds
        How long the lease lasts without renewal.
    """
    query = (
        select(
            delivery.c.id.label("delivery_id"),
            delivery.c.sop_instance_uid,
            delivery.c.path,
            delivery.c.priority,
            delivery.c.attempts,
            delivery.c.refusals,
            delivery.c.failing_since,
        )
        .where(
            delivery.c.peer == peer_name,
            delivery.c.state == "queued",
            delivery.c.due_at <= now,
            or_(delivery.c.leased_until.is_(None), delivery.c.leased_until <= now),
        )
        .order_by(delivery.c.priority, delivery.c.due_at, delivery.c.id)
    )
    if not finds(engine, query):
        return []
    locked = query.limit(limit).with_for_update(skip_locked=True)
    with writing(engine) as connection:
        found = [
            Lease(**{**row._mapping, "path": Path(row.path)}) for row in connection.execute(locked)
        ]
        leases = [lease for lease in found if lease.priority == found[0].priority]
        connection.execute(
            update(delivery)
            .where(delivery.c.id.in_([lease.delivery_id for lease in leases]))
            .values(leased_until=now + seconds, leased_by=holder)
        )
    return leases


def free_all(engine: Engine, holder: str) -> None:
    """Free the leases that a killed process of the same name left."""
    with writing(engine) as connection:
        connection.execute(
            update(delivery)
            .where(delivery.c.leased_by == holder)
            .values(leased_until=None, leased_by=None)
        )


def more_urgent(engine: Engine, peer_name: str, priority: int) -> bool:
    """Whether something more urgent than `priority` waits for the peer."""
    query = select(delivery.c.id).where(
        delivery.c.peer == peer_name,
        delivery.c.state == "queued",
        delivery.c.due_at <= time.time(),
        delivery.c.leased_until.is_(None),
        delivery.c.priority < priority,
    )
    return finds(engine, query)


class HeldLeases:
    """Keeps leases alive for the length of a block, and frees those left over at its end.

    Parameters
    ----------
    leases
        From `take`.
    holder
        Who took them.
    seconds
        How long they last without renewal.
    """

    def __init__(
        self, engine: Engine, leases: Sequence[Lease], *, holder: str, seconds: float
    ) -> None:
        self._engine = engine
        self._holder = holder
        self._seconds = seconds
        self._held = {lease.delivery_id for lease in leases}
        self._lost = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._renewed_at = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name="lease-keeper", daemon=True)

    def __enter__(self) -> "HeldLeases":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._held:
            self._update(self._held, {"leased_until": None, "leased_by": None})

    @property
    def lost(self) -> bool:
        """Whether another sender may have taken one of them over: stop sending."""
        return self._lost or time.monotonic() - self._renewed_at > self._seconds

    def finish(self, delivery_id: int, values: Mapping[str, object]) -> bool:
        """Write the outcome and give the lease back; False if it was no longer ours."""
        with self._lock:
            self._held.discard(delivery_id)
            given_back = {**values, "leased_until": None, "leased_by": None}
            return self._update({delivery_id}, given_back) == 1

    def _keep(self) -> None:
        while not self._ended.wait(self._seconds / _RENEWALS):
            begin = time.monotonic()
            try:
                with self._lock:
                    until = time.time() + self._seconds
                    if self._update(self._held, {"leased_until": until}) < len(self._held):
                        self._lost = True
                        _log.error("outbox.lease_lost")
                        return
                    self._renewed_at = begin
            except SQLAlchemyError as error:
                _log.error("outbox.renewal_failed", error=type(error).__name__)

    def _update(self, ids: set[int], values: Mapping[str, object]) -> int:
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(delivery)
                .where(delivery.c.id.in_(ids), delivery.c.leased_by == self._holder)
                .values(**values)
            )
        return changed.rowcount
