"""Messages to send: queued with what they tell, queued again, given up."""

import time
from collections.abc import Mapping

from sqlalchemy import Connection, Table, and_, select, update

from pacs_bridge.database import insert_or_ignore
from pacs_bridge.errors import DeliveryError
from pacs_bridge.ordered.tables import QueueTables

MAX_ERROR_CHARACTERS = 500


def enqueue(
    connection: Connection,
    outgoing: Table,
    *,
    peer: str,
    key: Mapping[str, str],
    subject: str,
    body: bytes,
    refused: str = "",
) -> bool:
    """Queue a message, in the caller's transaction; nothing if it is queued already.

    Parameters
    ----------
    connection
        The open transaction that the message belongs to.
    key
        Values of the columns of this kind of message, the same whenever it is made.
    subject
        Messages to a peer on one subject arrive in the order in which they were queued.
    refused
        Why it must not be sent; it is then kept as a dead letter.

    Returns
    -------
    bool
        False if it was queued before.
    """
    now = time.time()
    return insert_or_ignore(
        connection,
        outgoing,
        {
            "peer": peer,
            **key,
            "subject": subject,
            "body": body,
            "state": "dead" if refused else "queued",
            "last_error": shortened(refused) or None,
            "due_at": now,
            "created_at": now,
        },
    )


def shortened(reason: str) -> str:
    """Return a reason as the table takes it."""
    return reason[:MAX_ERROR_CHARACTERS].replace("\0", "")  # PostgreSQL refuses NUL


def resend(connection: Connection, tables: QueueTables, message_id: int) -> None:
    """Queue a message that is not queued again, with a fresh count of attempts.

    Raises
    ------
    DeliveryError
        If there is no such message, it is already queued, or the peer has accepted a later one
        on its subject, whose result the old one would replace.
    """
    outgoing, sender = tables.outgoing, tables.sender
    if _is_superseded(connection, outgoing, message_id):
        raise DeliveryError(
            f"message {message_id} is older than one on the same subject that the peer has "
            "accepted, and would put an old result in its place; send the newest again"
        )
    changed = connection.execute(
        update(outgoing)
        .where(outgoing.c.id == message_id, outgoing.c.state != "queued")
        .values(state="queued", attempts=0, due_at=time.time(), last_error=None, sent_at=None)
    )
    if changed.rowcount == 0:
        raise DeliveryError(
            f"message {message_id} does not exist or is already queued; see the list of messages "
            "for those that are dead or sent"
        )
    peer = select(outgoing.c.peer).where(outgoing.c.id == message_id)
    connection.execute(update(sender).where(sender.c.peer.in_(peer)).values(due_at=0.0))


def resend_dead(connection: Connection, tables: QueueTables, peer: str) -> tuple[int, int]:
    """Queue the dead messages of a peer again; returns how many, and how many are superseded."""
    outgoing = tables.outgoing
    query = select(outgoing.c.id).where(outgoing.c.peer == peer, outgoing.c.state == "dead")
    dead = list(connection.execute(query.order_by(outgoing.c.id)).scalars())
    again = [one for one in dead if not _is_superseded(connection, outgoing, one)]
    for message_id in again:
        resend(connection, tables, message_id)
    return len(again), len(dead) - len(again)


def drop(connection: Connection, outgoing: Table, message_id: int) -> None:
    """Give a dead message up for good; its row stays, so that it is not queued again.

    Raises
    ------
    DeliveryError
        If there is no such message, or it is not dead.
    """
    changed = connection.execute(
        update(outgoing)
        .where(outgoing.c.id == message_id, outgoing.c.state == "dead")
        .values(state="dropped")
    )
    if changed.rowcount == 0:
        raise DeliveryError(f"no dead message has the number {message_id}; nothing was dropped")


def _is_superseded(connection: Connection, outgoing: Table, message_id: int) -> bool:
    later = outgoing.alias()
    query = (
        select(later.c.id)
        .join(
            outgoing,
            and_(
                later.c.peer == outgoing.c.peer,
                later.c.subject == outgoing.c.subject,
                later.c.id > outgoing.c.id,
            ),
        )
        .where(outgoing.c.id == message_id, later.c.state == "sent")
    )
    return connection.execute(query.limit(1)).first() is not None
