"""Transactions for FHIR servers: queued with what they tell, listed, sent again, dropped."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from clinical_ai.errors import RecordError
from clinical_ai.records.fhir.repeatable import read_transaction
from clinical_ai.store.tables import FHIR_QUEUE, fhir_outgoing
from pacs_bridge.ordered.queue import drop, enqueue, resend, resend_dead
from pacs_bridge.rows import message_body, newest

_MAX_KEY = 128


@dataclass(frozen=True, slots=True)
class OutgoingTransaction:
    """A row of the table ``fhir_outgoing``, without the Bundle itself.

    Parameters
    ----------
    peer
        Name of the server in the settings.
    state
        ``queued``, ``sent``, ``dead`` or ``dropped``.
    last_error
        May quote what the server answered, and so hold patient data.
    due_at, created_at, sent_at
        Seconds since 1970 UTC.
    """

    id: int
    peer: str
    key: str
    subject: str
    state: str
    attempts: int
    due_at: float
    last_error: str | None
    created_at: float
    sent_at: float | None


def enqueue_transaction(
    connection: Connection, *, server: str, key: str, subject: str, bundle: bytes, refused: str = ""
) -> bool:
    """Queue a transaction Bundle, in the caller's transaction; nothing if it is queued already.

    The same bytes are sent until the server accepts them, so a server that died may get them
    twice: every entry must be a PUT, a DELETE or a POST with ``ifNoneExist``.

    Parameters
    ----------
    connection
        The open transaction that the Bundle belongs to.
    server
        Name of a FHIR server of the settings with role ``write``.
    key
        At most 128 characters, the same whenever this Bundle is made.
    subject
        Transactions to a server on one subject arrive in the order in which they were queued.
        A dead one can be sent again until a later one on its subject was accepted.
    bundle
        JSON in UTF-8.
    refused
        Why it must not be sent; it is then kept as a dead letter.

    Returns
    -------
    bool
        False if it was queued before.

    Raises
    ------
    RecordError
        If it is no transaction Bundle, or one that must not be sent twice.
    """
    if not 0 < len(key) <= _MAX_KEY:
        raise RecordError(f"the key {key!r} of a transaction must have 1 to {_MAX_KEY} characters")
    read_transaction(bundle)
    return enqueue(
        connection,
        fhir_outgoing,
        peer=server,
        key={"key": key},
        subject=subject,
        body=bundle,
        refused=refused,
    )


def list_transactions(
    engine: Engine, *, state: str | None = None, limit: int = 200
) -> tuple[OutgoingTransaction, ...]:
    """Return the newest transactions, or those in one state."""
    return newest(engine, OutgoingTransaction, fhir_outgoing, state=state, limit=limit)


def transaction_body(engine: Engine, transaction_id: int) -> bytes:
    """Return a Bundle as it is sent.

    Raises
    ------
    pacs_bridge.errors.DeliveryError
        If there is no such transaction.
    """
    return message_body(engine, fhir_outgoing, transaction_id)


def resend_transaction(connection: Connection, transaction_id: int) -> None:
    """Queue a dead, dropped or sent transaction again, with a fresh count of attempts.

    Raises
    ------
    pacs_bridge.errors.DeliveryError
        If there is no such transaction, it is already queued, or the server has accepted a
        later one on its subject, whose content the old one would replace.
    """
    resend(connection, FHIR_QUEUE, transaction_id)


def resend_dead_transactions(connection: Connection, server: str) -> tuple[int, int]:
    """Queue all dead ones of a server again; returns how many, and how many are superseded."""
    return resend_dead(connection, FHIR_QUEUE, server)


def drop_transaction(connection: Connection, transaction_id: int) -> None:
    """Give a dead transaction up for good; its row stays, so that it is not queued again.

    Raises
    ------
    pacs_bridge.errors.DeliveryError
        If there is no such transaction, or it is not dead.
    """
    drop(connection, fhir_outgoing, transaction_id)
