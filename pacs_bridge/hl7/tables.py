"""Messages in and out, and the orders they made, as SQLAlchemy Core tables.

Times are seconds since 1970-01-01 UTC. Text that came from HL7 is stored decoded, never
escaped: whoever shows it escapes it.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from pacs_bridge.ordered.tables import QueueTables, outgoing_table, sender_table
from pacs_bridge.tables import metadata

# SQLite numbers a row by itself only where the key is INTEGER.
_row_number = BigInteger().with_variant(Integer, "sqlite")

hl7_outgoing = outgoing_table(
    "hl7_outgoing",
    metadata,
    # MSH-10, the same however often the message is made or sent.
    Column("control_id", String(20), nullable=False),
    Column("message_type", Text, nullable=False),
    states=("queued", "sent", "dead"),
)
hl7_sender = sender_table("hl7_sender", metadata)
# Bodies are in the character set that their MSH-18 names, without the frame.
HL7_QUEUE = QueueTables("hl7", hl7_outgoing, hl7_sender)

hl7_incoming = Table(
    "hl7_incoming",
    metadata,
    Column("id", _row_number, primary_key=True, autoincrement=True),
    Column("received_at", Double, nullable=False),
    Column("peer_host", Text, nullable=False),
    # MSH-3, MSH-4, MSH-9 and MSH-10; empty where the message could not be read.
    Column("sending_application", Text, nullable=False, server_default=""),
    Column("sending_facility", Text, nullable=False, server_default=""),
    Column("message_type", Text, nullable=False, server_default=""),
    Column("control_id", Text, nullable=False, server_default=""),
    # Of the message as received; the same bytes sent again are not kept twice.
    Column("sha256", String(64), nullable=False),
    Column("times", Integer, nullable=False, server_default="1"),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    # Why it is quarantined or needs attention; nothing of its content.
    Column("reason", Text, nullable=False, server_default=""),
    UniqueConstraint("sha256"),
    CheckConstraint("state IN ('applied', 'attention', 'ignored', 'quarantined')", name="state"),
    Index("ix_hl7_incoming_control_id", "control_id"),
    Index("ix_hl7_incoming_received_at", "received_at"),
)

imaging_order = Table(
    "imaging_order",
    metadata,
    Column("id", _row_number, primary_key=True, autoincrement=True),
    Column("accession_number", Text, nullable=False),
    # One accession number may stand for several orders.
    Column("placer_order_number", Text, nullable=False, server_default=""),
    Column("filler_order_number", Text, nullable=False, server_default=""),
    Column("state", String(16), nullable=False),
    Column("patient_id", Text, nullable=False, server_default=""),
    Column("issuer_of_patient_id", Text, nullable=False, server_default=""),
    # In the form of VR PN, as in the table ``study``.
    Column("patient_name", Text, nullable=False, server_default=""),
    Column("patient_birth_date", Text, nullable=False, server_default=""),
    Column("patient_sex", Text, nullable=False, server_default=""),
    Column("procedure_code", Text, nullable=False, server_default=""),
    Column("procedure_scheme", Text, nullable=False, server_default=""),
    Column("procedure_text", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("priority", String(8), nullable=False),
    # Identifier, family and given name (XCN.1 to XCN.3), separated by carets.
    Column("ordering_provider", Text, nullable=False, server_default=""),
    # YYYYMMDD[HHMM[SS]], local time of the RIS, as sent.
    Column("scheduled_at", Text, nullable=False, server_default=""),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("accession_number", "placer_order_number"),
    CheckConstraint("state IN ('open', 'cancelled', 'completed')", name="state"),
    CheckConstraint("priority IN ('stat', 'asap', 'routine')", name="priority"),
    Index("ix_imaging_order_updated_at", "updated_at"),
)
