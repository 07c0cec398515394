"""Who may call decision support: systems that sign a JWT for each call, or hold a token.

CDS Hooks 2.0, "Trusting CDS Clients": the client sends ``Authorization: Bearer`` with a JWT
signed by an asymmetric key; ``iss`` is on the allow list, ``aud`` is the address called, and
``jti`` is used once. Signing algorithms: RFC 7518.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import jwt
import structlog
from anyio import to_thread
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from clinical_ai.cds_settings import CdsClientSettings
from clinical_ai.errors import SettingsError
from pacs_bridge.dicomweb.access import (
    FAILURE_SECONDS,
    MAX_FAILURES,
    Authenticator,
    Failures,
    Principal,
)
from pacs_bridge.dicomweb.problem import HttpError

_log = structlog.get_logger(__name__)

ALGORITHMS = ("ES384", "RS384", "ES256", "RS256", "ES512", "RS512", "PS256", "PS384", "PS512")
"""Asymmetric ones only; the specification names ES384 and RS384."""
_FAMILIES = {"EC": ("ES",), "RSA": ("RS", "PS")}
MAX_LIFETIME_SECONDS = 3600.0
LEEWAY_SECONDS = 30.0
_MAX_TOKEN = 8192  # characters
_MAX_JTI = 256
_REMEMBERED = 100_000
_KEYS_SECONDS = 3600.0
_REFETCH_SECONDS = 30.0
_MAX_KEYS_BYTES = 1024 * 1024
_BEARER = "bearer "
_PRINCIPAL = "cds.principal"
_PAUSE_SECONDS = 1.0


class ReplayCache:
    """Remembers identifiers of tokens until the tokens expire; of bounded size.

    Each process has its own: two servers behind one address would each take a token once.
    """

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._size = size
        self._lock = threading.Lock()

    def first_use(self, issuer: str, identifier: str, expires: float, now: float) -> bool:
        """Note a use; False when it is not the first, or nothing more can be remembered."""
        with self._lock:
            if self._seen.get((issuer, identifier), 0.0) > now:
                return False
            if len(self._seen) >= self._size:
                self._seen = OrderedDict((k, e) for k, e in self._seen.items() if e > now)
            if len(self._seen) >= self._size:
                return False
            self._seen[(issuer, identifier)] = expires
            return True


class KeySet:
    """Public keys of one client, by key id; fetched again when they are old or one is unknown.

    Parameters
    ----------
    load
        Returns the JSON Web Key Set as bytes; may block and fail.
    """

    def __init__(self, load: Callable[[], bytes]) -> None:
        self._load = load
        self._keys: dict[str, jwt.PyJWK] = {}
        self._loaded_at = self._tried_at = -_KEYS_SECONDS
        self._lock = threading.Lock()

    def key(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return the key of this id; without an id, the only key there is."""
        with self._lock:
            if time.monotonic() - self._loaded_at > _KEYS_SECONDS:
                self._refresh()
            found = self._find(key_id)
            if found is None:
                self._refresh()
                found = self._find(key_id)
            return found

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is not None:
            return self._keys.get(key_id)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    def _refresh(self) -> None:
        """Load the keys; what cannot be had or read leaves those known before in force."""
        # A caller with made-up key ids must not make us call the key server each time.
        if time.monotonic() - self._tried_at < _REFETCH_SECONDS:
            return
        self._tried_at = time.monotonic()
        try:
            keys = _read_keys(self._load())
        except (OSError, ValueError, httpx.HTTPError) as error:
            _log.warning("cds.keys_unusable", error=type(error).__name__)
            return
        self._keys = {key.key_id or "": key for key in keys}
        self._loaded_at = time.monotonic()


def key_set(client: CdsClientSettings) -> KeySet:
    """Return the keys of a client of the settings.

    Raises
    ------
    SettingsError
        When its file is no key set.
    """
    if client.jwks_file is None:
        return KeySet(lambda: _fetch(client.jwks_url))
    path: Path = client.jwks_file
    try:
        _read_keys(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} is no JSON Web Key Set; correct cds.clients") from error
    return KeySet(path.read_bytes)


def _read_keys(content: bytes) -> list[jwt.PyJWK]:
    """Return the keys of a JSON Web Key Set; ValueError where it is none."""
    try:
        return jwt.PyJWKSet.from_dict(json.loads(content)).keys
    except (jwt.PyJWTError, AttributeError, LookupError, TypeError) as error:
        # The library lets a malformed key raise what its parts happen to raise.
        raise ValueError("not a JSON Web Key Set") from error


def _fetch(url: str) -> bytes:
    with httpx.stream("GET", url, timeout=5.0, follow_redirects=False) as answer:
        answer.raise_for_status()
        content = b""
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > _MAX_KEYS_BYTES:
                raise ValueError("the key set is too large")
        return content


@dataclass(frozen=True, slots=True)
class _Client:
    name: str
    settings: CdsClientSettings
    keys: KeySet


