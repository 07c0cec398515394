"""Messages to send: queued with what they tell, listed, queued again."""

import time
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, and_, select, update

from pacs_bridge.database import insert_or_ignore, writing
from pacs_bridge.errors import DeliveryError
from pacs_bridge.hl7.mllp import frame
from pacs_bridge.hl7.rows import message_body, newest
from pacs_bridge.hl7.tables import hl7_outgoing, hl7_sender

MAX_ERROR_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A row of the table ``hl7_outgoing``, without the message itself.

    Parameters
    ----------
    state
        ``queued``, ``sent`` or ``dead``.
    due_at, created_at, sent_at
        Seconds since 1970 UTC.
    """

    id: int
    peer: str
    control_id: str
    message_type: str
    subject: str
    state: str
    attempts: int
    due_at: float
    last_error: str | None
    created_at: float
    sent_at: float | None


def enqueue_message(
    connection: Connection,
    *,
    peer_name: str,
    control_id: str,
    message_type: str,
    subject: str,
    body: bytes,
    refused: str = "",
) -> bool:
    """Queue a message, in the caller's transaction; nothing if it is queued already.

    Parameters
    ----------
    connection
        The open transaction that the message belongs to.
    peer_name
        Key in the sender's peers.
    control_id
        MSH-10: at most 20 characters, the same whenever this message is made.
    subject
        Messages to a peer on one subject arrive in the order in which they were queued.
    body
        In the character set that its MSH-18 names.
    refused
        Why it must not be sent; it is then kept as a dead letter.

    Returns
    -------
    bool
        False if it was queued before.

    Raises
    ------
    MessageError
        When the message cannot be framed.
    """
    frame(body)
    now = time.time()
    return insert_or_ignore(
        connection,
        hl7_outgoing,
        {
            "peer": peer_name,
            "control_id": control_id,
            "message_type": message_type,
            "subject": subject,
            "body": body,
            "state": "dead" if refused else "queued",
            "last_error": refused[:MAX_ERROR_CHARACTERS] or None,
            "due_at": now,
            "created_at": now,
        },
    )


def list_outgoing(
    engine: Engine, *, state: str | None = None, limit: int = 200
) -> tuple[OutgoingMessage, ...]:
    """Return the newest messages to send, or those in one state."""
    return newest(engine, OutgoingMessage, hl7_outgoing, state=state, limit=limit)


def outgoing_body(engine: Engine, message_id: int) -> bytes:
    """Return a message as it is sent, without the frame.

    Raises
    ------
    DeliveryError
        If there is no such message.
    """
    return message_body(engine, hl7_outgoing, message_id)


def resend_message(engine: Engine, message_id: int) -> None:
    """Queue a dead or sent message again, with a fresh count of attempts.

    Raises
    ------
    DeliveryError
        If there is no such message, it is already queued, or the peer has accepted a later one
        on its subject, whose result the old one would replace.
    """
    with writing(engine) as connection:
        if _is_superseded(connection, message_id):
            raise DeliveryError(
                f"message {message_id} is older than one on the same study that the peer has "
                "accepted, and would put an old result in its place; send the newest again"
            )
        changed = connection.execute(
            update(hl7_outgoing)
            .where(hl7_outgoing.c.id == message_id, hl7_outgoing.c.state != "queued")
            .values(state="queued", attempts=0, due_at=time.time(), last_error=None, sent_at=None)
        )
        peer = select(hl7_outgoing.c.peer).where(hl7_outgoing.c.id == message_id)
        connection.execute(update(hl7_sender).where(hl7_sender.c.peer.in_(peer)).values(due_at=0.0))
    if changed.rowcount == 0:
        raise DeliveryError(
            f"message {message_id} does not exist or is already queued; see the list of messages "
            "for those that are dead or sent"
        )


def _is_superseded(connection: Connection, message_id: int) -> bool:
    later = hl7_outgoing.alias()
    query = (
        select(later.c.id)
        .join(
            hl7_outgoing,
            and_(
                later.c.peer == hl7_outgoing.c.peer,
                later.c.subject == hl7_outgoing.c.subject,
                later.c.id > hl7_outgoing.c.id,
            ),
        )
        .where(hl7_outgoing.c.id == message_id, later.c.state == "sent")
    )
    return connection.execute(query.limit(1)).first() is not None
