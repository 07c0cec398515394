"""The two tables of a queue: what is to be sent, and who is sending to whom."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

# SQLite numbers a row by itself only where the key is INTEGER.
_row_number = BigInteger().with_variant(Integer, "sqlite")


@dataclass(frozen=True, slots=True)
class QueueTables:
    """The tables of one kind of message.

    Parameters
    ----------
    kind
        For logs and names of threads, for example ``hl7``.
    outgoing
        From `outgoing_table`.
    sender
        From `sender_table`.
    """

    kind: str
    outgoing: Table
    sender: Table


def outgoing_table(
    name: str, metadata: MetaData, *key: Column[str], states: Sequence[str], check: str = "state"
) -> Table:
    """Return a table of messages to send.

    Parameters
    ----------
    key
        Columns of this kind of message; the first is unique for each peer, so that a message
        is queued once however often it is made.
    states
        Those a message can be in.
    check
        Name of the constraint on them.
    """
    allowed = ", ".join(f"'{state}'" for state in states)
    return Table(
        name,
        metadata,
        Column("id", _row_number, primary_key=True, autoincrement=True),
        Column("peer", Text, nullable=False),
        *key,
        # Messages to one peer on one subject arrive in the order in which they were queued.
        Column("subject", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("state", String(16), nullable=False),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("due_at", Double, nullable=False),
        # May quote what the peer answered.
        Column("last_error", Text),
        Column("created_at", Double, nullable=False),
        Column("sent_at", Double),
        UniqueConstraint(key[0].name, "peer"),
        CheckConstraint(f"state IN ({allowed})", name=check),
        Index(f"ix_{name}_state_due_at", "state", "due_at"),
        Index(f"ix_{name}_peer_subject", "peer", "subject"),
    )


def sender_table(name: str, metadata: MetaData) -> Table:
    """Return the table of who is sending to a peer: one at a time, from whichever process."""
    return Table(
        name,
        metadata,
        Column("peer", Text, primary_key=True),
        Column("leased_until", Double),
        Column("leased_by", String(32)),
        # How often in a row it could not be reached, and when the next attempt is made.
        Column("failures", Integer, nullable=False, server_default="0"),
        Column("due_at", Double, nullable=False, server_default="0"),
    )
