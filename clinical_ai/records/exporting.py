"""Writes patients' resources as NDJSON, to be read by `importing` or any FHIR tool."""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import orjson
from sqlalchemy import Engine

from clinical_ai.errors import RecordError
from clinical_ai.records.store import RecordStore, StoredPerson

_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Exported:
    """How many persons and resources were written."""

    persons: int
    resources: int


def export_records(
    engine: Engine, to: Path, *, persons: Sequence[str] | None = None, origin: str | None = None
) -> Exported:
    """Write the resources of persons, or of everybody, to a file that does not exist yet.

    Raises
    ------
    RecordError
        If the file exists or cannot be written, or a person is not known.
    """
    if not to.name.lower().endswith((".ndjson", ".ndjson.gz")):
        raise RecordError(f"{to.name}: the name must end in .ndjson or .ndjson.gz")
    store = RecordStore(engine)
    written = people = 0
    try:
        with _created(to) as stream:
            for one in _chosen(store, persons, origin):
                people += 1
                for resource in store.resources(one.person, origin=one.origin):
                    stream.write(orjson.dumps(resource) + b"\n")
                    written += 1
    except FileExistsError as error:
        raise RecordError(f"{to}: exists already; give another name") from error
    except OSError as error:
        raise RecordError(f"{to}: {error.strerror or 'cannot be written'}") from error
    return Exported(people, written)


def _created(to: Path) -> AbstractContextManager[IO[bytes]]:
    if to.suffix.lower() == ".gz":
        return cast(AbstractContextManager[IO[bytes]], gzip.open(to, "xb"))
    return to.open("xb")


def _chosen(
    store: RecordStore, persons: Sequence[str] | None, origin: str | None
) -> Iterator[StoredPerson]:
    if persons is not None:
        for name in persons:
            found = store.person(name, origin=origin)
            if found is None:
                raise RecordError(f"no patient {name!r}; nothing of them was written")
            yield found
        return
    last: tuple[str, str] | None = None
    while page := store.persons(origin=origin, after=last, limit=_AT_ONCE):
        yield from page
        last = (page[-1].origin, page[-1].person)
