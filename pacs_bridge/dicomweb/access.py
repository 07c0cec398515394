"""Who may use the service: every request needs a principal with the right scope."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio
from anyio import to_thread
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from pacs_bridge.dicomweb.problem import HttpError

_PRINCIPAL = "dicomweb.principal"
MAX_FAILURES = 20
FAILURE_SECONDS = 60.0
_PAUSE_SECONDS = 1.0
_REMEMBERED = 10_000
READ_AGAIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking.

    Parameters
    ----------
    name
        For audit events; of an instance it stores it becomes the source, so at most 16
        characters are kept there.
    study_uid
        The only study it may read; None for all.
    """

    name: str
    may_read: bool = False
    may_write: bool = False
    study_uid: str | None = None


class Authenticator(Protocol):
    """Tells who is asking, from the headers of the request."""

    def authenticate(self, request: HTTPConnection) -> Principal | None:
        """Return the principal, or None if the request does not prove one; may block."""


@dataclass(frozen=True, slots=True)
class Access:
    """A study was used, for the audit trail.

    Parameters
    ----------
    action
        ``search``, ``retrieve``, ``store`` or ``refused``.
    study_uid
        None for searches over many, and refusals.
    """

    principal: str
    action: str
    study_uid: str | None


Record = Callable[[Access], None]


class Authentication:
    """ASGI middleware: 401 without a principal, 403 without the scope, 429 after many failures.

    A valid token is served even from an address with many failures: viewers share addresses
    behind a proxy, and one that holds a revoked token must not shut out the others.

    Parameters
    ----------
    authenticators
        Asked in turn; the first that knows the caller decides.
    record
        Told of refusals.
    """

    def __init__(
        self, app: ASGIApp, authenticators: Sequence[Authenticator], record: Record
    ) -> None:
        self._app = app
        self._authenticators = tuple(authenticators)
        self._failures = Failures()
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its principal, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            principal = await self._principal(HTTPConnection(scope))
            _check_scope(principal, scope)
        except HttpError as error:
            await error.response()(scope, receive, send)
            return
        await self._app({**scope, _PRINCIPAL: principal}, receive, send)

    async def _principal(self, request: HTTPConnection) -> Principal:
        for authenticator in self._authenticators:
            principal = await to_thread.run_sync(authenticator.authenticate, request)
            if principal is not None:
                return principal
        challenge = {"WWW-Authenticate": 'Bearer realm="dicomweb"'}
        if "authorization" not in request.headers:
            raise HttpError(401, "a bearer token is needed", challenge)
        address = request.client.host if request.client else ""
        count = self._failures.add(address, time.monotonic())
        if count == 1 or count == MAX_FAILURES:
            await to_thread.run_sync(self._record, Access("(unknown)", "refused", None))
        if count >= MAX_FAILURES:
            await anyio.sleep(_PAUSE_SECONDS)
            retry = {"Retry-After": str(int(FAILURE_SECONDS))}
            raise HttpError(429, "too many requests with a wrong token", retry)
        raise HttpError(401, "the token is wrong, expired or revoked", challenge)


class Failures:
    """Counts failures by address within the last `FAILURE_SECONDS`; of bounded size."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def add(self, address: str, now: float) -> int:
        """Count one failure; return how many the address had since its first in the window."""
        since, count = self._counts.pop(address, (now, 0))
        if now - since > FAILURE_SECONDS:
            since, count = now, 0
        self._counts[address] = (since, count + 1)
        if len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return count + 1


class StudyReads:
    """Records one access for each principal, study and action within ten minutes.

    A viewer asks for hundreds of frames of a study; the audit trail names the study once.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._told: OrderedDict[Access, float] = OrderedDict()

    async def tell(self, principal: Principal, action: str, study_uid: str | None) -> None:
        """Record the access if it is new; fails where the audit trail cannot be written."""
        access = Access(principal.name, action, study_uid)
        now = time.monotonic()
        told = self._told.get(access)
        if told is not None and now - told < READ_AGAIN_SECONDS:
            return
        await to_thread.run_sync(self._record, access)
        self._told.pop(access, None)
        self._told[access] = now
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)


def principal_of(scope: Scope) -> Principal:
    """Return who is asking, behind `Authentication`."""
    principal = scope[_PRINCIPAL]
    assert isinstance(principal, Principal)
    return principal


def check_study(principal: Principal, study_uid: str | None) -> None:
    """Refuse a principal that may not use this study; None means a use of all studies.

    Raises
    ------
    HttpError
        403.
    """
    if principal.study_uid is not None and principal.study_uid != study_uid:
        raise HttpError(403, "this token is for another study")


def _check_scope(principal: Principal, scope: Scope) -> None:
    writes = scope["method"] not in ("GET", "HEAD")
    if not (principal.may_write if writes else principal.may_read):
        raise HttpError(403, f"this token may not {'write' if writes else 'read'}")
