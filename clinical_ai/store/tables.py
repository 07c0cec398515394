"""Tables of reads, readings, decisions, signatures, accounts and the audit trail.

The DICOM index (study, series, instance, quarantine, delivery) is in `pacs_bridge.tables`;
both live in one database and one migration history. Times are UTC epoch seconds.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from pacs_bridge.ordered.tables import QueueTables, outgoing_table, sender_table

# Named constraints, so that later migrations can alter them on both databases.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

UID = String(64)  # DICOM PS3.5 table 6.2-1, VR UI

study_read = Table(
    "study_read",
    metadata,
    Column("study_uid", UID, nullable=False),
    Column("content_version", String(16), nullable=False),
    Column("content_sequence", Integer, nullable=False),
    Column("attempt", Integer, nullable=False, default=1),
    Column("state", String(16), nullable=False),
    # Order of reading, smaller first; see clinical_ai.store.routing.
    Column("priority", Integer, nullable=False, server_default="3"),
    Column("step", String(16)),
    Column("progress", Double),
    Column("urgency", String(8)),
    Column("reason", Text),
    Column("reading_id", String(36)),
    Column("category", String(32)),
    Column("finding_count", Integer),
    Column("queued_at", Double, nullable=False),
    Column("dispatched_at", Double),
    Column("finished_at", Double),
    PrimaryKeyConstraint("study_uid", "content_version"),
)
Index("ix_study_read_state", study_read.c.state)

routing_decision = Table(
    "routing_decision",
    metadata,
    Column("study_uid", UID, nullable=False),
    Column("content_version", String(16), nullable=False),
    # Name of the deciding rule; NULL when the default counts.
    Column("rule", Text),
    Column("rules_digest", String(16)),
    # pacs_bridge.routing.decision.Decision as JSON.
    Column("body", Text, nullable=False),
    Column("decided_at", Double, nullable=False),
    Column("released_at", Double),
    Column("released_by", String(64)),
    PrimaryKeyConstraint("study_uid", "content_version"),
)

reading = Table(
    "reading",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("study_uid", UID, nullable=False, index=True),
    Column("content_version", String(16), nullable=False),
    Column("reader", String(32), nullable=False),
    Column("model_name", String(64)),
    Column("model_version", String(32)),
    Column("body", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

result_object = Table(
    "result_object",
    metadata,
    Column("sop_instance_uid", UID, primary_key=True),
    Column("reading_id", String(36), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("path", Text, nullable=False),
)

decision = Table(
    "decision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("reading_id", String(36), nullable=False, index=True),
    Column("finding_id", String(16), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("username", String(64), nullable=False),
    Column("made_at", Double, nullable=False),
)

signature = Table(
    "signature",
    metadata,
    Column("reading_id", String(36), primary_key=True),
    Column("username", String(64), nullable=False),
    Column("full_name", String(64), nullable=False),
    Column("signed_at", Double, nullable=False),
    Column("sr_sop_instance_uid", UID, nullable=False),
    UniqueConstraint("sr_sop_instance_uid"),
)

account = Table(
    "account",
    metadata,
    Column("username", String(64), primary_key=True),
    Column("full_name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("failed_count", Integer, nullable=False, default=0),
    Column("locked_until", Double, nullable=False, default=0.0),
    Column("created_at", Double, nullable=False),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False, index=True),
    Column("username", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("study_uid", UID, index=True),
    Column("reading_id", String(36)),
    Column("detail", Text, nullable=False, default=""),
)

dicomweb_token = Table(
    "dicomweb_token",
    metadata,
    Column("name", String(16), primary_key=True),
    # Of the token, hexadecimal; the token itself is kept nowhere.
    Column("sha256", String(64), nullable=False),
    Column("may_read", Boolean, nullable=False),
    Column("may_write", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    # NULL: never.
    Column("expires_at", Double),
    Column("revoked_at", Double),
    UniqueConstraint("sha256"),
)

# Transactions to FHIR servers; a body is a Bundle as JSON.
fhir_outgoing = outgoing_table(
    "fhir_outgoing",
    metadata,
    # The same however often the transaction is made or sent.
    Column("key", String(128), nullable=False),
    states=("queued", "sent", "dead", "dropped"),
    check="ck_fhir_outgoing_state",
)
fhir_sender = sender_table("fhir_sender", metadata)
FHIR_QUEUE = QueueTables("fhir", fhir_outgoing, fhir_sender)

# When a patient's record was last copied from a FHIR server.
fhir_copy = Table(
    "fhir_copy",
    metadata,
    Column("server", String(32), nullable=False),
    # Id of the Patient resource there.
    Column("person", String(64), nullable=False),
    Column("copied_at", Double, nullable=False),
    # Resource types that the server did not give whole, separated by spaces.
    Column("missing", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("server", "person"),
)
