"""The worklist: one row per study version, most urgent and longest waiting first."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    null,
    or_,
    select,
)

from clinical_ai.findings import Urgency
from clinical_ai.messages import Message
from clinical_ai.store.reads import DEFAULT_PRIORITY, message_from_json
from clinical_ai.store.routing import PRIORITY_NUMBERS
from clinical_ai.store.tables import signature, study_read
from pacs_bridge.routing.actions import Priority
from pacs_bridge.tables import instance, retrieval, study

_PRIORITIES = {number: name for name, number in PRIORITY_NUMBERS.items()}

StudyState = Literal[
    "arriving",
    "held",
    "queued",
    "reading",
    "ready",
    "not_read",
    "ignored",
    "failed",
    "signed",
    "superseded",
]


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """One version of one study.

    Parameters
    ----------
    content_version, content_sequence
        Digest and number of the set of images; None and 0 while the first images arrive.
    step, progress
        What a running read is doing, and how far (0..1) it is.
    instances
        Source images in the archive now.
    priority
        Of the reading, as routing wants it.
    arrived_at, finished_at, signed_at
        UTC epoch seconds.
    """

    study_uid: str
    content_version: str | None
    content_sequence: int
    state: StudyState
    step: str | None
    progress: float | None
    urgency: Urgency | None
    reason: Message | None
    priority: Priority
    patient_name: str
    patient_id: str
    patient_birth_date: str
    patient_sex: str
    accession_number: str
    study_date: str
    study_description: str
    modalities: str
    instances: int
    arrived_at: float
    finished_at: float | None
    reading_id: str | None
    finding_count: int | None
    category: str | None
    signed_by: str | None
    signed_at: float | None


def worklist(
    engine: Engine, *, search: str = "", states: Collection[StudyState] = (), limit: int = 500
) -> list[WorklistRow]:
    """Return the rows to show: most urgent first, then by priority, then the longest waiting.

    Signed and ignored studies come last.

    Parameters
    ----------
    search
        Part of a patient name, patient ID or accession number; wildcards have no effect.
    states
        Only rows in these states; empty means all but superseded ones.
    """
    query = _rows()
    if search.strip():
        query = query.where(
            or_(
                study.c.patient_name.icontains(search.strip(), autoescape=True),
                study.c.patient_id.icontains(search.strip(), autoescape=True),
                study.c.accession_number.icontains(search.strip(), autoescape=True),
            )
        )
    shown_state = _state()
    query = query.where(shown_state.in_(list(states)) if states else shown_state != "superseded")
    rank = case({"urgent": 0, "soon": 1}, value=study_read.c.urgency, else_=2)
    done = case({"signed": 1, "ignored": 2}, value=shown_state, else_=0)
    priority = func.coalesce(study_read.c.priority, DEFAULT_PRIORITY)
    with engine.connect() as connection:
        rows = connection.execute(
            query.order_by(
                done, rank, priority, study.c.created_at, study_read.c.content_sequence
            ).limit(limit)
        )
        return [_row(r) for r in rows]


def versions(engine: Engine, study_uid: str) -> tuple[WorklistRow, ...]:
    """Return every version of one study, newest first."""
    query = _rows().where(study.c.study_instance_uid == study_uid)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(study_read.c.content_sequence.desc()))
        return tuple(_row(r) for r in rows)


def _state() -> ColumnElement[str]:
    return case(
        (signature.c.reading_id.is_not(null()), "signed"),
        (study_read.c.state.is_(null()), "arriving"),
        else_=study_read.c.state,
    )


def _rows() -> Select[tuple[object, ...]]:
    images = (
        select(func.count())
        .where(
            instance.c.study_instance_uid == study.c.study_instance_uid,
            instance.c.own_result.is_(False),
        )
        .scalar_subquery()
    )
    fetched = exists().where(
        retrieval.c.study_instance_uid == study.c.study_instance_uid,
        retrieval.c.purpose != "read",
    )
    return (
        select(
            study,
            study_read.c.content_version.label("read_version"),
            study_read.c.content_sequence.label("read_sequence"),
            _state().label("shown_state"),
            study_read.c.step,
            study_read.c.progress,
            study_read.c.urgency,
            study_read.c.reason,
            study_read.c.priority,
            study_read.c.finished_at,
            study_read.c.reading_id,
            study_read.c.finding_count,
            study_read.c.category,
            signature.c.full_name.label("signed_by"),
            signature.c.signed_at,
            images.label("images"),
        )
        .select_from(study)
        .outerjoin(study_read, study_read.c.study_uid == study.c.study_instance_uid)
        .outerjoin(
            signature,
            and_(
                signature.c.reading_id == study_read.c.reading_id,
                study_read.c.reading_id.is_not(null()),
            ),
        )
        # Not a study that we hold nothing of but results that came back from a peer, nor one
        # that we fetched ourselves, to compare with or to keep.
        .where(
            or_(
                study_read.c.study_uid.is_not(null()),
                and_(
                    exists().where(
                        instance.c.study_instance_uid == study.c.study_instance_uid,
                        instance.c.own_result.is_(False),
                    ),
                    ~fetched,
                ),
            )
        )
    )


def _row(r: Row[tuple[object, ...]]) -> WorklistRow:
    return WorklistRow(
        study_uid=r.study_instance_uid,
        content_version=r.read_version,
        content_sequence=r.read_sequence or 0,
        state=r.shown_state,
        step=r.step,
        progress=r.progress,
        urgency=r.urgency,
        reason=message_from_json(r.reason),
        priority=_PRIORITIES.get(r.priority, "normal"),
        patient_name=r.patient_name or "",
        patient_id=r.patient_id or "",
        patient_birth_date=r.patient_birth_date or "",
        patient_sex=r.patient_sex or "",
        accession_number=r.accession_number or "",
        study_date=r.study_date or "",
        study_description=r.study_description or "",
        modalities=r.modalities or "",
        instances=r.images,
        arrived_at=r.created_at,
        finished_at=r.finished_at,
        reading_id=r.reading_id,
        finding_count=r.finding_count,
        category=r.category,
        signed_by=r.signed_by,
        signed_at=r.signed_at,
    )
