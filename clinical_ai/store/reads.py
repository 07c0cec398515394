"""State of the read of each study version: queued, reading (which step), ready, ..."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, Engine, select, update

from clinical_ai.findings import Reading, to_json
from clinical_ai.messages import Message
from clinical_ai.store.tables import reading as reading_table
from clinical_ai.store.tables import result_object, study_read
from pacs_bridge.database import insert_or_ignore, writing

# A version in one of these states has no signature and gives way to a newer version.
OPEN_STATES = ("queued", "reading", "ready", "not_read", "failed", "held", "ignored")
# Of a read that nobody works on any more.
_FINISHED = ("ready", "not_read", "failed", "ignored")
DEFAULT_PRIORITY = 3


def message_to_json(message: Message | None) -> str | None:
    """Return `message` as JSON text."""
    return None if message is None else json.dumps(asdict(message), ensure_ascii=False)


def message_from_json(text: str | None) -> Message | None:
    """Return the message written by `message_to_json`."""
    return None if text is None else Message(**json.loads(text))


def queue_read(engine: Engine, study_uid: str, content_version: str, content_sequence: int) -> None:
    """Note that a study version waits to be read, and that it supersedes unsigned older ones.

    Doing it again changes nothing.
    """
    with writing(engine) as connection:
        place_read(connection, study_uid, content_version, content_sequence, Placement("queued"))


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a study version stands before anybody works on it.

    Parameters
    ----------
    state
        ``queued``, ``held``, ``ignored`` or ``not_read``.
    priority
        Order of reading, smaller first.
    reason
        Why it is not queued.
    """

    state: str
    priority: int = DEFAULT_PRIORITY
    reason: Message | None = None

    @property
    def columns(self) -> dict[str, object]:
        """What the row of the read says."""
        return {
            "state": self.state,
            "priority": self.priority,
            "reason": message_to_json(self.reason),
            "finished_at": time.time() if self.state in _FINISHED else None,
        }


def place_read(
    connection: Connection,
    study_uid: str,
    content_version: str,
    content_sequence: int,
    placement: Placement,
) -> None:
    """Add the row of a study version, which supersedes unsigned older ones; again does nothing."""
    insert_or_ignore(
        connection,
        study_read,
        {
            "study_uid": study_uid,
            "content_version": content_version,
            "content_sequence": content_sequence,
            "attempt": 1,
            "queued_at": time.time(),
            **placement.columns,
        },
    )
    connection.execute(
        update(study_read)
        .where(
            study_read.c.study_uid == study_uid,
            study_read.c.content_sequence < content_sequence,
            study_read.c.state.in_(OPEN_STATES),
        )
        .values(state="superseded", step=None, progress=None)
    )


def begin_attempt(
    connection: Connection, study_uid: str, content_version: str, placement: Placement
) -> int:
    """Place a version once more, to be read anew; returns the number of the new attempt."""
    key = _key(study_uid, content_version)
    connection.execute(
        update(study_read)
        .where(*key)
        .values(
            attempt=study_read.c.attempt + 1,
            dispatched_at=None,
            queued_at=time.time(),
            **placement.columns,
        )
    )
    return int(connection.execute(select(study_read.c.attempt).where(*key)).scalar_one())


@dataclass(frozen=True, slots=True)
class ReadState:
    """Where the newest version of a study stands."""

    study_uid: str
    content_version: str
    content_sequence: int
    state: str
    attempt: int


def newest_read(connection: Connection, study_uid: str) -> ReadState | None:
    """Return the newest version of a study, its row locked until the commit; None if none."""
    row = connection.execute(
        select(study_read)
        .where(study_read.c.study_uid == study_uid)
        .order_by(study_read.c.content_sequence.desc())
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return None
    return ReadState(
        row.study_uid, row.content_version, row.content_sequence, row.state, row.attempt
    )


@dataclass(frozen=True, slots=True)
class QueuedRead:
    """A study version that no worker has taken up."""

    study_uid: str
    content_version: str
    content_sequence: int
    attempt: int
    priority: int = DEFAULT_PRIORITY


def undispatched(engine: Engine, limit: int = 100) -> list[QueuedRead]:
    """Return reads that wait to be handed to the workflow engine, by priority and age."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(study_read)
            .where(study_read.c.state == "queued", study_read.c.dispatched_at.is_(None))
            .order_by(study_read.c.priority, study_read.c.queued_at)
            .limit(limit)
        )
        return [
            QueuedRead(r.study_uid, r.content_version, r.content_sequence, r.attempt, r.priority)
            for r in rows
        ]


def mark_dispatched(engine: Engine, read: QueuedRead) -> None:
    """Note that the workflow engine holds this read durably."""
    with writing(engine) as connection:
        connection.execute(
            update(study_read)
            .where(
                *_key(read.study_uid, read.content_version), study_read.c.attempt == read.attempt
            )
            .values(dispatched_at=time.time())
        )


def is_superseded(engine: Engine, study_uid: str, content_version: str) -> bool:
    """Whether a newer version of the study took this one's place."""
    with engine.connect() as connection:
        state = connection.execute(
            select(study_read.c.state).where(*_key(study_uid, content_version))
        ).scalar_one_or_none()
    return state == "superseded"


def set_step(
    engine: Engine, study_uid: str, content_version: str, step: str, progress: float | None = None
) -> None:
    """Show on the worklist which step the read is in; superseded reads are left alone."""
    with writing(engine) as connection:
        connection.execute(
            update(study_read)
            .where(*_key(study_uid, content_version), study_read.c.state.in_(("queued", "reading")))
            .values(state="reading", step=step, progress=progress)
        )


def finish_failed(engine: Engine, study_uid: str, content_version: str, reason: Message) -> None:
    """Note that the read ended without a reading, and why."""
    with writing(engine) as connection:
        connection.execute(
            update(study_read)
            .where(*_key(study_uid, content_version), study_read.c.state != "signed")
            .values(
                state="failed",
                step=None,
                progress=None,
                reason=message_to_json(reason),
                finished_at=time.time(),
            )
        )


def finish_read(
    connection: Connection,
    reading: Reading,
    category: str | None,
    objects: Sequence[tuple[str, str, str]],
) -> None:
    """Store the reading and its result objects and show the study as ready or not read.

    Parameters
    ----------
    category
        Most severe category, for the worklist.
    objects
        (SOP Instance UID, kind, path) of each result object.
    """
    insert_or_ignore(
        connection,
        reading_table,
        {
            "id": reading.id,
            "study_uid": reading.study_uid,
            "content_version": reading.content_version,
            "reader": reading.reader,
            "model_name": reading.model.name if reading.model else None,
            "model_version": reading.model.version if reading.model else None,
            "body": to_json(reading),
            "created_at": time.time(),
        },
    )
    for sop_instance_uid, kind, path in objects:
        insert_or_ignore(
            connection,
            result_object,
            {
                "sop_instance_uid": sop_instance_uid,
                "reading_id": reading.id,
                "kind": kind,
                "path": path,
            },
        )
    connection.execute(
        update(study_read)
        .where(
            *_key(reading.study_uid, reading.content_version),
            study_read.c.state.in_(("queued", "reading", "failed")),
        )
        .values(
            state="ready" if reading.status == "read" else "not_read",
            step=None,
            progress=None,
            urgency=reading.urgency,
            reason=message_to_json(reading.reason),
            reading_id=reading.id,
            category=category,
            finding_count=len(reading.findings),
            finished_at=time.time(),
        )
    )


def _key(study_uid: str, content_version: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (study_read.c.study_uid == study_uid, study_read.c.content_version == content_version)
