"""Deliveries as their users see them: queued in a transaction, looked at, sent again, dropped."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Row, Select, case, func, select, update

from pacs_bridge.database import insert_or_ignore
from pacs_bridge.errors import DeliveryError
from pacs_bridge.index import is_kept_own_result
from pacs_bridge.tables import delivery

Purpose = Literal["result", "forward"]
PRIORITIES: dict[Purpose, int] = {"result": 0, "forward": 10}
"""Lower is sent first."""

_AGAIN = {
    "state": "queued",
    "attempts": 0,
    "refusals": 0,
    "failing_since": None,
    "leased_until": None,
    "leased_by": None,
    "last_error": None,
    "sent_at": None,
    "stored_at": None,
    "commitment_uid": None,
    "commitment_asked_at": None,
    "commitment_rounds": 0,
}


@dataclass(frozen=True, slots=True)
class PeerQueue:
    """What lies in the outbox for one peer.

    Parameters
    ----------
    waiting
        Queued deliveries.
    uncommitted
        Sent, but the peer has not yet committed to keep them.
    oldest_at
        When the oldest of these was queued, seconds since 1970 UTC; None if there is none.
    failing_since
        Since when all attempts of a waiting delivery failed, the longest.
    last_error
        Of the delivery that fails the longest.
    sent
        Delivered since the time asked about.
    dead
        Given up, until they are sent again or dropped.
    """

    peer: str
    waiting: int
    uncommitted: int
    oldest_at: float | None
    failing_since: float | None
    last_error: str | None
    sent: int
    dead: int


@dataclass(frozen=True, slots=True)
class DeadDelivery:
    """A delivery that was given up, with the reason."""

    delivery_id: int
    peer: str
    purpose: str
    sop_instance_uid: str
    reason: str
    attempts: int
    queued_at: float


def enqueue_delivery(
    connection: Connection,
    *,
    sop_instance_uid: str,
    path: Path,
    peer_name: str,
    purpose: Purpose = "result",
) -> bool:
    """Queue an object for a peer, in the caller's transaction; nothing if already queued.

    One of our own results that came back from a peer is not forwarded: that would be a loop.

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
    purpose
        ``result``: an object that we made; ``forward``: one that we received. Results go first.

    Returns
    -------
    bool
        Whether it was queued.
    """
    if purpose == "forward" and is_kept_own_result(connection, sop_instance_uid):
        return False
    now = time.time()
    return insert_or_ignore(
        connection,
        delivery,
        {
            "sop_instance_uid": sop_instance_uid,
            "path": str(path.absolute()),
            "peer": peer_name,
            "purpose": purpose,
            "priority": PRIORITIES[purpose],
            "state": "queued",
            "due_at": now,
            "created_at": now,
        },
    )


def resend(connection: Connection, delivery_id: int) -> None:
    """Queue a dead, dropped or sent delivery again, with a fresh count of attempts.

    Raises
    ------
    DeliveryError
        If there is no such delivery, or it is on its way already.
    """
    changed = connection.execute(
        update(delivery)
        .where(delivery.c.id == delivery_id, delivery.c.state.in_(("dead", "dropped", "sent")))
        .values(due_at=time.time(), **_AGAIN)
    )
    if changed.rowcount == 0:
        raise DeliveryError(
            f"delivery {delivery_id} does not exist or is already queued; see the list of "
            "deliveries for those that are dead or sent"
        )


def resend_dead(connection: Connection, peer_name: str) -> int:
    """Queue every dead delivery of a peer again; returns how many."""
    changed = connection.execute(
        update(delivery)
        .where(delivery.c.peer == peer_name, delivery.c.state == "dead")
        .values(due_at=time.time(), **_AGAIN)
    )
    return changed.rowcount


def drop(connection: Connection, delivery_id: int) -> DeadDelivery:
    """Give a dead delivery up for good; its row stays, so that the object is not queued again.

    Raises
    ------
    DeliveryError
        If there is no such delivery, or it is not dead.
    """
    row = connection.execute(_dead().where(delivery.c.id == delivery_id)).first()
    if row is None:
        raise DeliveryError(f"no dead delivery has the number {delivery_id}; nothing was dropped")
    connection.execute(update(delivery).where(delivery.c.id == delivery_id).values(state="dropped"))
    return _dead_delivery(row)


def dead_deliveries(connection: Connection, peer_name: str | None = None) -> list[DeadDelivery]:
    """Return the dead deliveries of one or all peers, the longest queued first."""
    query = _dead().order_by(delivery.c.created_at, delivery.c.id)
    if peer_name is not None:
        query = query.where(delivery.c.peer == peer_name)
    return [_dead_delivery(row) for row in connection.execute(query)]


def peer_queues(
    connection: Connection, peer_names: Collection[str], *, sent_since: float
) -> list[PeerQueue]:
    """Return the state of the outbox per peer, in order of the name.

    Parameters
    ----------
    peer_names
        Peers to show even if nothing was ever queued for them.
    sent_since
        Seconds since 1970 UTC; earlier deliveries are not counted as sent.
    """
    waiting = delivery.c.state == "queued"
    stored = delivery.c.state == "stored"
    sent = (delivery.c.state == "sent") & (delivery.c.sent_at >= sent_since)
    query = select(
        delivery.c.peer,
        func.sum(case((waiting, 1), else_=0)).label("waiting"),
        func.sum(case((stored, 1), else_=0)).label("uncommitted"),
        func.min(case((waiting | stored, delivery.c.created_at))).label("oldest_at"),
        func.min(case((waiting, delivery.c.failing_since))).label("failing_since"),
        func.sum(case((sent, 1), else_=0)).label("sent"),
        func.sum(case((delivery.c.state == "dead", 1), else_=0)).label("dead"),
    ).group_by(delivery.c.peer)
    rows = {row.peer: row for row in connection.execute(query)}
    found = [
        PeerQueue(last_error=_last_error(connection, row.peer, row.failing_since), **row._mapping)
        for row in rows.values()
    ]
    empty = [
        PeerQueue(name, 0, 0, None, None, None, 0, 0) for name in peer_names if name not in rows
    ]
    return sorted([*found, *empty], key=lambda queue: queue.peer)


def _last_error(connection: Connection, peer: str, failing_since: float | None) -> str | None:
    if failing_since is None:
        return None
    query = select(delivery.c.last_error).where(
        delivery.c.peer == peer,
        delivery.c.state == "queued",
        delivery.c.failing_since == failing_since,
    )
    return connection.execute(query.limit(1)).scalar_one_or_none()


def _dead() -> Select[tuple[object, ...]]:
    return select(delivery).where(delivery.c.state == "dead")


def _dead_delivery(row: Row[tuple[object, ...]]) -> DeadDelivery:
    return DeadDelivery(
        delivery_id=row.id,
        peer=row.peer,
        purpose=row.purpose,
        sop_instance_uid=row.sop_instance_uid,
        reason=row.last_error or "",
        attempts=row.attempts,
        queued_at=row.created_at,
    )
