"""The index of the archive and the queue of deliveries, as SQLAlchemy Core tables.

Times are seconds since 1970-01-01 UTC. Text that came from DICOM is stored decoded, never
escaped: whoever shows it escapes it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers a row by itself only where the key is INTEGER.
_row_number = BigInteger().with_variant(Integer, "sqlite")

study = Table(
    "study",
    metadata,
    Column("study_instance_uid", String(64), primary_key=True),
    Column("patient_id", Text, nullable=False, server_default=""),
    Column("issuer_of_patient_id", Text, nullable=False, server_default=""),
    # All component groups of VR PN: alphabetic=ideographic=phonetic (PS3.5 6.2.1).
    Column("patient_name", Text, nullable=False, server_default=""),
    # As `pacs_bridge.text.fold_name` makes it, for matching without regard to case.
    Column("patient_name_folded", Text, nullable=False, server_default=""),
    Column("patient_birth_date", Text, nullable=False, server_default=""),
    Column("patient_sex", Text, nullable=False, server_default=""),
    Column("accession_number", Text, nullable=False, server_default=""),
    Column("study_date", Text, nullable=False, server_default=""),
    Column("study_time", Text, nullable=False, server_default=""),
    Column("study_description", Text, nullable=False, server_default=""),
    Column("study_id", Text, nullable=False, server_default=""),
    Column("referring_physician_name", Text, nullable=False, server_default=""),
    Column("referring_physician_name_folded", Text, nullable=False, server_default=""),
    # Of the source instances, sorted, comma separated.
    Column("modalities", Text, nullable=False, server_default=""),
    Column("created_at", Double, nullable=False),
    # Of the last newly stored source instance.
    Column("last_received_at", Double, nullable=False),
    # NULL: not waiting. Otherwise the assembler looks at the study at this time.
    Column("due_at", Double),
    Column("state", String(16), nullable=False),
    Column("content_version", String(16)),
    Column("content_sequence", Integer, nullable=False, server_default="0"),
    # How often the completion of the present content failed; for the backoff.
    Column("completion_failures", Integer, nullable=False, server_default="0"),
    CheckConstraint("state IN ('receiving', 'complete')", name="state"),
    Index("ix_study_due_at", "due_at"),
    Index("ix_study_last_received_at", "last_received_at"),
    Index("ix_study_patient_id", "patient_id"),
    Index("ix_study_accession_number", "accession_number"),
    Index("ix_study_study_date", "study_date"),
)

series = Table(
    "series",
    metadata,
    Column("series_instance_uid", String(64), primary_key=True),
    Column(
        "study_instance_uid", String(64), ForeignKey("study.study_instance_uid"), nullable=False
    ),
    Column("modality", Text, nullable=False, server_default=""),
    Column("body_part_examined", Text, nullable=False, server_default=""),
    Column("series_description", Text, nullable=False, server_default=""),
    Column("series_number", Integer),
    Column("laterality", Text, nullable=False, server_default=""),
    Index("ix_series_study_instance_uid", "study_instance_uid"),
)

instance = Table(
    "instance",
    metadata,
    Column("sop_instance_uid", String(64), primary_key=True),
    Column(
        "series_instance_uid", String(64), ForeignKey("series.series_instance_uid"), nullable=False
    ),
    Column(
        "study_instance_uid", String(64), ForeignKey("study.study_instance_uid"), nullable=False
    ),
    Column("sop_class_uid", String(64), nullable=False),
    Column("transfer_syntax_uid", String(64), nullable=False),
    # Relative to the archive's root folder.
    Column("path", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    # Of the encoded data set as received, without file meta; hexadecimal.
    Column("sha256", String(64), nullable=False),
    Column("instance_number", Integer),
    Column("rows", Integer),
    Column("columns", Integer),
    Column("bits_allocated", Integer),
    Column("number_of_frames", Integer),
    Column("calling_ae_title", Text, nullable=False),
    # Which of our titles the sender called; empty where it did not come by an association.
    Column("called_ae_title", Text, nullable=False, server_default=""),
    Column("received_at", Double, nullable=False),
    Column("own_result", Boolean, nullable=False, server_default=false()),
    Index("ix_instance_study_instance_uid", "study_instance_uid"),
    Index("ix_instance_series_instance_uid", "series_instance_uid"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", _row_number, primary_key=True, autoincrement=True),
    Column("received_at", Double, nullable=False),
    Column("calling_ae_title", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # As the sender named it, if it has the form of a UID.
    Column("sop_instance_uid", String(64)),
    Column("path", Text, nullable=False),
    # Of the encoded data set; the same bytes sent again are not kept twice.
    Column("sha256", String(64), nullable=False),
    UniqueConstraint("sha256"),
    Index("ix_quarantine_received_at", "received_at"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", _row_number, primary_key=True, autoincrement=True),
    Column("sop_instance_uid", String(64), nullable=False),
    # Of the Part 10 file to send; absolute.
    Column("path", Text, nullable=False),
    Column("peer", Text, nullable=False),
    # 'result': made by us; 'forward': received by us.
    Column("purpose", String(16), nullable=False, server_default="result"),
    # Lower is sent first.
    Column("priority", Integer, nullable=False, server_default="0"),
    # queued -> sent; with storage commitment queued -> stored -> sent.
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Attempts that the peer answered, and refused.
    Column("refusals", Integer, nullable=False, server_default="0"),
    # Of the first failure in a row.
    Column("failing_since", Double),
    # queued: when to send; stored: when to ask for commitment, or to give up waiting for it.
    Column("due_at", Double, nullable=False),
    Column("leased_until", Double),
    # Which sender holds the lease.
    Column("leased_by", String(32)),
    Column("last_error", Text),
    Column("created_at", Double, nullable=False),
    # When the peer took it by C-STORE, and as what; only with storage commitment.
    Column("stored_at", Double),
    Column("sop_class_uid", String(64)),
    # The transaction that asked for commitment last, and when the peer accepted that.
    Column("commitment_uid", String(64)),
    Column("commitment_asked_at", Double),
    # How often commitment failed.
    Column("commitment_rounds", Integer, nullable=False, server_default="0"),
    Column("sent_at", Double),
    UniqueConstraint("sop_instance_uid", "peer"),
    CheckConstraint("state IN ('queued', 'stored', 'sent', 'dead', 'dropped')", name="state"),
    CheckConstraint("purpose IN ('result', 'forward')", name="purpose"),
    Index("ix_delivery_state_due_at", "state", "due_at"),
    Index("ix_delivery_peer_state_due_at", "peer", "state", "due_at"),
)

# Every transaction by which we asked a peer to commit to keep an object (PS3.4 annex J): an
# answer may come hours later, even after we asked again.
commitment = Table(
    "commitment",
    metadata,
    Column("transaction_uid", String(64), primary_key=True),
    Column("delivery_id", _row_number, ForeignKey("delivery.id"), primary_key=True),
    Column("created_at", Double, nullable=False),
    Index("ix_commitment_delivery_id", "delivery_id"),
)

# Requests for storage commitment that we accepted and have not reported on yet.
commitment_report = Table(
    "commitment_report",
    metadata,
    Column("calling_ae_title", String(16), primary_key=True),
    Column("transaction_uid", String(64), primary_key=True),
    # JSON: pairs of SOP class and SOP Instance UID.
    Column("requested", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Index("ix_commitment_report_due_at", "due_at"),
)

# Studies that we fetch from peers; see pacs_bridge.retrieve.retrievals.
retrieval = Table(
    "retrieval",
    metadata,
    Column("id", _row_number, primary_key=True, autoincrement=True),
    Column("study_instance_uid", String(64), nullable=False),
    # Comma separated; empty for the whole study.
    Column("series_instance_uids", Text, nullable=False, server_default=""),
    Column("peer", Text, nullable=False),
    # 'prior': to compare another study with; 'keep': to archive only; 'read': to be read.
    Column("purpose", String(8), nullable=False),
    # Whose prior it is; the first study that asked.
    Column("for_study_uid", String(64)),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Double, nullable=False),
    Column("leased_until", Double),
    Column("leased_by", String(40)),
    # NULL: as the settings say.
    Column("megabytes_per_second", Double),
    # Of the attempt in progress, or of the last one.
    Column("instances_done", Integer, nullable=False, server_default="0"),
    Column("instances_total", Integer),
    Column("last_error", Text),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    UniqueConstraint("study_instance_uid", "series_instance_uids", "purpose"),
    CheckConstraint("state IN ('waiting', 'fetching', 'done', 'failed')", name="state"),
    CheckConstraint("purpose IN ('prior', 'keep', 'read')", name="purpose"),
    Index("ix_retrieval_peer_state_due_at", "peer", "state", "due_at"),
)

# When a retrieval was under way: what arrived of its study then, it brought.
retrieval_attempt = Table(
    "retrieval_attempt",
    metadata,
    Column("id", _row_number, primary_key=True, autoincrement=True),
    Column("retrieval_id", _row_number, ForeignKey("retrieval.id"), nullable=False),
    Column("started_at", Double, nullable=False),
    # NULL: under way, or its process died.
    Column("finished_at", Double),
    Index("ix_retrieval_attempt_retrieval_id", "retrieval_id"),
)
