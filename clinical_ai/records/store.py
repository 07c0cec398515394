"""The local store of patients' resources, and the records made of them.

Resources come from several origins: files imported here (``"local"``), and copies of what a
FHIR server answered (its name in the settings). A Patient id means something within its origin
only, so persons of two origins are two persons, whatever their ids: nothing here merges them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select

from clinical_ai.records.extract import USED_TYPES, clinical_record
from clinical_ai.records.lookup import resolve, resources_of
from clinical_ai.records.record import ClinicalRecord, Demographics
from clinical_ai.records.rows import (
    Key,
    ResourceRow,
    StoredVersion,
    demographics_from,
    fold,
    is_newer,
    resource_row,
)
from clinical_ai.records.writes import (
    forget_persons,
    kept_versions,
    versions_of,
    write,
    write_persons,
)
from clinical_ai.store.tables import (
    record_identifier,
    record_person,
    record_person_key,
    record_resource,
)
from pacs_bridge.database import writing

LOCAL = "local"
"""Origin of what is imported from files."""

_AT_ONCE = 1000
"""Resources a transaction: bounds how long a writer holds the lock of SQLite."""
_DELETED = ""
"""Digest of what its source has deleted."""


@dataclass(frozen=True, slots=True)
class RefusedResource:
    """A resource that cannot be kept: its place in what was put, from 0, and the reason."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class PutReport:
    """What became of the resources that were put.

    Parameters
    ----------
    added, replaced, unchanged, older
        How many were new, newer than the kept version, the same, and older.
    refused
        Those that cannot be kept.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    older: int = 0
    refused: tuple[RefusedResource, ...] = ()

    @property
    def kept(self) -> int:
        """How many are in the store now, as they came or newer."""
        return self.added + self.replaced + self.unchanged + self.older

    def __add__(self, other: "PutReport") -> "PutReport":
        return PutReport(
            self.added + other.added,
            self.replaced + other.replaced,
            self.unchanged + other.unchanged,
            self.older + other.older,
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """A person of the store.

    Parameters
    ----------
    person
        Id of the Patient in its origin.
    replaced_by
        Id of the Patient that the source says is to be used instead; empty where none is.
    """

    origin: str
    person: str
    demographics: Demographics
    replaced_by: str = ""


@dataclass(slots=True)
class _Counts:
    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    older: int = 0
    refused: list[RefusedResource] = field(default_factory=list)


class RecordStore:
    """Patients' resources in the database of `engine`, which must be migrated."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, resources: Iterable[Mapping[str, Any]], *, origin: str) -> PutReport:
        """Keep resources of one origin; a newer version replaces the kept one.

        The order does not matter: an older version that comes later changes nothing, and an
        Observation may come before its Patient. Putting the same again changes nothing.

        Parameters
        ----------
        resources
            Parsed JSON; any type of resource.
        origin
            Name of the source, 64 characters at most.
        """
        counts = _Counts()
        numbered = enumerate(resources)
        while chunk := list(islice(numbered, _AT_ONCE)):
            self._put_chunk(chunk, origin, counts)
        return PutReport(
            counts.added, counts.replaced, counts.unchanged, counts.older, tuple(counts.refused)
        )

    def put_within(
        self, connection: Connection, resources: Iterable[Mapping[str, Any]], *, origin: str
    ) -> PutReport:
        """Keep resources as `put` does, but in the caller's transaction."""
        counts = _Counts()
        _put_rows(connection, _rows(list(enumerate(resources)), counts), origin, counts)
        return PutReport(
            counts.added, counts.replaced, counts.unchanged, counts.older, tuple(counts.refused)
        )

    def remove(self, references: Iterable[Key], *, origin: str, at: float | None = None) -> int:
        """Note that the source has deleted resources; returns how many were kept until now.

        A deleted Patient is no longer listed or found. What is left of a resource is its key,
        so that an older version that comes later does not bring it back.

        Parameters
        ----------
        at
            When they were deleted, UTC epoch seconds: versions after that stay.
        """
        removed = 0
        with writing(self._engine) as connection:
            for kind, name in references:
                found = kept_versions(connection, origin, kind, [name]).get((kind, name))
                if found is not None and at is not None and (found.updated_at or 0.0) > at:
                    continue
                removed += found is not None and found.digest != _DELETED
                row = ResourceRow(kind, name, None, at, None, _DELETED, None)
                write(connection, origin, [row])
                if kind == "Patient":
                    forget_persons(connection, origin, [name])
        return removed

    def record(self, person: str, *, origin: str | None = None) -> ClinicalRecord | None:
        """Return the record of a person; None if there is no such Patient.

        Where the source says that another Patient replaces this one, the record is that one's,
        and holds what was said of both.

        Raises
        ------
        RecordError
            If several origins know that id and `origin` does not say which is meant.
        """
        with self._engine.connect() as connection:
            found = resolve(connection, person, origin)
            if found is None:
                return None
            resources = resources_of(connection, found, (*USED_TYPES, "Medication"))
        return clinical_record(resources, origin=found.origin, person=found.person)

    def resources(
        self, person: str, types: Sequence[str] | None = None, *, origin: str | None = None
    ) -> list[dict[str, Any]]:
        """Return a person's resources in order of type and id, of all types if None.

        With them come the Medication and Device resources that they refer to.

        Raises
        ------
        RecordError
            As `record`.
        """
        with self._engine.connect() as connection:
            found = resolve(connection, person, origin)
            return [] if found is None else resources_of(connection, found, types)

    def person(self, person: str, *, origin: str | None = None) -> StoredPerson | None:
        """Return who a person is; as `record`, but without reading the record."""
        with self._engine.connect() as connection:
            found = resolve(connection, person, origin)
            if found is None:
                return None
            row = connection.execute(
                select(record_person).where(
                    record_person.c.origin == found.origin,
                    record_person.c.person == found.person,
                )
            ).one()
            return _stored(row)

    def persons(
        self,
        *,
        origin: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int | None = None,
    ) -> list[StoredPerson]:
        """Return persons in order of origin and id, without those that another replaces.

        Parameters
        ----------
        after
            Origin and person of the last one seen, to go on from there.
        """
        query = select(record_person).where(record_person.c.replaced_by == "")
        if origin is not None:
            query = query.where(record_person.c.origin == origin)
        if after is not None:
            last_origin, last = after
            query = query.where(
                or_(
                    record_person.c.origin > last_origin,
                    (record_person.c.origin == last_origin) & (record_person.c.person > last),
                )
            )
        query = query.order_by(record_person.c.origin, record_person.c.person).limit(limit)
        with self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def find(
        self,
        *,
        identifier: str | None = None,
        birth_date: date | None = None,
        name: str | None = None,
        origin: str | None = None,
        limit: int = 100,
    ) -> list[StoredPerson]:
        """Return persons for whom all that is given holds, in order of origin and id.

        Parameters
        ----------
        identifier
            Value of one of the person's identifiers, exactly.
        name
            Words that all occur in the person's names, without regard to case and accents.
        """
        query = select(record_person).where(record_person.c.replaced_by == "")
        if identifier is not None:
            query = query.where(_has_identifier(identifier))
        if birth_date is not None:
            query = query.where(record_person.c.birth_date == birth_date.isoformat())
        for word in fold(name or "").split():
            query = query.where(record_person.c.name_folded.contains(word, autoescape=True))
        if origin is not None:
            query = query.where(record_person.c.origin == origin)
        query = query.order_by(record_person.c.origin, record_person.c.person).limit(limit)
        with self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def candidates(self, keys: Collection[str], *, origin: str | None = None) -> list[StoredPerson]:
        """Return persons that share a key of `clinical_ai.records.blocking`, in order.

        Not those that another person of their source replaces.
        """
        wanted = select(record_person_key.c.person).where(
            record_person_key.c.origin == record_person.c.origin,
            record_person_key.c.person == record_person.c.person,
            record_person_key.c.key.in_(sorted(keys)),
        )
        query = select(record_person).where(record_person.c.replaced_by == "", wanted.exists())
        if origin is not None:
            query = query.where(record_person.c.origin == origin)
        query = query.order_by(record_person.c.origin, record_person.c.person)
        with self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def counts(self, *, origin: str | None = None) -> dict[str, int]:
        """Return how many resources are kept, by type."""
        query = select(record_resource.c.type, func.count().label("n")).where(
            record_resource.c.body.is_not(None)
        )
        if origin is not None:
            query = query.where(record_resource.c.origin == origin)
        query = query.group_by(record_resource.c.type).order_by(record_resource.c.type)
        with self._engine.connect() as connection:
            return {row.type: row.n for row in connection.execute(query)}

    def without_patient(self, *, origin: str | None = None) -> int:
        """Return how many resources are about a Patient that has not come yet."""
        known = select(record_person.c.person).where(
            record_person.c.origin == record_resource.c.origin,
            record_person.c.person == record_resource.c.person,
        )
        query = select(func.count()).where(
            record_resource.c.person.is_not(None),
            record_resource.c.body.is_not(None),
            ~known.exists(),
        )
        if origin is not None:
            query = query.where(record_resource.c.origin == origin)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _put_chunk(
        self, chunk: Sequence[tuple[int, Mapping[str, Any]]], origin: str, counts: _Counts
    ) -> None:
        rows = _rows(chunk, counts)
        with writing(self._engine) as connection:
            _put_rows(connection, rows, origin, counts)


