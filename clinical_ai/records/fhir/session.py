"""Requests to one server, signed in, and what its statuses mean."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx

from clinical_ai.fhir_settings import BackendServicesAuth, BasicAuth, BearerAuth, FhirServerSettings
from clinical_ai.records.fhir.errors import (
    FhirConflictError,
    FhirNotFoundError,
    FhirProtocolError,
    FhirSignInError,
    FhirStatusError,
    FhirUnreachableError,
)
from clinical_ai.records.fhir.exchange import Answer, exchange, http_client
from clinical_ai.records.fhir.outcome import NOTHING_SAID, Outcome, read_outcome
from clinical_ai.records.fhir.search import Parameters
from clinical_ai.records.fhir.smart import TokenSource

_UNAUTHORIZED = 401
_CURES = {
    403: "check what the server allows us, and the scope",
    404: "check base_url, or the id",
    405: "the server does not offer this interaction",
    413: "the server takes no body of this size",
}


class Session:
    """An HTTP client that signs in; `open` and `close` in the same event loop.

    Parameters
    ----------
    name
        Of the server, for messages.
    """

    def __init__(self, name: str, settings: FhirServerSettings) -> None:
        self._name = name
        self._settings = settings
        self._http: httpx.AsyncClient | None = None
        self._tokens: TokenSource | None = None

    def open(self) -> None:
        """Make the HTTP client; nothing is sent yet.

        Raises
        ------
        clinical_ai.errors.SettingsError
            When the key or the file of trusted authorities cannot be used.
        """
        self._http = http_client(self._settings)
        auth = self._settings.auth
        if isinstance(auth, BackendServicesAuth):
            self._tokens = TokenSource(self._http, self._name, self._settings, auth)

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Parameters = (),
        form: Parameters | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request below the base URL and return the answer of a success.

        Parameters
        ----------
        path
            Below the base URL; empty for the base itself.
        form
            Sent as ``application/x-www-form-urlencoded``, as `body` is as FHIR JSON.

        Raises
        ------
        FhirError
            As `clinical_ai.records.fhir.errors` tells them apart.
        """
        answer = await self._once(method, path, query, form, body, headers)
        if answer.status == _UNAUTHORIZED and self._tokens is not None:
            # A token can be withdrawn before it runs out: one more, and no more than one.
            self._tokens.forget(await self._token(self._tokens))
            answer = await self._once(method, path, query, form, body, headers)
        if not 200 <= answer.status < 300:
            raise self._error(answer)
        return answer

    async def _once(
        self,
        method: str,
        path: str,
        query: Parameters,
        form: Parameters | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        if self._http is None:
            raise FhirProtocolError(f"the client of {self._name} is not open; use `async with`")
        url = f"{self._settings.base_url}/{path}" if path else self._settings.base_url
        url += f"?{urlencode(query)}" if query else ""
        all_headers = {**(headers or {}), **await self._authorization()}
        content = body
        if form is not None:
            content = urlencode(form).encode()
            all_headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            all_headers["Content-Type"] = "application/fhir+json"
        request = self._http.build_request(method, url, content=content, headers=all_headers)
        return await exchange(self._http, request, self._name, self._settings)

    async def _authorization(self) -> dict[str, str]:
        auth = self._settings.auth
        if self._tokens is not None:
            return {"Authorization": f"Bearer {await self._token(self._tokens)}"}
        if isinstance(auth, BearerAuth):
            return {"Authorization": f"Bearer {auth.token.get_secret_value()}"}
        if isinstance(auth, BasicAuth):
            return {"Authorization": _basic(auth)}
        return {}

    async def _token(self, tokens: TokenSource) -> str:
        try:
            return await tokens.token()
        except FhirUnreachableError as error:
            # Whatever became of the question for a token: our request was not sent.
            raise FhirUnreachableError(
                str(error), arrived=False, retry_after=error.retry_after
            ) from error

    def _error(self, answer: Answer) -> Exception:
        status, name = answer.status, self._name
        if status == _UNAUTHORIZED:
            return FhirSignInError(
                f"{name} answered HTTP 401: it does not let us in; check auth in the settings"
            )
        outcome = self._outcome(answer)
        what = ", ".join(map(str, outcome.issues)) or _CURES.get(status, "no reason given")
        kind: type[FhirStatusError] = FhirStatusError
        if status in (404, 410):
            kind = FhirNotFoundError
        if status in (409, 412):
            kind = FhirConflictError
            what += "; the resource is not as expected: read it again, then decide"
        return kind(
            f"{name} answered HTTP {status}: {what}",
            status=status,
            outcome=outcome,
            retry_after=answer.retry_after,
        )

    def _outcome(self, answer: Answer) -> Outcome:
        try:
            return read_outcome(answer.json(self._name))
        except FhirProtocolError:
            return NOTHING_SAID


def _basic(auth: BasicAuth) -> str:
    pair = f"{auth.username}:{auth.password.get_secret_value()}".encode()
    return f"Basic {b64encode(pair).decode()}"
