"""Imports files of FHIR resources into the local store; again and interrupted without harm.

What is put twice changes nothing, so an import that was cut off is simply started again: files
that were imported whole are passed over, the others are read from their beginning.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal

import orjson
from sqlalchemy import Engine, delete, insert, select

from clinical_ai.errors import RecordError
from clinical_ai.records.files import Deleted, Found, Item, Unreadable, read_items, resource_files
from clinical_ai.records.store import LOCAL, PutReport, RecordStore
from clinical_ai.store.tables import record_import, record_refused
from pacs_bridge.database import insert_or_ignore, writing

_AT_ONCE = 1000
_MOST_REFUSED = 10_000
"""A file with more is no FHIR, and would only fill the database."""

_ORIGIN = re.compile(r"[A-Za-z0-9._-]{1,64}")

FileState = Literal["imported", "imported before", "failed"]


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file.

    Parameters
    ----------
    refused
        How many of its lines or entries could not be used; they are kept with the reason.
    reason
        Why it failed; empty otherwise.
    """

    name: str
    state: FileState
    put: PutReport = field(default_factory=PutReport)
    deleted: int = 0
    refused: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line or entry that could not be used."""

    name: str
    place: str
    reason: str
    refused_at: float


@dataclass(frozen=True, slots=True)
class _RefusedItem:
    place: str
    reason: str
    body: bytes | None


def import_files(
    engine: Engine,
    paths: Sequence[Path],
    *,
    origin: str = LOCAL,
    again: bool = False,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Iterator[FileReport]:
    """Import files and folders of bundles and NDJSON, and yield the report of each file.

    Parameters
    ----------
    origin
        Name under which the resources are kept.
    again
        Read also files that were imported whole before.
    progress
        Called with the file in hand, how many files are done and how many there are.

    Raises
    ------
    RecordError
        If a path names nothing that can be read, or `origin` is no name. A file that fails is
        reported, and the others are imported.
    """
    if _ORIGIN.fullmatch(origin) is None:
        raise RecordError(f"origin {origin!r}: use 1 to 64 letters, digits, dots, - or _")
    files = resource_files(paths)
    for done, path in enumerate(files):
        progress(path.name, done, len(files))
        yield _import_file(engine, path, origin, again)
    progress("", len(files), len(files))


def refused_items(engine: Engine, *, limit: int = 200) -> list[Refused]:
    """Return the newest lines and entries that could not be used."""
    c = record_refused.c
    query = select(c.name, c.place, c.reason, c.refused_at).order_by(c.id.desc()).limit(limit)
    with engine.connect() as connection:
        return [Refused(*row) for row in connection.execute(query)]


def _import_file(engine: Engine, path: Path, origin: str, again: bool) -> FileReport:
    try:
        sha256 = _digest(path)
    except OSError as error:
        return FileReport(path.name, "failed", reason=error.strerror or "cannot be read")
    if not again and _known(engine, origin, sha256):
        return FileReport(path.name, "imported before")
    run = _FileImport(engine, path.name, origin, sha256)
    try:
        run.take(read_items(path))
    except RecordError as error:
        return replace(run.report, state="failed", reason=str(error).removeprefix(f"{path.name}: "))
    run.finish()
    return run.report


class _FileImport:
    """One file on its way into the store."""

    def __init__(self, engine: Engine, name: str, origin: str, sha256: str) -> None:
        self._engine, self._store = engine, RecordStore(engine)
        self._origin, self._sha256 = origin, sha256
        self.report = FileReport(name, "imported")
        with writing(engine) as connection:
            connection.execute(
                delete(record_refused).where(
                    record_refused.c.origin == origin, record_refused.c.sha256 == sha256
                )
            )

    def take(self, items: Iterator[Item]) -> None:
        """Put everything, in the file's order where it matters: a deletion after what it ends."""
        while chunk := list(islice(items, _AT_ONCE)):
            waiting: list[Found] = []
            refused: list[_RefusedItem] = []
            for item in chunk:
                match item:
                    case Found():
                        waiting.append(item)
                    case Deleted():
                        self._put(waiting, refused)
                        waiting = []
                        self._delete(item)
                    case Unreadable():
                        refused.append(_RefusedItem(item.place, item.reason, item.body))
            self._put(waiting, refused)
            self._keep(refused)

    def finish(self) -> None:
        """Note that the file was read to its end."""
        with writing(self._engine) as connection:
            insert_or_ignore(
                connection,
                record_import,
                {
                    "origin": self._origin,
                    "sha256": self._sha256,
                    "name": self.report.name,
                    "resources": self.report.put.kept,
                    "refused": self.report.refused,
                    "finished_at": time.time(),
                },
            )

    def _put(self, found: Sequence[Found], refused: list[_RefusedItem]) -> None:
        if not found:
            return
        put = self._store.put((one.resource for one in found), origin=self._origin)
        for no in put.refused:
            one = found[no.position]
            refused.append(_RefusedItem(one.place, no.reason, _text_of(one)))
        self.report = replace(self.report, put=self.report.put + replace(put, refused=()))

    def _delete(self, deleted: Deleted) -> None:
        count = self._store.remove([deleted.key], origin=self._origin, at=deleted.at)
        self.report = replace(self.report, deleted=self.report.deleted + count)

    def _keep(self, refused: Iterable[_RefusedItem]) -> None:
        rows: list[dict[str, object]] = [
            {
                "origin": self._origin,
                "sha256": self._sha256,
                "name": self.report.name,
                "place": one.place,
                "reason": one.reason,
                "body": one.body,
                "refused_at": time.time(),
            }
            for one in refused
        ]
        if not rows:
            return
        self.report = replace(self.report, refused=self.report.refused + len(rows))
        with writing(self._engine) as connection:
            connection.execute(insert(record_refused), rows)
        if self.report.refused > _MOST_REFUSED:
            raise RecordError(
                f"more than {_MOST_REFUSED} lines cannot be used; is it FHIR? "
                "see clinical-ai records refused"
            )


def _text_of(found: Found) -> bytes | None:
    try:
        return orjson.dumps(found.resource)
    except TypeError:
        return None


def _known(engine: Engine, origin: str, sha256: str) -> bool:
    c = record_import.c
    query = select(c.sha256).where(c.origin == origin, c.sha256 == sha256)
    with engine.connect() as connection:
        return connection.execute(query).first() is not None


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
