"""The service as an ASGI application, to be mounted under a path or served alone."""

import time
from collections.abc import Sequence
from urllib.parse import quote

import anyio
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pacs_bridge.archive import Archive
from pacs_bridge.dicomweb.access import Authentication, Authenticator, Record
from pacs_bridge.dicomweb.limits import Limits
from pacs_bridge.dicomweb.pictures import Pictures
from pacs_bridge.dicomweb.problem import HttpError, answer_framework_error, answer_http_error
from pacs_bridge.dicomweb.retrieve import Retrieve
from pacs_bridge.dicomweb.search import Search
from pacs_bridge.dicomweb.service import Service
from pacs_bridge.dicomweb.store import Store
from pacs_bridge.tracebacks import place_of

_log = structlog.get_logger(__name__)

_LONGEST_PATH = 500  # characters, in the log; three UIDs and the words between have 250


def dicomweb_app(
    archive: Archive,
    authenticators: Sequence[Authenticator],
    record: Record,
    *,
    limits: Limits | None = None,
    public_url: str = "",
) -> Starlette:
    """Return the service over an archive; its root is ``/``.

    Parameters
    ----------
    authenticators
        Tell who is asking; without one that knows the caller a request is refused.
    record
        Called in a thread for each use of a study, for the audit trail; where it fails, so
        does the request.
    public_url
        URL of the service root as clients have it; empty takes it from the header Host.
    """
    limits = limits or Limits()
    service = Service(archive, record, limits, public_url)
    handlers = (Retrieve(service), Pictures(service), Search(service), Store(service))
    return Starlette(
        routes=[route for handler in handlers for route in handler.routes()],
        middleware=[
            Middleware(Guard),
            Middleware(SlowClients, seconds=limits.stall_seconds),
            Middleware(Authentication, authenticators=authenticators, record=record),
        ],
        exception_handlers={
            HttpError: answer_http_error,
            HTTPException: answer_framework_error,
        },
    )


class Guard:
    """ASGI middleware: the last word on errors, and one line of log for each request.

    Messages of unforeseen errors may quote a data set, so only their kind and place is
    logged; the query, which may name a patient, never is.

    Parameters
    ----------
    name
        Begins the names of the log's events.
    """

    def __init__(self, app: ASGIApp, name: str = "dicomweb") -> None:
        self._app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 500 where it fails before an answer has begun."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = 0, time.monotonic()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - logged without its message, see above
            gone = _is_unavailable(error)
            event = f"{self._name}.{'unavailable' if gone else 'failed'}"
            _log.error(event, error=type(error).__name__, at=place_of(error))
            await _apologise(0 if status else 503 if gone else 500, scope, receive, send)
        finally:
            log = _log.debug if 200 <= status < 400 else _log.info
            log(
                f"{self._name}.request",
                method=scope["method"],
                # Quoted: it may hold control characters.
                path=quote(scope["path"][:_LONGEST_PATH], errors="replace"),
                status=status,
                seconds=round(time.monotonic() - begun, 3),
            )


class SlowClients:
    """ASGI middleware that gives up on a client which takes nothing for a while.

    What a handler would send next is not read from disk before, so little memory is held.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a deadline for each message that is sent."""

        async def send_in_time(message: Message) -> None:
            with anyio.fail_after(self._seconds):
                await send(message)

        await self._app(scope, receive, send_in_time)


def _is_unavailable(error: BaseException) -> bool:
    """Whether an error, and all that a group of errors holds, is of disk or database."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_unavailable, error.exceptions))
    return isinstance(error, OSError | SQLAlchemyError)


async def _apologise(status: int, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with `status`; 0 where an answer has begun, which is then broken off."""
    if status:
        await HttpError(status, "the request could not be carried out").response()(
            scope, receive, send
        )
