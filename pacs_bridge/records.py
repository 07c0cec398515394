"""What the archive knows, as read from its index."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A row of the table ``study``; texts are as received, decoded, not escaped.

    Parameters
    ----------
    modalities
        Of the source instances, sorted.
    created_at, last_received_at
        Seconds since 1970 UTC.
    due_at
        When the study will be looked at for completeness; None when not waiting.
    state
        ``receiving`` or ``complete``.
    content_version
        16 hexadecimal digits; None before the first completion.
    content_sequence
        1 at the first completion; 0 before.
    """

    study_instance_uid: str
    patient_id: str
    issuer_of_patient_id: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    accession_number: str
    study_date: str
    study_time: str
    study_description: str
    study_id: str
    referring_physician_name: str
    modalities: tuple[str, ...]
    created_at: float
    last_received_at: float
    due_at: float | None
    state: str
    content_version: str | None
    content_sequence: int


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """A row of the table ``series``, with the number of its instances."""

    series_instance_uid: str
    study_instance_uid: str
    modality: str
    body_part_examined: str
    series_description: str
    series_number: int | None
    laterality: str
    instance_count: int


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """A row of the table ``instance``; `path` is absolute.

    Parameters
    ----------
    rows, columns, bits_allocated, number_of_frames
        As the data set says; None where it says nothing.
    sha256
        Of the encoded data set as received.
    own_result
        One of our deliveries that came back.
    """

    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: Path
    size_bytes: int
    sha256: str
    instance_number: int | None
    rows: int | None
    columns: int | None
    bits_allocated: int | None
    number_of_frames: int | None
    calling_ae_title: str
    called_ae_title: str
    received_at: float
    own_result: bool


@dataclass(frozen=True, slots=True)
class StoreOutcome:
    """How the archive answered one instance.

    Parameters
    ----------
    status
        C-STORE response status, see `pacs_bridge.status`.
    reason
        Empty on success.
    study_instance_uid
        Of the archived instance; None if it was refused.
    is_new
        False if the same content was already archived.
    """

    status: int
    reason: str
    study_instance_uid: str | None
    is_new: bool
