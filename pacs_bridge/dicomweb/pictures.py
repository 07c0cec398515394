"""Rendered frames and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.5)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pydicom.uid import UID
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pacs_bridge.dicomweb.media import Offer, choose
from pacs_bridge.dicomweb.problem import bad_request, not_acceptable, not_found
from pacs_bridge.dicomweb.rendered import (
    JPEG,
    PNG,
    THUMBNAIL_SIDE,
    Drawing,
    Viewport,
    draw,
    drawing_of,
)
from pacs_bridge.dicomweb.resources import frame_numbers
from pacs_bridge.dicomweb.service import Service, accept_of, streamed, unchanged
from pacs_bridge.records import InstanceRecord

_OFFERS = (Offer(JPEG), Offer(PNG))
_SERIES = "/studies/{study}/series/{series}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"
_FRAME = f"{_INSTANCE}/frames/{{frames}}"


class Pictures:
    """The handlers that draw; nothing is burned into the pictures."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        """Return the routes, relative to the service root."""
        thumbnails = ("/studies/{study}", _SERIES, _INSTANCE, _FRAME)
        return [
            *(Route(f"{path}/rendered", self.rendered) for path in (_INSTANCE, _FRAME)),
            *(Route(f"{path}/thumbnail", self.thumbnail) for path in thumbnails),
        ]

    async def rendered(self, request: Request) -> Response:
        """Draw one frame; of an instance the first."""
        return await self._draw(request, drawing_of(request.query_params))

    async def thumbnail(self, request: Request) -> Response:
        """Draw a frame small; of a series or study that of the image in the middle."""
        drawing = drawing_of(request.query_params)
        if drawing.viewport is None:
            drawing = replace(drawing, viewport=Viewport(THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        return await self._draw(request, drawing)

    async def _draw(self, request: Request, drawing: Drawing) -> Response:
        offer = choose(accept_of(request), _OFFERS)
        numbers = frame_numbers(request.path_params.get("frames", "1"))
        if len(numbers) > 1:
            raise bad_request("one frame is drawn at a time")
        _, records = await self._service.begin(request)
        record = _middle(records)
        etag = self._service.etag(request, [record], offer.media_type)
        known = unchanged(request, etag)
        if known is not None:
            return known
        frames = await self._service.frames(record)
        if numbers[0] > len(frames):
            raise not_found(f"frame {numbers[0]} of {len(frames)}")
        limit = self._service.limits.max_frame_bytes
        drawn = await self._service.working(
            partial(draw, frames, numbers[0] - 1, drawing, offer.media_type, max_bytes=limit)
        )
        return streamed(
            self._service, request, offer.media_type, [drawn], etag=etag, length=len(drawn)
        )


def _middle(records: Sequence[InstanceRecord]) -> InstanceRecord:
    """Return the image in the middle of the first series that has images."""
    images = [r for r in records if len(records) == 1 or "Image" in UID(r.sop_class_uid).name]
    if not images:
        raise not_acceptable("there is no image to draw")
    series = [r for r in images if r.series_instance_uid == images[0].series_instance_uid]
    return series[len(series) // 2]
