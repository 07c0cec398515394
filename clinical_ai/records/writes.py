"""Writes resources and the index of persons; in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from clinical_ai.records.blocking import person_keys
from clinical_ai.records.rows import (
    Key,
    ResourceRow,
    StoredVersion,
    demographics_from,
    person_row,
)
from clinical_ai.store.tables import (
    record_identifier,
    record_person,
    record_person_key,
    record_resource,
)


def versions_of(
    connection: Connection, origin: str, rows: Sequence[ResourceRow]
) -> dict[Key, StoredVersion]:
    """What is kept of the resources that rows are versions of; locked until the commit."""
    by_type: dict[str, list[str]] = {}
    for row in rows:
        by_type.setdefault(row.type, []).append(row.id)
    found: dict[Key, StoredVersion] = {}
    for kind, ids in by_type.items():
        found |= kept_versions(connection, origin, kind, ids)
    return found


def kept_versions(
    connection: Connection, origin: str, kind: str, ids: Sequence[str]
) -> dict[Key, StoredVersion]:
    """What is kept of resources of one type; locked until the commit."""
    c = record_resource.c
    query = (
        select(c.id, c.updated_at, c.version_id, c.digest)
        .where(c.origin == origin, c.type == kind, c.id.in_(ids))
        .with_for_update()
    )
    return {
        (kind, one.id): StoredVersion(one.updated_at, one.version_id, one.digest)
        for one in connection.execute(query)
    }


def write(connection: Connection, origin: str, rows: Sequence[ResourceRow]) -> None:
    """Add rows or replace those that are kept, but not by an older version."""
    statement = _insert(connection, record_resource)
    new, kept = statement.excluded, record_resource.c
    statement = statement.on_conflict_do_update(
        index_elements=["origin", "type", "id"],
        set_={name: new[name] for name in _REPLACED},
        # Of another writer that put the same resource first, after we looked.
        where=or_(
            kept.updated_at.is_(None),
            new.updated_at.is_(None),
            kept.updated_at <= new.updated_at,
        ),
    )
    connection.execute(
        statement,
        [
            {
                "origin": origin,
                "type": row.type,
                "id": row.id,
                "person": row.person,
                "updated_at": row.updated_at,
                "version_id": row.version_id,
                "digest": row.digest,
                "body": row.body,
            }
            for row in rows
        ],
    )


_REPLACED = ("person", "updated_at", "version_id", "digest", "body")


def write_persons(
    connection: Connection, origin: str, patients: Sequence[Mapping[str, Any]]
) -> None:
    """Bring the index of persons up to date with Patient resources."""
    if not patients:
        return
    rows = [{"origin": origin, **person_row(patient)} for patient in patients]
    for table in _OF_PERSONS:
        _forget(connection, table, origin, [row["person"] for row in rows])
    statement = _insert(connection, record_person)
    statement = statement.on_conflict_do_update(
        index_elements=["origin", "person"],
        set_={name: statement.excluded[name] for name in rows[0] if name not in _PERSON_KEY},
    )
    connection.execute(statement, rows)
    identifiers = [
        {
            "origin": origin,
            "person": row["person"],
            "position": position,
            "value": identifier.value,
            "system": identifier.system,
        }
        for row in rows
        for position, identifier in enumerate(demographics_from(row["body"]).identifiers)
    ]
    if identifiers:
        insert = _insert(connection, record_identifier).on_conflict_do_nothing()
        connection.execute(insert, identifiers)

    keys = [
        {"key": key, "origin": origin, "person": row["person"]}
        for row in rows
        for key in sorted(person_keys(demographics_from(row["body"])))
    ]
    if keys:
        connection.execute(_insert(connection, record_person_key).on_conflict_do_nothing(), keys)


_PERSON_KEY = ("origin", "person")
_OF_PERSONS = (record_identifier, record_person_key)
"""Tables with several rows for a person."""


def forget_persons(connection: Connection, origin: str, persons: Sequence[str]) -> None:
    """Take persons out of the index."""
    for table in (*_OF_PERSONS, record_person):
        _forget(connection, table, origin, persons)


def _forget(connection: Connection, table: Table, origin: str, persons: Sequence[str]) -> None:
    connection.execute(delete(table).where(table.c.origin == origin, table.c.person.in_(persons)))


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return make(table)
