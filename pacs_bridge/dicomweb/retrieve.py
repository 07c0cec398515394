"""WADO-RS: instances, metadata, frames, bulk data (PS3.18 10.4)."""

from collections.abc import Iterator
from functools import partial
from itertools import chain

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pacs_bridge.dicomweb.body import FileRange, Made, Part, Piece
from pacs_bridge.dicomweb.bulkdata import place_of, value_at
from pacs_bridge.dicomweb.framesets import FrameSource, frame_offers
from pacs_bridge.dicomweb.media import (
    DICOM,
    JSON,
    OCTETS,
    MediaRange,
    Offer,
    choose,
    instance_offers,
)
from pacs_bridge.dicomweb.problem import HttpError, not_found
from pacs_bridge.dicomweb.resources import Resource, frame_numbers
from pacs_bridge.dicomweb.service import (
    Service,
    accept_of,
    multipart,
    streamed,
    unchanged,
)
from pacs_bridge.dicomweb.transcode import can_decode, explicit_file
from pacs_bridge.images.frames import Frames, is_plain
from pacs_bridge.images.stored import PIXELS
from pacs_bridge.records import InstanceRecord

_BATCH = 16  # instances whose attributes are read in one go
_LEVELS = (
    "/studies/{study}",
    "/studies/{study}/series/{series}",
    "/studies/{study}/series/{series}/instances/{instance}",
)
_Chosen = tuple[InstanceRecord, Offer]


