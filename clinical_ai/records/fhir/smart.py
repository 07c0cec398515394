"""SMART Backend Services: a signed assertion for an access token, kept until it runs out.

SMART App Launch 2.2, sections "Backend Services" and "Client Authentication: Asymmetric"
(http://hl7.org/fhir/smart-app-launch/backend-services.html).
"""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from clinical_ai.errors import SettingsError
from clinical_ai.fhir_settings import (
    SECURE_URL,
    BackendServicesAuth,
    FhirServerSettings,
    Role,
)
from clinical_ai.records.fhir.errors import (
    FhirProtocolError,
    FhirSignInError,
    FhirUnreachableError,
)
from clinical_ai.records.fhir.exchange import Answer, exchange

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 2.2
_ASSERTION_SECONDS = 240  # the specification allows five minutes; clocks differ
_LEAST_RSA_BITS = 2048
_DEFAULT_TOKEN_SECONDS = 60.0  # where the server does not say, against the specification
_LONGEST_TOKEN_SECONDS = 3600.0
_EARLY_SECONDS = 30.0  # a token is renewed so long before it runs out
_UNAVAILABLE = (429, 500, 502, 503, 504)
# RFC 6749 section 5.2
_OAUTH_ERRORS = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)
# SMART App Launch 2.2, "Scopes", in the form of version 1, which version 2 servers know too
_SCOPES: dict[Role, str] = {"read": "system/*.read", "write": "system/*.write"}
Key = RSAPrivateKey | EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at: float  # of time.monotonic


def load_key(path: Path) -> tuple[Key, str]:
    """Return a private key and the algorithm that the specification gives for its kind.

    Raises
    ------
    SettingsError
        If it cannot be read, or is neither RSA of 2048 bits or more nor on the curve P-384.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise SettingsError(f"the key file {path} cannot be read: {error.strerror}") from error
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{path} is no PEM file of a private key without password") from error
    if isinstance(key, RSAPrivateKey) and key.key_size >= _LEAST_RSA_BITS:
        return key, "RS384"
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1):
        return key, "ES384"
    raise SettingsError(
        f"the key in {path} cannot be used: SMART asks for RSA of {_LEAST_RSA_BITS} bits or more, "
        "or the curve P-384"
    )


def client_assertion(
    auth: BackendServicesAuth, key: Key, algorithm: str, token_url: str, now: float
) -> str:
    """Return a JWT by which we authenticate, good for one request to `token_url`.

    Parameters
    ----------
    now
        Seconds since 1970 UTC.
    """
    headers = {"kid": auth.key_id}
    if auth.key_set_url:
        headers["jku"] = auth.key_set_url
    claims = {
        "iss": auth.client_id,
        "sub": auth.client_id,
        "aud": token_url,
        "exp": int(now) + _ASSERTION_SECONDS,
        "jti": secrets.token_urlsafe(24),
    }
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


class TokenSource:
    """Access tokens for one FHIR server; use from one event loop.

    Parameters
    ----------
    client
        From `exchange.http_client`.
    name
        Of the server, for messages.

    Raises
    ------
    SettingsError
        If the key cannot be used.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        name: str,
        settings: FhirServerSettings,
        auth: BackendServicesAuth,
    ) -> None:
        self._client = client
        self._name = name
        self._settings = settings
        self._auth = auth
        self._key, self._algorithm = load_key(auth.key_file)
        self._token_url = auth.token_url
        self._token: _Token | None = None
        self._lock = anyio.Lock()

    async def token(self) -> str:
        """Return a token that is good for a while yet; asks for a new one if need be.

        Raises
        ------
        FhirUnreachableError
            If the authorization server does not answer, or not now.
        FhirSignInError
            If it does not let us in.
        FhirProtocolError
            If its answer cannot be understood.
        """
        async with self._lock:
            if self._token is None or time.monotonic() >= self._token.renew_at:
                self._token = await self._ask()
            return self._token.value

    def forget(self, value: str) -> None:
        """Ask for a new token next time, because the server refused this one."""
        if self._token is not None and self._token.value == value:
            self._token = None

    async def _ask(self) -> _Token:
        self._token_url = self._token_url or await self._discover()
        form = {
            "grant_type": "client_credentials",
            "scope": self._auth.scope or " ".join(_SCOPES[role] for role in self._roles()),
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": client_assertion(
                self._auth, self._key, self._algorithm, self._token_url, time.time()
            ),
        }
        headers = {"Accept": "application/json"}
        asked_at = time.monotonic()
        request = self._client.build_request("POST", self._token_url, data=form, headers=headers)
        answer = await exchange(self._client, request, self._who, self._settings)
        self._check(answer)
        return self._read(answer.json(self._who), asked_at)

    def _roles(self) -> tuple[Role, ...]:
        """Return what we do there: a conditional write is a search too."""
        return ("read", "write") if "write" in self._settings.roles else ("read",)

    async def _discover(self) -> str:
        """Return the token URL that the server tells (SMART App Launch, "Conformance")."""
        url = f"{self._settings.base_url}/.well-known/smart-configuration"
        headers = {"Accept": "application/json"}
        request = self._client.build_request("GET", url, headers=headers)
        answer = await exchange(self._client, request, self._name, self._settings)
        if answer.status in _UNAVAILABLE:
            raise FhirUnreachableError(
                f"{self._name} answered HTTP {answer.status} when asked how to sign in",
                retry_after=answer.retry_after,
            )
        if answer.status != 200:
            raise FhirSignInError(
                f"{self._name} has no .well-known/smart-configuration (HTTP {answer.status}); "
                "set token_url"
            )
        told = answer.json(self._name)
        found = told.get("token_endpoint")
        if not isinstance(found, str) or not SECURE_URL.fullmatch(found):
            raise FhirSignInError(
                f"{self._name} tells no token endpoint by https in its smart-configuration; set "
                "token_url"
            )
        return found

    @property
    def _who(self) -> str:
        return f"the authorization server of {self._name}"

    def _check(self, answer: Answer) -> None:
        if answer.status == 200:
            return
        if answer.status in _UNAVAILABLE:
            raise FhirUnreachableError(
                f"{self._who} answered HTTP {answer.status}", retry_after=answer.retry_after
            )
        try:
            code = answer.json(self._who).get("error")
        except FhirProtocolError:
            code = None
        said = code if code in _OAUTH_ERRORS else "no reason that we know"
        raise FhirSignInError(
            f"{self._who} answered HTTP {answer.status} ({said}); check client_id, key_id, scope "
            "and the key that is registered there"
        )

    def _read(self, told: dict[str, object], asked_at: float) -> _Token:
        value, kind = told.get("access_token"), told.get("token_type")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise FhirProtocolError(f"{self._who} gave no access token")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise FhirProtocolError(f"{self._who} gave a token that is no bearer token")
        seconds = told.get("expires_in")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
            seconds = _DEFAULT_TOKEN_SECONDS
        lasts = min(float(seconds), _LONGEST_TOKEN_SECONDS)
        return _Token(value, asked_at + lasts - min(_EARLY_SECONDS, lasts / 4))
