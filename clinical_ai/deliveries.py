"""What lies in the outbox, and what an administrator does about it; every act is audited."""

import getpass
import time
from datetime import datetime

from sqlalchemy import Connection

from clinical_ai.formats import iso_moment
from clinical_ai.services import Services
from clinical_ai.store.audit import record_event
from pacs_bridge.database import writing
from pacs_bridge.errors import DeliveryError
from pacs_bridge.outbox import (
    DeadDelivery,
    PeerQueue,
    dead_deliveries,
    drop,
    peer_queues,
    resend,
    resend_dead,
)


def queues(services: Services, peer: str | None = None) -> list[PeerQueue]:
    """Return the state of the outbox for one or all peers; "sent" counts from midnight.

    Raises
    ------
    DeliveryError
        If no peer has the name.
    """
    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    with services.engine.connect() as connection:
        found = peer_queues(connection, services.destinations, sent_since=midnight.timestamp())
    if peer is None:
        return found
    of_peer = [queue for queue in found if queue.peer == peer]
    if not of_peer:
        names = ", ".join(queue.peer for queue in found) or "none"
        raise DeliveryError(f"no peer is named {peer!r}; there are: {names}")
    return of_peer


def dead(services: Services, peer: str | None = None) -> list[DeadDelivery]:
    """Return the dead deliveries of one or all peers, the longest queued first.

    Raises
    ------
    DeliveryError
        If no peer has the name.
    """
    if peer is not None:
        queues(services, peer)
    with services.engine.connect() as connection:
        return dead_deliveries(connection, peer)


def send_again(services: Services, delivery_id: int) -> None:
    """Queue one dead or sent delivery again.

    Raises
    ------
    DeliveryError
        If there is no such delivery, or it is on its way already.
    """
    with writing(services.engine) as connection:
        resend(connection, delivery_id)
        _audit(connection, "delivery-resend", f"delivery {delivery_id}")


def send_all_again(services: Services, peer: str) -> int:
    """Queue all dead deliveries of a peer again; returns how many.

    Raises
    ------
    DeliveryError
        If no peer has the name.
    """
    queues(services, peer)
    with writing(services.engine) as connection:
        count = resend_dead(connection, peer)
        _audit(connection, "delivery-resend", f"all {count} dead deliveries to {peer}")
    return count


def give_up(services: Services, delivery_id: int) -> DeadDelivery:
    """Drop a dead delivery for good.

    Raises
    ------
    DeliveryError
        If there is no such delivery, or it is not dead.
    """
    with writing(services.engine) as connection:
        dropped = drop(connection, delivery_id)
        detail = f"delivery {delivery_id} of {dropped.sop_instance_uid} to {dropped.peer}"
        _audit(connection, "delivery-drop", detail)
    return dropped


def queue_row(queue: PeerQueue) -> dict[str, object]:
    """Return a queue as people read it; times as text."""
    return {
        "peer": queue.peer,
        "waiting": queue.waiting,
        "uncommitted": queue.uncommitted,
        "oldest": None if queue.oldest_at is None else _since(queue.oldest_at),
        "sent_today": queue.sent,
        "dead": queue.dead,
        "failing_for": None if queue.failing_since is None else _since(queue.failing_since),
        "last_error": queue.last_error,
    }


def dead_row(delivery: DeadDelivery) -> dict[str, object]:
    """Return a dead delivery as people read it."""
    return {
        "id": delivery.delivery_id,
        "peer": delivery.peer,
        "purpose": delivery.purpose,
        "queued": iso_moment(delivery.queued_at),
        "attempts": delivery.attempts,
        "sop_instance_uid": delivery.sop_instance_uid,
        "reason": delivery.reason,
    }


def _since(moment: float) -> str:
    """Return how long ago, in days, hours and minutes."""
    minutes = max(0, int(time.time() - moment)) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _audit(connection: Connection, action: str, detail: str) -> None:
    record_event(connection, f"shell:{getpass.getuser()}", action, detail=detail)