class Retrieve:
    """The handlers; each answers for a study, a series or an instance, as the path says."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        """Return the routes, relative to the service root."""
        instance = _LEVELS[-1]
        return [
            *(Route(path, self.instances) for path in _LEVELS),
            *(Route(f"{path}/metadata", self.metadata) for path in _LEVELS),
            Route(f"{instance}/frames/{{frames}}", self.frames),
            Route(f"{instance}/bulkdata/{{place:path}}", self.bulkdata),
        ]

    async def instances(self, request: Request) -> Response:
        """Send instances as DICOM files."""
        accept = accept_of(request)
        resource, records = await self._service.begin(request)
        chosen = _choose(accept, records, single=bool(resource.instance))
        etag = self._service.etag(request, records, *(repr(offer) for _, offer in chosen))
        known = unchanged(request, etag)
        if known is not None:
            return known
        sizes = await to_thread.run_sync(_sizes, [record for record, _ in chosen])
        if resource.instance:
            return await self._one_instance(request, *chosen[0], sizes[0], etag)
        parts = (
            Part(_content_type(offer), self._file(record, offer, size), self._url(request, record))
            for (record, offer), size in zip(chosen, sizes, strict=True)
        )
        status = 200 if len(chosen) == len(records) else 206
        return multipart(self._service, request, DICOM, parts, etag=etag, status=status)

    async def _one_instance(
        self, request: Request, record: InstanceRecord, offer: Offer, size: int, etag: str
    ) -> Response:
        pieces, length = list(self._file(record, offer, size)), None
        if offer.transfer_syntax == record.transfer_syntax_uid:
            length = size
        else:
            pieces = await self._service.checked(pieces)
        if offer.multipart:
            part = Part(_content_type(offer), pieces, self._url(request, record))
            return multipart(self._service, request, DICOM, [part], etag=etag)
        return streamed(
            self._service, request, _content_type(offer), pieces, etag=etag, length=length
        )

    def _file(self, record: InstanceRecord, offer: Offer, size: int) -> Iterator[Piece]:
        if offer.transfer_syntax == record.transfer_syntax_uid:
            yield FileRange(record.path, 0, size)
        else:
            limit = self._service.limits.max_frame_bytes
            yield from explicit_file(record, max_frame_bytes=limit)

    def _url(self, request: Request, record: InstanceRecord) -> str:
        resource = Resource(
            record.study_instance_uid, record.series_instance_uid, record.sop_instance_uid
        )
        return f"{self._service.url(request)}{resource.path}"

    async def metadata(self, request: Request) -> Response:
        """Send the attributes as JSON."""
        offer = choose(accept_of(request), (Offer(JSON), Offer("application/json")))
        _, records = await self._service.begin(request)
        etag = self._service.etag(request, records, repr(offer))
        known = unchanged(request, etag)
        if known is not None:
            return known
        batches = [records[i : i + _BATCH] for i in range(0, len(records), _BATCH)]
        urls = {record.sop_instance_uid: self._url(request, record) for record in records}
        make = partial(self._attributes, urls)
        first = await self._service.working(partial(make, batches[0]))
        rest = (piece for batch in batches[1:] for piece in (b",", Made(partial(make, batch))))
        pieces = chain((b"[", first), rest, (b"]",))
        return streamed(self._service, request, offer.media_type, pieces, etag=etag, small=True)

    def _attributes(self, urls: dict[str, str], batch: list[InstanceRecord]) -> bytes:
        return b",".join(
            self._service.attributes(record, urls[record.sop_instance_uid]) for record in batch
        )

    async def frames(self, request: Request) -> Response:
        """Send frames, as stored or decoded."""
        accept = accept_of(request)
        numbers = frame_numbers(request.path_params["frames"])
        _, (record,) = await self._service.begin(request)
        frames = await self._service.frames(record)
        if max(numbers) > len(frames):
            raise not_found(f"frame {max(numbers)} of {len(frames)}")
        return await self._frames(request, accept, record, frames, [n - 1 for n in numbers])

    async def bulkdata(self, request: Request) -> Response:
        """Send one value; of compressed pixel data each frame is a part."""
        accept = accept_of(request)
        place = place_of(request.path_params["place"])
        _, (record,) = await self._service.begin(request)
        if len(place) == 1 and place[0] in PIXELS:
            frames = await self._service.frames(record)
            if frames.pixels.tag == place[0] and not is_plain(frames):
                everything = list(range(len(frames)))
                return await self._frames(request, accept, record, frames, everything)
        offer = choose(accept, (Offer(OCTETS), Offer(OCTETS, multipart=True)))
        etag = self._service.etag(request, [record], repr(offer))
        known = unchanged(request, etag)
        if known is not None:
            return known
        piece, length = await self._service.reading(partial(value_at, record, place))
        if offer.multipart:
            part = Part(OCTETS, [piece], str(request.url.replace(query="")))
            return multipart(self._service, request, OCTETS, [part], etag=etag)
        return streamed(self._service, request, OCTETS, [piece], etag=etag, length=length)

    async def _frames(
        self,
        request: Request,
        accept: tuple[MediaRange, ...],
        record: InstanceRecord,
        frames: Frames,
        indices: list[int],
    ) -> Response:
        offer = choose(accept, frame_offers(frames, single=len(indices) == 1))
        etag = self._service.etag(request, [record], repr(offer))
        known = unchanged(request, etag)
        if known is not None:
            return known
        source = FrameSource(frames, offer, self._service.limits.max_frame_bytes)
        first = source.pieces(indices[0])
        if source.decoded:
            first = await self._service.checked(first)
        if not offer.multipart:
            return streamed(self._service, request, source.content_type, first, etag=etag)
        base = self._url(request, record)
        head = Part(source.content_type, first, f"{base}/frames/{indices[0] + 1}")
        parts = chain((head,), source.parts(indices[1:], base))
        return multipart(self._service, request, offer.media_type, parts, etag=etag)


def _choose(
    accept: tuple[MediaRange, ...], records: list[InstanceRecord], *, single: bool
) -> list[_Chosen]:
    """Choose a representation for each instance; those without an acceptable one are left out."""
    by_syntax: dict[str, Offer | HttpError] = {}
    for syntax in {record.transfer_syntax_uid for record in records}:
        offers = instance_offers(syntax, single=single, decodable=can_decode(syntax))
        try:
            by_syntax[syntax] = choose(accept, offers)
        except HttpError as error:
            by_syntax[syntax] = error
    chosen: list[_Chosen] = []
    for record in records:
        offer = by_syntax[record.transfer_syntax_uid]
        if isinstance(offer, Offer):
            chosen.append((record, offer))
    if not chosen:
        raise next(error for error in by_syntax.values() if isinstance(error, HttpError))
    return chosen


def _sizes(records: list[InstanceRecord]) -> list[int]:
    return [record.path.stat().st_size for record in records]


def _content_type(offer: Offer) -> str:
    return f"{offer.media_type}; transfer-syntax={offer.transfer_syntax}"
