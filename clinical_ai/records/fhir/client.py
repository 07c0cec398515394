"""A client of one FHIR R4 server (http://hl7.org/fhir/R4/http.html)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import orjson
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.records.elements import mapping
from clinical_ai.records.fhir.errors import (
    FhirConflictError,
    FhirProtocolError,
    FhirStatusError,
    FhirUnreachableError,
)
from clinical_ai.records.fhir.exchange import Answer
from clinical_ai.records.fhir.repeatable import read_transaction
from clinical_ai.records.fhir.resources import (
    Resource,
    checked_id,
    checked_type,
    content_of,
    named_in,
)
from clinical_ai.records.fhir.search import Found, Parameters, Searcher
from clinical_ai.records.fhir.session import Session
from pacs_bridge.retry import AskedWait

_ATTEMPTS = 3
_AMENDMENTS = 4
_MAY_PASS = frozenset({429, 502, 503, 504})
_MINIMAL = {"Prefer": "return=minimal"}


@dataclass(frozen=True, slots=True)
class Written:
    """A resource that the server has.

    Parameters
    ----------
    reference
        ``Type/id``.
    version
        As ``If-Match`` takes it; None if the server does not tell.
    created
        False if it was there before.
    """

    reference: str
    version: str | None
    created: bool


class FhirClient:
    """A client of one server, for an ``async with`` block; use from one event loop.

    What can be asked twice is asked again when the server does not answer, or answers 429,
    502, 503 or 504, after the time that it asks for.

    Parameters
    ----------
    name
        Of the server in the settings; stands in messages.
    attempts
        How often a request is made at most.

    Raises
    ------
    clinical_ai.errors.SettingsError
        On entry, when the key or the file of trusted authorities cannot be used.
    """

    def __init__(
        self, name: str, settings: FhirServerSettings, *, attempts: int = _ATTEMPTS
    ) -> None:
        self.name = name
        self.settings = settings
        self._attempts = attempts
        self._session = Session(name, settings)

    async def __aenter__(self) -> "FhirClient":
        self._session.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def capability(self) -> Resource:
        """Return the server's CapabilityStatement.

        Raises
        ------
        FhirError
            As for all methods; see `clinical_ai.records.fhir.errors`.
        """
        statement = await self._get("metadata")
        if statement.get("resourceType") != "CapabilityStatement":
            raise FhirProtocolError(f"{self.name} answered no CapabilityStatement; check base_url")
        return statement

    async def read(self, resource_type: str, resource_id: str) -> Resource:
        """Return a resource.

        Raises
        ------
        FhirNotFoundError
            If there is none.
        """
        resource = await self._get(f"{checked_type(resource_type)}/{checked_id(resource_id)}")
        if (resource.get("resourceType"), resource.get("id")) != (resource_type, resource_id):
            raise FhirProtocolError(f"{self.name} answered another resource than was asked for")
        return resource

    async def search(
        self,
        resource_type: str,
        parameters: Parameters = (),
        *,
        strict: bool = True,
        limit: int = 50_000,
    ) -> Found:
        """Return what a search finds, page after page.

        The server must be trusted to have applied the parameters only as far as `strict` goes:
        check what matters in each resource.

        Parameters
        ----------
        parameters
            Names and values; where a name is not harmless, such as ``identifier``, they are
            sent in the body of ``POST [type]/_search``.
        strict
            The server is to refuse parameters that it does not know, rather than ignore them.
        limit
            Resources; where there are more, `Found.truncated` says so.
        """
        searcher = Searcher(
            self.name,
            self.settings,
            lambda path, query, form: self._page(path, query, form, strict),
        )
        return await searcher.search(checked_type(resource_type), parameters, limit)

    async def create(self, resource: Resource, *, if_none_exist: Parameters = ()) -> Written:
        """Create a resource, unless one matches the criteria.

        Without criteria it is not repeated when the answer is lost, and may then exist or not.

        Parameters
        ----------
        if_none_exist
            Search parameters that name the resource, such as its identifier.

        Raises
        ------
        FhirConflictError
            If several match.
        """
        resource_type = checked_type(str(resource.get("resourceType")))
        headers = dict(_MINIMAL)
        if if_none_exist:
            headers["If-None-Exist"] = urlencode(if_none_exist)

        async def once() -> Answer:
            return await self._session.send(
                "POST", resource_type, body=orjson.dumps(resource), headers=headers
            )

        answer = await self._repeat(once, idempotent=bool(if_none_exist))
        return self._written(answer, resource_type)

    async def update(self, resource: Resource, *, version: str | None = None) -> Written:
        """Replace a resource, or create it under its id.

        Parameters
        ----------
        version
            That the server must have now (``If-Match``); None replaces whatever there is.

        Raises
        ------
        FhirConflictError
            If the server has another version; nothing was changed.
        """
        path, headers = _path_of(resource), dict(_MINIMAL)
        if version is not None:
            headers["If-Match"] = f'W/"{checked_id(version)}"'
        lost = False

        async def once() -> Answer:
            nonlocal lost
            try:
                return await self._session.send(
                    "PUT", path, body=orjson.dumps(resource), headers=headers
                )
            except FhirUnreachableError:
                lost = True
                raise

        try:
            answer = await self._repeat(once, idempotent=True)
        except FhirConflictError:
            # An answer was lost: it may be our own change that is in the way.
            if not lost:
                raise
            current = await self._get(path)
            if content_of(current) != content_of(resource):
                raise
            return Written(path, _version_of(current), created=False)
        return self._written(answer, str(resource["resourceType"]), path)

    async def amend(
        self, resource_type: str, resource_id: str, change: Callable[[Resource], Resource]
    ) -> Written:
        """Change a resource that others change too.

        The newest version is read, changed and written back with ``If-Match``; where another
        was faster, that is done again on what the other made.

        Parameters
        ----------
        change
            Returns the resource as it is to be; called once or several times.

        Raises
        ------
        FhirConflictError
            If others were faster several times in a row.
        """
        for _ in range(_AMENDMENTS - 1):
            current = await self.read(resource_type, resource_id)
            try:
                return await self.update(change(current), version=_version_of(current))
            except FhirConflictError:
                continue
        current = await self.read(resource_type, resource_id)
        return await self.update(change(current), version=_version_of(current))

    async def transaction(self, bundle: bytes) -> tuple[Written, ...]:
        """Have a transaction Bundle carried out whole, or not at all.

        Parameters
        ----------
        bundle
            JSON. It may be sent twice, so each entry must be a PUT, a DELETE or a POST with
            ``ifNoneExist``.

        Returns
        -------
        tuple of Written
            One for each entry, with an empty reference where it was deleted; none at all where
            the server says only that it is done.

        Raises
        ------
        clinical_ai.errors.RecordError
            If the Bundle must not be sent twice.
        FhirConflictError
            If a resource was not in the version that an entry asks for; nothing was changed.
        """
        count = len(entries_of(read_transaction(bundle)))

        async def once() -> Answer:
            return await self._session.send("POST", "", body=bundle, headers=_MINIMAL)

        answer = await self._repeat(once, idempotent=True)
        if not answer.body:
            return ()
        response = answer.json(self.name)
        entries = entries_of(response)
        if response.get("type") != "transaction-response" or len(entries) != count:
            raise FhirProtocolError(
                f"{self.name} did not answer a transaction with a response for each entry"
            )
        return tuple(self._entry_written(entry) for entry in entries)

    async def _get(self, path: str) -> Resource:
        async def once() -> Answer:
            return await self._session.send("GET", path)

        return (await self._repeat(once, idempotent=True)).json(self.name)

    async def _page(
        self, path: str, query: Parameters, form: Parameters | None, strict: bool
    ) -> Resource:
        headers = {"Prefer": "handling=strict"} if strict else {}

        async def once() -> Answer:
            method = "GET" if form is None else "POST"
            return await self._session.send(method, path, query=query, form=form, headers=headers)

        return (await self._repeat(once, idempotent=True)).json(self.name)

    async def _repeat(self, once: Callable[[], Any], *, idempotent: bool) -> Answer:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._attempts),
            retry=retry_if_exception(lambda error: _may_pass(error, idempotent=idempotent)),
            wait=AskedWait(_asked),
            reraise=True,
        )
        answer: Answer = await retrying(once)
        return answer

    def _written(self, answer: Answer, resource_type: str, path: str = "") -> Written:
        location, version = named_in(
            answer.headers.get("Location") or answer.headers.get("Content-Location") or path
        )
        if not location.startswith(f"{resource_type}/"):
            raise FhirProtocolError(f"{self.name} does not tell the id of what it created")
        tag = answer.headers.get("ETag", "")
        return Written(location, _tagged(tag) or version, created=answer.status == 201)

    def _entry_written(self, entry: Mapping[str, Any]) -> Written:
        response = mapping(entry.get("response"))
        status = str(response.get("status", ""))
        if not status.startswith("2"):
            raise FhirProtocolError(
                f"{self.name} accepted a transaction, and refused one of its entries"
            )
        reference, version = named_in(_text(response.get("location")))
        version = _tagged(_text(response.get("etag"))) or version
        return Written(reference, version, created=status.startswith("201"))


def entries_of(bundle: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the entries of a Bundle that are objects."""
    entries = bundle.get("entry")
    return [e for e in entries if isinstance(e, Mapping)] if isinstance(entries, list) else []


def _path_of(resource: Mapping[str, Any]) -> str:
    resource_type, resource_id = resource.get("resourceType"), resource.get("id")
    return f"{checked_type(str(resource_type))}/{checked_id(str(resource_id or ''))}"


def _version_of(resource: Mapping[str, Any]) -> str | None:
    version = mapping(resource.get("meta")).get("versionId")
    return version if isinstance(version, str) else None


def _tagged(etag: str) -> str | None:
    """Return the version in an ETag such as ``W/"3"``."""
    return etag.strip().removeprefix("W/").strip('"') or None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _may_pass(error: BaseException, *, idempotent: bool) -> bool:
    if isinstance(error, FhirUnreachableError):
        return idempotent or not error.arrived
    if isinstance(error, FhirStatusError):
        # 429 says that nothing was done; the others may come from a proxy that does not know.
        return error.status == 429 or (idempotent and error.status in _MAY_PASS)
    return False


def _asked(error: BaseException) -> float | None:
    if isinstance(error, FhirUnreachableError | FhirStatusError):
        return error.retry_after
    return None
