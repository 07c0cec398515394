"""Alarms that were raised: each once, until a person by name acknowledges it.

While an alarm is open, the same rule updates it instead of raising another. After an
acknowledgement it is raised again only by newer facts, and not within the rule's quiet time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, select, update

from clinical_ai.errors import KnowledgeError
from clinical_ai.pathways.alarms import Raised
from clinical_ai.pathways.definition import Level, Text
from clinical_ai.pathways.examine import Fact
from clinical_ai.store.audit import record_event
from clinical_ai.store.tables import pathway_alarm
from pacs_bridge.database import insert_or_ignore

SYSTEM = "system"
MAX_NOTE_CHARACTERS = 1000
_LEVELS: tuple[Level, ...] = ("urgent", "soon", "info")


@dataclass(frozen=True, slots=True)
class Who:
    """A person of the record store: id of the Patient resource, and its origin."""

    person: str
    origin: str


@dataclass(frozen=True, slots=True)
class _Body:
    """What an alarm said when it was raised, whatever becomes of its rule."""

    title: Text
    action: Text
    citation: str
    facts: tuple[Fact, ...]


_bodies = TypeAdapter(_Body)


@dataclass(frozen=True, slots=True)
class StoredAlarm:
    """An alarm as it is stored.

    Parameters
    ----------
    first, newest
        Days of the newest fact when it was raised, and since.
    raised_at, acknowledged_at
        UTC epoch seconds.
    """

    number: int
    who: Who
    rule: str
    level: Level
    first: date
    newest: date
    title: Text
    action: Text
    citation: str
    facts: tuple[Fact, ...]
    raised_at: float
    acknowledged_at: float | None
    acknowledged_by: str | None
    note: str


def raise_alarms(connection: Connection, who: Who, alarms: Sequence[Raised]) -> tuple[int, ...]:
    """Store the alarms of a person that are new; returns their numbers."""
    numbers = []
    for alarm in alarms:
        last = _last(connection, who, alarm.rule)
        if last is not None and last.acknowledged_at is None:
            _renew(connection, last, alarm)
        elif last is None or _again(last, alarm):
            number = _insert(connection, who, alarm)
            if number is not None:
                numbers.append(number)
    return tuple(numbers)


def open_alarms(
    connection: Connection, *, who: Who | None = None, all_alarms: bool = False
) -> list[StoredAlarm]:
    """Return the alarms that nobody has acknowledged, the most urgent and newest first.

    Parameters
    ----------
    all_alarms
        Those acknowledged too.
    """
    query = select(pathway_alarm)
    if who is not None:
        query = query.where(
            pathway_alarm.c.origin == who.origin, pathway_alarm.c.person == who.person
        )
    if not all_alarms:
        query = query.where(pathway_alarm.c.acknowledged_at.is_(None))
    found = [_stored(row) for row in connection.execute(query)]
    return sorted(found, key=lambda a: (_LEVELS.index(a.level), -a.newest.toordinal(), a.number))


def acknowledge(connection: Connection, number: int, username: str, note: str = "") -> StoredAlarm:
    """Note who has seen an alarm, and what was done about it.

    Raises
    ------
    KnowledgeError
        When there is no such alarm, it is acknowledged already, no one is named, or the note is
        too long.
    """
    if not username.strip():
        raise KnowledgeError("an alarm is acknowledged by a person; give the user name")
    if len(note) > MAX_NOTE_CHARACTERS:
        raise KnowledgeError(
            f"the note has {len(note)} characters; at most {MAX_NOTE_CHARACTERS} are kept"
        )
    changed = connection.execute(
        update(pathway_alarm)
        .where(pathway_alarm.c.id == number, pathway_alarm.c.acknowledged_at.is_(None))
        .values(acknowledged_at=time.time(), acknowledged_by=username, note=note)
        .returning(pathway_alarm)
    ).one_or_none()
    if changed is None:
        row = connection.execute(
            select(pathway_alarm).where(pathway_alarm.c.id == number)
        ).one_or_none()
        if row is None:
            raise KnowledgeError(f"there is no alarm {number}; see `clinical-ai pathways alarms`")
        raise KnowledgeError(f"alarm {number} was acknowledged by {row.acknowledged_by} before")
    record_event(connection, username, "alarm-acknowledged", detail=f"alarm {number}")
    return _stored(changed)


def _last(connection: Connection, who: Who, rule: str) -> StoredAlarm | None:
    row = connection.execute(
        select(pathway_alarm)
        .where(
            pathway_alarm.c.origin == who.origin,
            pathway_alarm.c.person == who.person,
            pathway_alarm.c.rule == rule,
        )
        .order_by(pathway_alarm.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _stored(row)


def _again(last: StoredAlarm, alarm: Raised) -> bool:
    """Whether something newer than an acknowledged alarm and its quiet time is there."""
    assert last.acknowledged_at is not None
    seen = datetime.fromtimestamp(last.acknowledged_at, UTC).astimezone().date()
    quiet = alarm.alarm.quiet
    until = last.newest if quiet is None else max(last.newest, quiet.after(seen))
    return alarm.newest > until


def _renew(connection: Connection, last: StoredAlarm, alarm: Raised) -> None:
    if alarm.newest > last.newest:
        connection.execute(
            update(pathway_alarm)
            .where(pathway_alarm.c.id == last.number)
            .values(newest=alarm.newest.isoformat(), body=_body(alarm))
        )


def _insert(connection: Connection, who: Who, alarm: Raised) -> int | None:
    key = {
        "origin": who.origin,
        "person": who.person,
        "rule": alarm.rule,
        "first": alarm.newest.isoformat(),
    }
    values = {
        **key,
        "newest": alarm.newest.isoformat(),
        "level": alarm.alarm.level,
        "body": _body(alarm),
        "raised_at": time.time(),
    }
    if not insert_or_ignore(connection, pathway_alarm, values):
        return None  # another process was quicker
    number: int = connection.execute(
        select(pathway_alarm.c.id).where(*(pathway_alarm.c[k] == v for k, v in key.items()))
    ).scalar_one()
    record_event(connection, SYSTEM, "alarm-raised", detail=f"alarm {number}: {alarm.rule}")
    return number


def _body(alarm: Raised) -> str:
    body = _Body(alarm.alarm.title, alarm.alarm.action, alarm.source.citation, alarm.facts)
    return _bodies.dump_json(body).decode()


def _stored(row: Row[tuple[object, ...]]) -> StoredAlarm:
    body = _bodies.validate_json(row.body)
    return StoredAlarm(
        number=row.id,
        who=Who(row.person, row.origin),
        rule=row.rule,
        level=row.level,
        first=date.fromisoformat(row.first),
        newest=date.fromisoformat(row.newest),
        title=body.title,
        action=body.action,
        citation=body.citation,
        facts=body.facts,
        raised_at=row.raised_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        note=row.note,
    )
