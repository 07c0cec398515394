"""Messages to send: queued with what they tell, listed, queued again."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from pacs_bridge.database import writing
from pacs_bridge.hl7.mllp import frame
from pacs_bridge.hl7.tables import HL7_QUEUE, hl7_outgoing
from pacs_bridge.ordered.queue import enqueue, resend
from pacs_bridge.rows import message_body, newest


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
    return enqueue(
        connection,
        hl7_outgoing,
        peer=peer_name,
        key={"control_id": control_id, "message_type": message_type},
        subject=subject,
        body=body,
        refused=refused,
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
        resend(connection, HL7_QUEUE, message_id)