_Rows = list[tuple[ResourceRow, Mapping[str, Any]]]


def _rows(chunk: Sequence[tuple[int, Mapping[str, Any]]], counts: _Counts) -> _Rows:
    rows: _Rows = []
    for position, resource in chunk:
        row = resource_row(resource)
        if isinstance(row, str):
            counts.refused.append(RefusedResource(position, row))
        else:
            rows.append((row, resource))
    # One order for all writers, so that no two wait for each other (PostgreSQL).
    rows.sort(key=lambda pair: pair[0].key)
    return rows


def _put_rows(connection: Connection, rows: _Rows, origin: str, counts: _Counts) -> None:
    kept = versions_of(connection, origin, [row for row, _ in rows])
    new: dict[Key, tuple[ResourceRow, Mapping[str, Any]]] = {}
    for row, resource in rows:
        if _counted(row, kept.get(row.key), counts):
            kept[row.key] = StoredVersion(row.updated_at, row.version_id, row.digest)
            new[row.key] = row, resource
    if new:
        write(connection, origin, [row for row, _ in new.values()])
        patients = [r for row, r in new.values() if row.type == "Patient"]
        write_persons(connection, origin, patients)


def _counted(row: ResourceRow, old: StoredVersion | None, counts: _Counts) -> bool:
    """Count what becomes of a resource; whether it is to be written."""
    if old is None:
        counts.added += 1
        return True
    if old.digest == row.digest:
        counts.unchanged += 1
        return False
    if not is_newer(row, old):
        counts.older += 1
        return False
    counts.replaced += 1
    return True


def _has_identifier(value: str) -> ColumnElement[bool]:
    c = record_identifier.c
    return (
        select(c.value)
        .where(
            c.origin == record_person.c.origin,
            c.person == record_person.c.person,
            c.value == value,
        )
        .exists()
    )


def _stored(row: Any) -> StoredPerson:
    return StoredPerson(row.origin, row.person, demographics_from(row.body), row.replaced_by)
