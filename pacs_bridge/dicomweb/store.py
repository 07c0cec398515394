"""STOW-RS: take instances into the archive (PS3.18 10.5)."""

from collections.abc import AsyncIterator
from http import HTTPStatus

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.abc import TaskGroup
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pacs_bridge import status
from pacs_bridge.dicomweb.access import Principal, check_study, principal_of
from pacs_bridge.dicomweb.media import DICOM, JSON, Offer, choose, parse_content_type
from pacs_bridge.dicomweb.metadata import Json, encoded
from pacs_bridge.dicomweb.problem import HttpError, bad_request
from pacs_bridge.dicomweb.receipt import Outcome, Receipt
from pacs_bridge.dicomweb.resources import Resource, resource_of
from pacs_bridge.dicomweb.service import Service, accept_of
from pacs_bridge.dicomweb.upload import PartBegins, PartEnds, Single, Splitter, splitter_for

_WRITE_BYTES = 256 * 1024
_ADMISSIONS = 8  # instances of one request that are archived at once
_SOURCE_CHARACTERS = 16  # of an AE title, which the file meta information has room for


class Store:
    """The handler of both store resources."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._uploads = CapacityLimiter(service.limits.uploads)

    def routes(self) -> list[Route]:
        """Return the routes, relative to the service root."""
        paths = ("/studies", "/studies/{study}")
        return [Route(path, self.store, methods=["POST"]) for path in paths]

    async def store(self, request: Request) -> Response:
        """Take the instances of the body, one after the other."""
        offer = choose(accept_of(request), (Offer(JSON), Offer("application/json")))
        principal = principal_of(request.scope)
        study = resource_of(request.path_params).study if "study" in request.path_params else None
        check_study(principal, study)
        splitter = splitter_for(request.headers.get("content-type", ""))
        self._check_length(request)
        if self._uploads.available_tokens < 1:
            raise HttpError(503, "too many uploads at once", {"Retry-After": "5"})
        async with self._uploads, anyio.create_task_group() as admissions:
            transfer = _Transfer(self._service, principal, study, admissions)
            error = await self._receive(request, splitter, transfer)
        if error is not None and not transfer.outcomes:
            raise error
        for uid in dict.fromkeys(o.study_uid for o in transfer.outcomes if o.study_uid):
            await self._service.reads.tell(principal, "store", uid)
        code = error.status if error is not None else 0
        return _answer(transfer.outcomes, self._service.url(request), offer.media_type, code)

    async def _receive(
        self, request: Request, splitter: Splitter | Single, transfer: "_Transfer"
    ) -> HttpError | None:
        """Take the body; returns what broke it off, if something did."""
        try:
            async for chunk in self._chunks(request):
                for event in splitter.feed(chunk):
                    await transfer.take(event)
            splitter.close()
            await transfer.end()
        except HttpError as error:
            return error
        except ClientDisconnect:  # nobody is there to read the answer
            return bad_request("the body ends early")
        finally:
            with anyio.CancelScope(shield=True):
                await transfer.discard()
        return None

    def _check_length(self, request: Request) -> None:
        length = request.headers.get("content-length", "0")
        limit = self._service.limits.max_request_bytes
        if length.isdigit() and int(length) > limit:
            raise HttpError(413, f"a request may have {limit} bytes; send fewer instances at once")

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        limits = self._service.limits
        left = limits.max_request_bytes
        stream = request.stream()
        while True:
            try:
                with anyio.fail_after(limits.stall_seconds):
                    chunk = await anext(stream, None)
            except TimeoutError as error:
                raise HttpError(408, "the body does not come on") from error
            if chunk is None:
                return
            left -= len(chunk)
            if left < 0:
                raise HttpError(
                    413,
                    f"a request may have {limits.max_request_bytes} bytes; send fewer "
                    "instances at once",
                )
            yield chunk


class _Transfer:
    """The instances of one request.

    While one is received, those before it are archived, which waits for the disk: several at
    once share its commits.
    """

    def __init__(
        self, service: Service, principal: Principal, study: str | None, admissions: TaskGroup
    ) -> None:
        self._service = service
        self._source = principal.name[:_SOURCE_CHARACTERS]
        self._study = study
        self._admissions = admissions
        self._places = CapacityLimiter(_ADMISSIONS)
        self._receipt: Receipt | None = None
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._found: list[Outcome | None] = []

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of the instances, in order, once all admissions are over."""
        return [outcome for outcome in self._found if outcome is not None]

    async def take(self, event: PartBegins | bytes | PartEnds) -> None:
        """Handle the next event of the body."""
        match event:
            case PartBegins():
                self._begin(event)
            case PartEnds():
                await self.end()
            case _ if self._receipt is not None:
                self._pending.append(event)
                self._pending_bytes += len(event)
                if self._pending_bytes >= _WRITE_BYTES:
                    await self._write()

    async def end(self) -> None:
        """Have the instance archived that is whole now, if there is one."""
        if self._receipt is None:
            return
        await self._write()
        receipt, self._receipt = self._receipt, None
        place = len(self._found)
        self._found.append(None)
        borrower = object()
        await self._places.acquire_on_behalf_of(borrower)
        self._admissions.start_soon(self._admit, receipt, place, borrower)

    async def _admit(self, receipt: Receipt, place: int, borrower: object) -> None:
        try:
            self._found[place] = await to_thread.run_sync(receipt.finish)
        finally:
            self._places.release_on_behalf_of(borrower)

    async def discard(self) -> None:
        """Forget an instance that did not come whole."""
        if self._receipt is not None:
            await to_thread.run_sync(self._receipt.discard)
            self._receipt = None

    def _begin(self, event: PartBegins) -> None:
        limits = self._service.limits
        if len(self._found) >= limits.max_parts:
            raise HttpError(413, f"a request may have {limits.max_parts} instances")
        if event.content_type and parse_content_type(event.content_type)[0] != DICOM:
            self._found.append(Outcome(status.CANNOT_UNDERSTAND))
            return
        self._receipt = Receipt(
            self._service.archive,
            source=self._source,
            study_uid=self._study,
            max_bytes=limits.max_part_bytes,
        )

    async def _write(self) -> None:
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        if pending and self._receipt is not None:
            await to_thread.run_sync(self._receipt.write, pending)


