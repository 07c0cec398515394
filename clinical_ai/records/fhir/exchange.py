"""One HTTP exchange, bounded in time and size: whoever answers, we go on."""

import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import orjson

from clinical_ai.errors import SettingsError
from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.records.fhir.errors import FhirProtocolError, FhirUnreachableError
from pacs_bridge.stow import retry_after_seconds
from pacs_bridge.web_client import silence_http_logs

_REQUEST_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# What we ask for; stacked encodings could unpack to a million times what came.
_ENCODINGS = ("", "identity", "gzip")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response.

    Parameters
    ----------
    retry_after
        Seconds; None if the server does not say.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    retry_after: float | None

    def json(self, name: str) -> dict[str, object]:
        """Return the body as a JSON object.

        Parameters
        ----------
        name
            Of the server, for the message.

        Raises
        ------
        FhirProtocolError
            If it is none.
        """
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise FhirProtocolError(
                f"{name} answered HTTP {self.status} with what is no JSON; check base_url"
            ) from error
        if not isinstance(value, dict):
            raise FhirProtocolError(f"{name} answered HTTP {self.status} with no JSON object")
        return value


def http_client(settings: FhirServerSettings) -> httpx.AsyncClient:
    """Return a client that trusts whom the settings say and follows no redirect.

    httpx logs every URL: its log is off for the whole process.

    Raises
    ------
    SettingsError
        If the file of trusted authorities cannot be used.
    """
    silence_http_logs()
    return httpx.AsyncClient(
        verify=_context(settings.trusted),
        timeout=httpx.Timeout(settings.answer_seconds, connect=settings.connect_seconds),
        headers={
            "Accept": "application/fhir+json",
            "Accept-Encoding": "gzip",
            "User-Agent": "clinical-ai",
        },
        trust_env=False,  # no proxy or .netrc of whoever started us
        follow_redirects=False,
    )


def _context(trusted: Path | None) -> ssl.SSLContext:
    if trusted is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=trusted)
    except OSError as error:
        raise SettingsError(
            f"the file of trusted authorities {trusted} cannot be used: {error.strerror or error}"
        ) from error


async def exchange(
    client: httpx.AsyncClient, request: httpx.Request, name: str, settings: FhirServerSettings
) -> Answer:
    """Send a request and return the whole answer.

    Neither URL nor body stands in a message.

    Raises
    ------
    FhirUnreachableError
        If there is no answer in time.
    FhirProtocolError
        If the answer is a redirect, too large, or encoded as we did not ask for.
    """
    try:
        with anyio.fail_after(settings.connect_seconds + settings.answer_seconds):
            response = await client.send(request, stream=True)
            try:
                body = await _body(response, name, settings.max_answer_mb * 2**20)
            finally:
                await response.aclose()
    except TimeoutError as error:
        raise FhirUnreachableError(
            f"{name} did not answer within {settings.answer_seconds:g} s"
        ) from error
    except httpx.TransportError as error:
        arrived = not isinstance(error, _REQUEST_NEVER_LEFT)
        raise FhirUnreachableError(
            f"{name} does not answer: {type(error).__name__}", arrived=arrived
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FhirProtocolError(f"{name} cannot be asked: {type(error).__name__}") from error
    if response.is_redirect:
        raise FhirProtocolError(
            f"{name} answered HTTP {response.status_code}, a redirect, which is not followed; set "
            "base_url to where the server is"
        )
    wait = retry_after_seconds(response.headers.get("Retry-After"), time.time())
    return Answer(response.status_code, response.headers, body, wait)


async def _body(response: httpx.Response, name: str, limit: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise FhirProtocolError(f"{name} answered in a content encoding that we did not ask for")
    declared = response.headers.get("Content-Length", "")
    body = bytearray()
    if declared.isascii() and declared.isdigit() and int(declared[:18]) > limit:
        raise _too_large(name, limit)
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            raise _too_large(name, limit)
    return bytes(body)


def _too_large(name: str, limit: int) -> FhirProtocolError:
    return FhirProtocolError(
        f"{name} answered with more than {limit // 2**20} MB; raise max_answer_mb, or lower "
        "page_size"
    )