class ClientJwts:
    """Knows clients by the JWT they sign for each call.

    Parameters
    ----------
    clients
        Of the settings, by name.
    public_url
        Our address; a token is for the URL called below it, or for ``/cds-services`` there.
    """

    def __init__(self, clients: dict[str, CdsClientSettings], public_url: str) -> None:
        self._clients = {
            settings.issuer: _Client(name, settings, key_set(settings))
            for name, settings in clients.items()
        }
        self._url = public_url.rstrip("/")
        self._used = ReplayCache()

    def authenticate(self, request: HTTPConnection) -> Principal | None:
        """Return the client whose token the request bears; may block."""
        token = _bearer(request)
        if token.count(".") != 2:
            return None
        try:
            client = self._client(token)
            claims = self._claims(token, client, request) if client is not None else None
        except jwt.PyJWTError:
            return None
        if client is None or claims is None:
            return None
        now = time.time()
        identifier, expires = claims["jti"], float(claims["exp"])
        fits = isinstance(identifier, str) and 0 < len(identifier) <= _MAX_JTI
        if not fits or expires - now > MAX_LIFETIME_SECONDS:
            return None
        tenants = client.settings.tenants
        if tenants and claims.get("tenant") not in tenants:
            return None
        until = expires + LEEWAY_SECONDS
        if not self._used.first_use(client.settings.issuer, identifier, until, now):
            return None
        return Principal(client.name, may_read=True)

    def _client(self, token: str) -> _Client | None:
        """The client that the token says it is of; nothing of it is believed yet."""
        unproven = jwt.decode(token, options={"verify_signature": False})
        issuer = unproven.get("iss")
        return self._clients.get(issuer) if isinstance(issuer, str) else None

    def _claims(
        self, token: str, client: _Client, request: HTTPConnection
    ) -> dict[str, Any] | None:
        header = jwt.get_unverified_header(token)
        key_id = header.get("kid")
        key = client.keys.key(key_id if isinstance(key_id, str) else None)
        if key is None:
            return None
        path = request.scope["path"]
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=_algorithms(key),
            issuer=client.settings.issuer,
            audience=[f"{self._url}{path}", f"{self._url}/cds-services"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "aud", "exp", "iat", "jti"]},
        )
        return claims


class CdsAuthentication:
    """ASGI middleware: 401 without a known caller, 403 without the right, 429 after failures.

    Discovery is open: it names no patient.

    Parameters
    ----------
    authenticators
        Asked in turn; the first that knows the caller decides. None lets everybody in.
    open_paths
        Paths, as the application sees them, that need no caller.
    refused
        Told of a refusal, in a thread.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticators: Sequence[Authenticator] | None,
        open_paths: frozenset[str],
        refused: Callable[[], None],
    ) -> None:
        self._app = app
        self._authenticators = authenticators
        self._open = open_paths
        self._refused = refused
        self._failures = Failures()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or refuse it."""
        if scope["type"] != "http" or scope["path"] in self._open or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        try:
            principal = await self._principal(HTTPConnection(scope))
        except HttpError as error:
            await error.response()(scope, receive, send)
            return
        await self._app({**scope, _PRINCIPAL: principal}, receive, send)

    async def _principal(self, request: HTTPConnection) -> Principal:
        if self._authenticators is None:
            return Principal("(anybody)", may_read=True)
        for authenticator in self._authenticators:
            principal = await to_thread.run_sync(authenticator.authenticate, request)
            if principal is None:
                continue
            if not principal.may_read:
                raise HttpError(403, "this token may not read")
            return principal
        challenge = {"WWW-Authenticate": 'Bearer realm="cds-services"'}
        if "authorization" not in request.headers:
            raise HttpError(401, "a signed token is needed; see the documentation", challenge)
        address = request.client.host if request.client else ""
        count = self._failures.add(address, time.monotonic())
        if count in (1, MAX_FAILURES):
            await to_thread.run_sync(self._refused)
        if count >= MAX_FAILURES:
            await anyio.sleep(_PAUSE_SECONDS)
            retry = {"Retry-After": str(int(FAILURE_SECONDS))}
            raise HttpError(429, "too many requests with a wrong token", retry)
        challenge["WWW-Authenticate"] += ', error="invalid_token"'
        raise HttpError(401, "the token is wrong, expired, used before or not for us", challenge)


def caller_of(scope: Scope) -> Principal:
    """Return who is asking, behind `CdsAuthentication`."""
    principal = scope[_PRINCIPAL]
    assert isinstance(principal, Principal)
    return principal


def _algorithms(key: jwt.PyJWK) -> list[str]:
    """The algorithms this kind of key may verify: a symmetric one none."""
    return [name for name in ALGORITHMS if name.startswith(_FAMILIES.get(key.key_type or "", ()))]


def _bearer(request: HTTPConnection) -> str:
    header = request.headers.get("authorization", "")
    if len(header) > _MAX_TOKEN or not header.lower().startswith(_BEARER):
        return ""
    return header[len(_BEARER) :].strip()
