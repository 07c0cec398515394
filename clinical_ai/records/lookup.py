"""Finds whose record is meant, and the resources that make it up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, select

from clinical_ai.errors import RecordError
from clinical_ai.records.elements import mappings, reference
from clinical_ai.records.rows import Key
from clinical_ai.store.tables import record_person, record_resource

_IDS_AT_ONCE = 500
_LONGEST_CHAIN = 50
"""Patients replaced by each other; more is a fault of the source."""
_REFERRED = frozenset({"Medication", "Device"})
"""Types that belong to the record of whoever's resources refer to them."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whose record is meant: the Patient to be used, and all that it stands in for."""

    origin: str
    person: str
    same: tuple[str, ...]


def resolve(connection: Connection, person: str, origin: str | None) -> Resolved | None:
    """Find the Patient that is meant, by way of those that replace it; None if there is none.

    Raises
    ------
    RecordError
        If several origins know that id and `origin` is None.
    """
    c = record_person.c
    query = select(c.origin, c.replaced_by).where(c.person == person)
    if origin is not None:
        query = query.where(c.origin == origin)
    rows = connection.execute(query.order_by(c.origin)).all()
    if not rows:
        return None
    if len(rows) > 1:
        raise RecordError(
            f"{len(rows)} origins know a Patient of that id ({', '.join(r.origin for r in rows)}); "
            "say which one is meant"
        )
    where, other = rows[0]
    seen = [person]
    while other and other not in seen and len(seen) < _LONGEST_CHAIN:
        row = connection.execute(
            select(c.replaced_by).where(c.origin == where, c.person == other)
        ).one_or_none()
        if row is None:
            break
        seen.append(other)
        other = row.replaced_by
    return Resolved(where, seen[-1], _stand_in_for(connection, where, seen))


def _stand_in_for(connection: Connection, origin: str, persons: Sequence[str]) -> tuple[str, ...]:
    c = record_person.c
    found = dict.fromkeys(persons)
    waiting = list(persons)
    while waiting and len(found) < _LONGEST_CHAIN:
        rows = connection.execute(
            select(c.person).where(c.origin == origin, c.replaced_by.in_(waiting))
        ).scalars()
        waiting = [name for name in rows if name not in found]
        found |= dict.fromkeys(waiting)
    return tuple(found)


def resources_of(
    connection: Connection, who: Resolved, types: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Return resources of the types, in order of type and id, and then those they refer to."""
    c = record_resource.c
    query = select(c.type, c.id, c.body).where(
        c.origin == who.origin, c.person.in_(who.same), c.body.is_not(None)
    )
    if types is not None:
        query = query.where(c.type.in_(types))
    # Not ORDER BY: SQLite would then walk the primary key, through everybody's resources.
    rows = sorted(connection.execute(query), key=lambda row: (row.type, row.id))
    resources: list[dict[str, Any]] = [orjson.loads(row.body) for row in rows]
    wanted = {key for key in _referred(resources) if types is None or key[0] in types}
    return resources + list(_of_keys(connection, who.origin, sorted(wanted)))


def _referred(resources: Iterable[Mapping[str, Any]]) -> set[Key]:
    """Medication and Device resources that these refer to."""
    found = set()
    for resource in resources:
        for name in ("medicationReference", "device"):
            for one in mappings(resource.get(name)):
                key = reference(one)
                if key is not None and key[0] in _REFERRED:
                    found.add(key)
    return found


def _of_keys(connection: Connection, origin: str, keys: Sequence[Key]) -> Iterator[dict[str, Any]]:
    c = record_resource.c
    for kind in sorted({kind for kind, _ in keys}):
        ids = [name for found, name in keys if found == kind]
        for start in range(0, len(ids), _IDS_AT_ONCE):
            query = select(c.body).where(
                c.origin == origin,
                c.type == kind,
                c.id.in_(ids[start : start + _IDS_AT_ONCE]),
                c.body.is_not(None),
            )
            for body in connection.execute(query.order_by(c.id)).scalars():
                yield orjson.loads(body)
