"""Reads FHIR resources from files: bundles, NDJSON, either compressed by gzip.

Files are hostile: a line may be endless, a small file may expand without end, and any line may
be no JSON. Nothing is skipped in silence: what cannot be read is given back with its place and
the reason.
"""

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import orjson

from clinical_ai.errors import RecordError
from clinical_ai.records.elements import is_id, is_type, mapping, moment, text
from clinical_ai.records.rows import Key

NDJSON_SUFFIXES = (".ndjson", ".jsonl")
JSON_SUFFIXES = (".json",)
_SUFFIXES = tuple(s + gz for s in (*NDJSON_SUFFIXES, *JSON_SUFFIXES) for gz in ("", ".gz"))

LINE_BYTES = 16 * 2**20
"""Longest line of NDJSON; a resource with an attached document stays below it."""
DOCUMENT_BYTES = 256 * 2**20
"""Longest bundle in a file of its own, which has to be read whole."""
_EXPANSION = 200
_EXPANSION_FREE_BYTES = 64 * 2**20
"""A gzip file may expand 200-fold once it is past 64 MiB; FHIR expands 10- to 40-fold."""
_BLOCK = 2**20
_PIECE = 2**17


@dataclass(frozen=True, slots=True)
class Found:
    """A resource at its place in a file (``line 3``, ``entry 12``, ``line 3, entry 2``)."""

    place: str
    resource: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deleted:
    """A note that the source has deleted a resource.

    Parameters
    ----------
    at
        When, UTC epoch seconds; None where it does not say.
    """

    place: str
    key: Key
    at: float | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What is no resource.

    Parameters
    ----------
    body
        As it stands in the file; None where it is too long to keep.
    """

    place: str
    reason: str
    body: bytes | None


Item = Found | Deleted | Unreadable


def resource_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that paths name; folders are searched through, in order of name.

    Raises
    ------
    RecordError
        If a path does not exist, or a named file or a folder holds nothing to read.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and _readable(p))
            if not inside:
                raise RecordError(f"{path}: no file that ends in {', '.join(_SUFFIXES)}")
            found += inside
        elif not path.exists():
            raise RecordError(f"{path}: no such file or folder")
        elif not _readable(path):
            raise RecordError(f"{path.name}: not one of {', '.join(_SUFFIXES)}")
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def read_items(path: Path) -> Iterator[Item]:
    """Yield everything in a file, in its order; a history bundle from its oldest entry.

    Raises
    ------
    RecordError
        If the file cannot be read on: it is cut short, no gzip, or expands beyond measure.
        What was yielded before is good.
    """
    try:
        with _opened(path) as stream:
            if _is(path, NDJSON_SUFFIXES):
                yield from _lines(stream)
            else:
                yield from _document(stream)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RecordError(f"{path.name}: the compressed file is damaged or cut short") from error
    except OSError as error:
        raise RecordError(f"{path.name}: {error.strerror or 'cannot be read'}") from error


def _readable(path: Path) -> bool:
    return path.name.lower().endswith(_SUFFIXES)


def _is(path: Path, suffixes: Sequence[str]) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(tuple(suffixes))


def _opened(path: Path) -> IO[bytes]:
    if not path.name.lower().endswith(".gz"):
        return path.open("rb")
    return cast(IO[bytes], io.BufferedReader(_BoundedGzip(path), _PIECE))


class _BoundedGzip(io.RawIOBase):
    """Decompresses a file until it has grown beyond what FHIR does."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._limit = max(_EXPANSION_FREE_BYTES, _EXPANSION * path.stat().st_size)
        self._stream = gzip.open(path, "rb")  # noqa: SIM115 - closed by close()
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._stream.readinto(buffer)
        self._read += count
        if self._read > self._limit:
            raise RecordError(
                f"{self._name}: expands more than {_EXPANSION}-fold, which FHIR does not; "
                "unpack it yourself if you trust it"
            )
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _lines(stream: IO[bytes]) -> Iterator[Item]:
    number = 0
    while line := stream.readline(LINE_BYTES + 1):
        number += 1
        place = f"line {number}"
        if len(line) > LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = stream.readline(_BLOCK)
            yield Unreadable(place, f"longer than {LINE_BYTES // 2**20} MiB", None)
        elif not line.isspace():
            yield from _parsed(line.removeprefix(b"\xef\xbb\xbf"), place)


def _parsed(line: bytes, place: str) -> Iterator[Item]:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        yield Unreadable(place, f"not JSON: {error.msg} at column {error.colno}", line)
        return
    yield from _content(content, place, line)


