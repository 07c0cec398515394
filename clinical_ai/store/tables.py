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
    LargeBinary,
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

# A resource of a patient's record as its source gave it; see clinical_ai.records.store.
record_resource = Table(
    "record_resource",
    metadata,
    # "local", or the name of a FHIR server of the settings.
    Column("origin", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("id", String(64), nullable=False),
    # Id of the Patient it is about; NULL where it is about none (Medication, Device).
    Column("person", String(64)),
    # meta.lastUpdated and meta.versionId, which order two versions.
    Column("updated_at", Double),
    Column("version_id", String(64)),
    Column("digest", String(32), nullable=False),
    # JSON; NULL for a resource that its source has deleted.
    Column("body", LargeBinary),
    PrimaryKeyConstraint("origin", "type", "id"),
)
# With the type, so that SQLite takes this one and not the primary key for a person's record.
Index(
    "ix_record_resource_person",
    record_resource.c.person,
    record_resource.c.origin,
    record_resource.c.type,
)

record_person = Table(
    "record_person",
    metadata,
    Column("origin", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    Column("birth_date", String(10), nullable=False),
    Column("sex", String(8), nullable=False),
    # All names, folded for search, a blank between words.
    Column("name_folded", Text, nullable=False),
    # Demographics as JSON, so that a list needs no resource.
    Column("body", Text, nullable=False),
    # Id of the Patient that stands in for this one; empty where none does.
    Column("replaced_by", String(64), nullable=False, server_default="", index=True),
    PrimaryKeyConstraint("origin", "person"),
)
Index("ix_record_person_birth_date", record_person.c.birth_date)

record_identifier = Table(
    "record_identifier",
    metadata,
    Column("origin", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("value", Text, nullable=False),
    Column("system", Text, nullable=False),
    PrimaryKeyConstraint("origin", "person", "position"),
)
Index("ix_record_identifier_value", record_identifier.c.value)

# Keys by which matching finds persons; see clinical_ai.records.blocking.
record_person_key = Table(
    "record_person_key",
    metadata,
    Column("key", String(96), nullable=False),
    Column("origin", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    PrimaryKeyConstraint("key", "origin", "person"),
)
Index("ix_record_person_key_person", record_person_key.c.origin, record_person_key.c.person)

# Patients of studies whose record a person must name; see clinical_ai.records.match_queue.
patient_match = Table(
    "patient_match",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    # Digest of all that the images say of the patient.
    Column("patient_key", String(64), nullable=False),
    # The newest study that asked.
    Column("study_uid", UID, nullable=False),
    # clinical_ai.records.matching.PatientQuery, and the candidates with their evidence, as JSON.
    Column("query", Text, nullable=False),
    Column("candidates", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("state", String(8), nullable=False, index=True),
    # Whom a person named, while `state` is "accepted".
    Column("origin", String(64)),
    Column("person", String(64)),
    Column("asked_at", Double, nullable=False),
    UniqueConstraint("patient_key"),
)

patient_match_decision = Table(
    "patient_match_decision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("match_id", Integer, nullable=False, index=True),
    Column("action", String(8), nullable=False),
    Column("origin", String(64)),
    Column("person", String(64)),
    # Persons that were shown, and what spoke for and against each, as JSON.
    Column("shown", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("username", String(64), nullable=False),
    Column("made_at", Double, nullable=False),
)

# Files that were imported whole, so that a second run passes them over.
record_import = Table(
    "record_import",
    metadata,
    Column("origin", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("resources", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("finished_at", Double, nullable=False),
    PrimaryKeyConstraint("origin", "sha256"),
)

# What an import could not use, kept with the reason.
record_refused = Table(
    "record_refused",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("origin", String(64), nullable=False),
    # Of the file, so that a second import of it does not keep the same again.
    Column("sha256", String(64), nullable=False, index=True),
    Column("name", Text, nullable=False),
    # Line of an NDJSON file, entry of a bundle; both count from 1.
    Column("place", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    # NULL where it was too long to keep.
    Column("body", LargeBinary),
    Column("refused_at", Double, nullable=False),
)

# Alarms of care pathways and home readings; see clinical_ai.pathways.alarm_store.
pathway_alarm = Table(
    "pathway_alarm",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("origin", String(64), nullable=False),
    # Id of the Patient resource.
    Column("person", String(64), nullable=False),
    Column("rule", String(100), nullable=False),
    Column("level", String(8), nullable=False),
    # ISO days of the newest fact, when it was raised and since.
    Column("first", String(10), nullable=False),
    Column("newest", String(10), nullable=False),
    # Words, citation and facts as JSON.
    Column("body", Text, nullable=False),
    Column("raised_at", Double, nullable=False),
    Column("acknowledged_at", Double),
    Column("acknowledged_by", String(64)),
    Column("note", Text, nullable=False, server_default=""),
    # Two processes that look at once raise one alarm.
    UniqueConstraint("origin", "person", "rule", "first"),
)
Index("ix_pathway_alarm_acknowledged_at", pathway_alarm.c.acknowledged_at)

risk_profile = Table(
    "risk_profile",
    metadata,
    Column("reading_id", String(36), primary_key=True),
    # Id of the Patient resource, and the store or server that it is of.
    Column("person", String(64), nullable=False, index=True),
    Column("origin", String(64), nullable=False),
    # ISO date that the risk is of.
    Column("on_day", String(10), nullable=False),
    # clinical_ai.risk.profile.RiskProfile as JSON.
    Column("body", Text, nullable=False),
    Column("made_at", Double, nullable=False),
)

patient_case = Table(
    "patient_case",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("title", String(120), nullable=False),
    Column("patient_id", Text, nullable=False),
    # The record of the patient; empty where none is surely his or hers.
    Column("origin", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("opened_by", String(64), nullable=False),
    Column("opened_at", Double, nullable=False),
)

case_study = Table(
    "case_study",
    metadata,
    Column("case_id", String(36), nullable=False),
    Column("study_uid", UID, nullable=False),
    PrimaryKeyConstraint("case_id", "study_uid"),
)

# What was said of a case: only ever inserted.
case_entry = Table(
    "case_entry",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", String(36), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    # Empty for an opinion that came back from elsewhere.
    Column("author", String(64), nullable=False),
    Column("full_name", String(128), nullable=False),
    Column("role", String(64), nullable=False),
    Column("refers_to", Integer),
    Column("imported", Boolean, nullable=False),
    Column("at", Double, nullable=False),
    # SHA-256 of the entry and of the digest before it, hexadecimal.
    Column("digest", String(64), nullable=False),
)