def _answer(outcomes: list[Outcome], url: str, media_type: str, broken: int) -> Response:
    """Return the store instances response (PS3.18 10.5.3, table I.2-1).

    Parameters
    ----------
    broken
        Status of an error that ended the body early; 0 where none did.
    """
    if not outcomes:
        raise bad_request("the body has no instance")
    stored = [outcome for outcome in outcomes if outcome.status == status.SUCCESS]
    failed = [outcome for outcome in outcomes if outcome.status != status.SUCCESS]
    members: Json = {}
    studies = {outcome.study_uid for outcome in stored}
    if len(studies) == 1:
        members["00081190"] = _element("UR", f"{url}{Resource(studies.pop()).path}")
    for tag, items in (
        ("00081198", [_failed(o) for o in failed if o.sop_instance_uid]),
        ("00081199", [_referenced(o, url) for o in stored]),
        ("0008119A", [_failed(o) for o in failed if not o.sop_instance_uid]),
    ):
        if items:
            members[tag] = {"vr": "SQ", "Value": items}
    code = broken or _code(stored, failed)
    headers = {"Cache-Control": "no-store"}
    if code == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "60"
    return Response(encoded(members), code, headers, media_type)


def _code(stored: list[Outcome], failed: list[Outcome]) -> int:
    if not failed:
        return 200
    if stored:
        return 202
    if all(outcome.status == status.OUT_OF_RESOURCES for outcome in failed):
        return 503
    return 409


def _referenced(outcome: Outcome, url: str) -> Json:
    resource = Resource(outcome.study_uid, outcome.series_uid, outcome.sop_instance_uid)
    return {
        "00081150": _element("UI", outcome.sop_class_uid),
        "00081155": _element("UI", outcome.sop_instance_uid),
        "00081190": _element("UR", f"{url}{resource.path}"),
    }


def _failed(outcome: Outcome) -> Json:
    members = {"00081197": _element("US", outcome.status)}
    if outcome.sop_instance_uid:
        members["00081155"] = _element("UI", outcome.sop_instance_uid)
    if outcome.sop_class_uid:
        members["00081150"] = _element("UI", outcome.sop_class_uid)
    return {key: members[key] for key in sorted(members)}


def _element(vr: str, value: str | int) -> Json:
    return {"vr": vr, "Value": [value]}