def _document(stream: IO[bytes]) -> Iterator[Item]:
    """The one JSON value of a file; lines where the file is NDJSON by another name."""
    whole = stream.read(DOCUMENT_BYTES + 1)
    if len(whole) > DOCUMENT_BYTES:
        yield Unreadable(
            "whole file",
            f"longer than {DOCUMENT_BYTES // 2**20} MiB; give large files as NDJSON",
            None,
        )
        return
    whole = whole.removeprefix(b"\xef\xbb\xbf")
    try:
        content = orjson.loads(whole)
    except orjson.JSONDecodeError as error:
        if _starts_with_an_object(whole):
            yield from _lines(io.BytesIO(whole))
            return
        reason = f"not JSON: {error.msg} at column {error.colno}"
        kept = whole if len(whole) <= LINE_BYTES else None
        yield Unreadable(f"line {error.lineno}", reason, kept)
        return
    if isinstance(content, list):
        for number, one in enumerate(content, start=1):
            yield from _content(one, f"item {number}", None)
    else:
        yield from _content(content, "", whole if len(whole) <= LINE_BYTES else None)


def _starts_with_an_object(whole: bytes) -> bool:
    first, newline, _ = whole.lstrip().partition(b"\n")
    if not newline:
        return False
    try:
        return isinstance(orjson.loads(first), dict)
    except orjson.JSONDecodeError:
        return False


def _content(content: object, place: str, body: bytes | None) -> Iterator[Item]:
    if not isinstance(content, dict) or not is_type(content.get("resourceType")):
        kept = body if body is not None else _encoded(content)
        yield Unreadable(place or "whole file", "a JSON value without resourceType", kept)
    elif content["resourceType"] == "Bundle":
        yield from _bundle(content, place)
    else:
        yield Found(place or "whole file", content)


def _bundle(bundle: Mapping[str, Any], place: str) -> Iterator[Item]:
    """Entries of a bundle, their references to each other made into ``Type/id``."""
    entries = bundle.get("entry")
    if not isinstance(entries, list):
        return
    names: dict[str, str] = {}
    resources: list[dict[str, Any] | None] = []
    for entry in entries:
        resource = _identified(mapping(entry))
        resources.append(resource)
        full = text(mapping(entry).get("fullUrl"))
        if resource is not None and full.startswith("urn:"):
            names[full] = f"{resource['resourceType']}/{resource['id']}"
    numbered = list(enumerate(zip(entries, resources, strict=True), start=1))
    # FHIR R4 http.html#history: the newest version first.
    for number, (entry, resource) in (
        reversed(numbered) if bundle.get("type") == "history" else numbered
    ):
        at = f"{place}, entry {number}" if place else f"entry {number}"
        if resource is not None:
            _resolve(resource, names)
            yield Found(at, resource)
        else:
            yield from _without_resource(mapping(entry), at)


def _without_resource(entry: Mapping[str, Any], place: str) -> Iterator[Item]:
    request, response = mapping(entry.get("request")), mapping(entry.get("response"))
    if request.get("method") == "DELETE":
        parts = text(request.get("url")).strip("/").split("/")
        if len(parts) >= 2 and is_type(parts[0]) and is_id(parts[1]):
            at = moment(response.get("lastModified"))
            yield Deleted(place, (parts[0], parts[1]), None if at is None else at.timestamp())
            return
        yield Unreadable(place, "a deletion that names no resource", _encoded(entry))
        return
    if text(mapping(entry.get("search")).get("mode")) == "outcome":
        return
    if "resource" in entry or not response:
        yield Unreadable(place, "an entry without a resource that has type and id", _encoded(entry))


def _identified(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """The resource of an entry, with an id: its own, or that of the entry's URL.

    What a transaction creates (POST) goes by the URL of its entry, whatever id it carries
    (FHIR R4 http.html#trules).
    """
    resource = entry.get("resource")
    if not isinstance(resource, dict) or not is_type(resource.get("resourceType")):
        return None
    if mapping(entry.get("search")).get("mode") == "outcome":
        return None
    full = text(entry.get("fullUrl"))
    of_url = full.rpartition(":" if full.startswith("urn:") else "/")[2]
    created = mapping(entry.get("request")).get("method") == "POST"
    own = resource.get("id")
    if is_id(of_url) and (not is_id(own) or (created and full.startswith("urn:"))):
        resource["id"] = of_url
    return resource if is_id(resource.get("id")) else None


def _resolve(resource: dict[str, Any], names: Mapping[str, str]) -> None:
    """Put ``Type/id`` wherever the resource refers to an entry of the bundle by its URL."""
    waiting: list[Any] = [resource]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            written = node.get("reference")
            if isinstance(written, str) and written in names:
                node["reference"] = names[written]
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _encoded(content: object) -> bytes | None:
    try:
        return orjson.dumps(content)
    except TypeError:
        return None
