"""What the handlers share: archive, limits, threads for work, what is kept in memory."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import partial
from typing import TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from pacs_bridge.archive import Archive
from pacs_bridge.dicomweb.access import Record, StudyReads, check_study, principal_of
from pacs_bridge.dicomweb.body import Boundary, Made, Part, Piece, stream
from pacs_bridge.dicomweb.cache import Kept
from pacs_bridge.dicomweb.limits import Limits
from pacs_bridge.dicomweb.media import MediaRange, parse_accept
from pacs_bridge.dicomweb.metadata import json_of
from pacs_bridge.dicomweb.problem import HttpError, not_acceptable
from pacs_bridge.dicomweb.resources import Resource, find_instances, resource_of
from pacs_bridge.errors import EncodingError
from pacs_bridge.images.frames import Frames, find_frames
from pacs_bridge.images.stored import read_stored
from pacs_bridge.records import InstanceRecord

_Result = TypeVar("_Result")
_KEPT_FRAMES = 500_000  # fragments; a range costs about 100 bytes


class Service:
    """One DICOMweb service over one archive.

    Parameters
    ----------
    record
        Told of each use of a study; see `pacs_bridge.dicomweb.access.StudyReads`.
    public_url
        URL of the service root as clients have it; empty takes it from the header Host.
    """

    def __init__(
        self, archive: Archive, record: Record, limits: Limits, public_url: str = ""
    ) -> None:
        self.archive = archive
        self._public_url = public_url.rstrip("/")
        self.limits = limits
        self.reads = StudyReads(record)
        self.work = CapacityLimiter(limits.decoders)
        self._frames: Kept[Frames] = Kept(_KEPT_FRAMES, lambda frames: 1 + len(frames.fragments))
        self._json: Kept[bytes] = Kept(limits.metadata_cache_bytes, len)

    def url(self, request: Request) -> str:
        """Return the URL of the service root, without a slash at the end."""
        if self._public_url:
            return self._public_url
        root = request.scope.get("root_path", "")
        return f"{request.url.scheme}://{request.url.netloc}{root}".rstrip("/")

    def etag(
        self, request: Request, records: Iterable[InstanceRecord], *representation: str
    ) -> str:
        """Return the entity tag of a representation; an instance never changes under its digest."""
        digest = hashlib.sha256()
        for record in records:
            digest.update(record.sha256.encode())
        for text in (request.url.path, request.url.query, self.url(request), *representation):
            digest.update(b"\0" + text.encode("utf-8", "replace"))
        return f'"{digest.hexdigest()[:32]}"'

    async def begin(self, request: Request) -> tuple[Resource, list[InstanceRecord]]:
        """Return the resource asked for and its instances, once the caller may have them.

        Raises
        ------
        HttpError
            400, 403 or 404.
        """
        resource = resource_of(request.path_params)
        principal = principal_of(request.scope)
        check_study(principal, resource.study)
        records = await to_thread.run_sync(find_instances, self.archive, resource)
        await self.reads.tell(principal, "retrieve", resource.study)
        return resource, records

    async def working(self, make: Callable[[], _Result]) -> _Result:
        """Run work for the processor in a thread, a few at a time.

        Raises
        ------
        HttpError
            503 where too many wait already; 406 where the file does not allow it.
        """
        if self.work.statistics().tasks_waiting >= self.limits.waiting:
            raise HttpError(503, "too many pictures are being made", {"Retry-After": "1"})
        try:
            return await to_thread.run_sync(make, limiter=self.work)
        except EncodingError as error:
            raise not_acceptable(str(error)) from error

    async def reading(self, read: Callable[[], _Result]) -> _Result:
        """Run a look into a file in a thread.

        Raises
        ------
        HttpError
            406 where the file does not allow it.
        """
        try:
            return await to_thread.run_sync(read)
        except EncodingError as error:
            raise not_acceptable(str(error)) from error

    async def checked(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Make the first piece that costs work now, while the answer can still be an error.

        Raises
        ------
        HttpError
            As `working`.
        """
        known = await self.working(lambda: list(pieces))
        for i, piece in enumerate(known):
            if isinstance(piece, Made):
                known[i] = await self.working(piece.make)
                break
        return known

    async def frames(self, record: InstanceRecord) -> Frames:
        """Return where the frames of an instance lie.

        Raises
        ------
        HttpError
            406 where it has none, or they cannot be told apart.
        """
        make = partial(_find_frames, record)
        return await self.reading(partial(self._frames.get, record.sha256, make))

    def attributes(self, record: InstanceRecord, base_url: str) -> bytes:
        """Return the attributes of an instance as JSON; blocks."""
        key = f"{record.sha256} {base_url}"
        return self._json.get(key, lambda: json_of(record.path, base_url))


def _find_frames(record: InstanceRecord) -> Frames:
    return find_frames(read_stored(record.path))


def accept_of(request: Request) -> tuple[MediaRange, ...]:
    """Return what the client accepts: query parameter ``accept`` or the header (PS3.18 8.3.3.1).

    Raises
    ------
    HttpError
        400 where it is malformed.
    """
    header = request.query_params.get("accept") or ", ".join(request.headers.getlist("accept"))
    return parse_accept(header)


def unchanged(request: Request, etag: str) -> Response | None:
    """Return 304 if the client has the representation already (RFC 9110 13.1.2)."""
    known = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    if etag not in tags and known.strip() != "*":
        return None
    return Response(status_code=304, headers=_cache_headers(etag))


def streamed(
    service: Service,
    request: Request,
    media_type: str,
    pieces: Iterable[Piece],
    *,
    etag: str,
    length: int | None = None,
    status: int = 200,
    small: bool = False,
) -> Response:
    """Return an answer that is read as it is sent.

    Parameters
    ----------
    length
        Of the body, if it is known.
    small
        Text, which a server around us may compress; pixels hardly shrink, and compressing
        them costs more than sending them.
    """
    headers = _cache_headers(etag)
    if not small:
        headers["Content-Encoding"] = "identity"
    if length is not None:
        headers["Content-Length"] = str(length)
    body = stream(() if request.method == "HEAD" else pieces, service.work)
    return _ClosingResponse(body, status, headers, media_type)


def multipart(
    service: Service,
    request: Request,
    media_type: str,
    parts: Iterable[Part],
    *,
    etag: str,
    status: int = 200,
) -> Response:
    """Return a multipart/related answer that is read as it is sent."""
    boundary = Boundary()
    content_type = boundary.content_type(media_type)
    return streamed(
        service, request, content_type, boundary.pieces(parts), etag=etag, status=status
    )


def _cache_headers(etag: str) -> dict[str, str]:
    # May be kept by the browser of this user, asked for again each time: rights may end.
    return {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization",
    }


class _ClosingResponse(StreamingResponse):
    """Closes its body, and so the file it reads, also when the client went away in the middle."""

    async def stream_response(self, send: Send) -> None:
        """Send the body."""
        try:
            await super().stream_response(send)
        finally:
            if isinstance(self.body_iterator, AsyncGenerator):
                with CancelScope(shield=True):
                    await self.body_iterator.aclose()
