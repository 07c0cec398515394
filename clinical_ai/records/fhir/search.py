"""A search, page after page (http://hl7.org/fhir/R4/search.html)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.records.elements import mapping
from clinical_ai.records.fhir.errors import FhirProtocolError
from clinical_ai.records.fhir.outcome import Issue, read_outcome
from clinical_ai.records.fhir.paging import Page, link_of, next_page
from clinical_ai.records.fhir.resources import Resource, reference_to

Parameters = Sequence[tuple[str, str]]
Ask = Callable[[str, Parameters, Parameters | None], Awaitable[Resource]]
"""Asks for a page: path below the base, query, form (None for GET); returns the Bundle."""

_MOST_PAGES = 2000
_MOST_EMPTY_PAGES = 5
# What may stand in a URL, and so in a server's access log: it names no person by itself.
_HARMLESS = frozenset(
    {"_id", "_count", "_sort", "_summary", "_elements", "_include", "_revinclude", "_lastUpdated"}
    | {"_total", "patient", "subject", "code", "category", "status", "clinical-status", "date"}
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Parameters
    ----------
    matches
        Each resource once, in the order of the server.
    included
        What came with them by ``_include``.
    warnings
        What the server says of the search itself, for example that it ignored a parameter.
    bases
        Base URLs under which the server knows itself, and ours.
    truncated
        There are more than were asked for.
    """

    matches: tuple[Resource, ...]
    included: tuple[Resource, ...]
    warnings: tuple[Issue, ...]
    bases: frozenset[str]
    truncated: bool


@dataclass(slots=True)
class _Collected:
    matches: dict[str, Resource] = field(default_factory=dict)
    included: dict[str, Resource] = field(default_factory=dict)
    warnings: dict[Issue, None] = field(default_factory=dict)
    bases: set[str] = field(default_factory=set)

    def found(self, limit: int, *, more: bool) -> Found:
        matches = tuple(self.matches.values())
        return Found(
            matches[:limit],
            tuple(self.included.values()),
            tuple(self.warnings),
            frozenset(self.bases),
            truncated=more or len(matches) > limit,
        )


def is_private(parameters: Parameters) -> bool:
    """Whether search parameters may name a person, so that they must not stand in a URL."""
    return any(name.partition(":")[0] not in _HARMLESS for name, _ in parameters)


class Searcher:
    """Makes searches with one server.

    Parameters
    ----------
    name
        Of the server, for messages.
    ask
        Asks for one page.
    """

    def __init__(self, name: str, settings: FhirServerSettings, ask: Ask) -> None:
        self._name = name
        self._settings = settings
        self._ask = ask

    async def search(self, resource_type: str, parameters: Parameters, limit: int) -> Found:
        """Return what there is, at most `limit` resources; see `FhirClient.search`."""
        given = list(parameters)
        if not any(name == "_count" for name, _ in given):
            given.append(("_count", str(self._settings.page_size)))
        by_post = self._settings.post_search and is_private(given)
        collected = _Collected(bases={self._settings.base_url})
        page: Page | None = Page(resource_type, tuple(given))
        seen: set[Page] = set()
        empty = 0
        while page is not None and len(collected.matches) <= limit:
            if page in seen or len(seen) >= _MOST_PAGES or empty > _MOST_EMPTY_PAGES:
                raise FhirProtocolError(f"{self._name} gives pages of a search without an end")
            seen.add(page)
            bundle = await self._bundle(resource_type, page, by_post=by_post)
            new = self._collect(collected, bundle, resource_type)
            empty = 0 if new else empty + 1
            page = next_page(
                bundle,
                base_url=self._settings.base_url,
                resource_type=resource_type,
                name=self._name,
            )
        return collected.found(limit, more=page is not None)

    async def _bundle(self, resource_type: str, page: Page, *, by_post: bool) -> Resource:
        """Ask for a page; a next link that repeats private parameters is sent as a form too."""
        searches = page.path in (resource_type, f"{resource_type}/_search")
        if by_post and searches and is_private(page.query):
            bundle = await self._ask(f"{resource_type}/_search", (), page.query)
        else:
            bundle = await self._ask(page.path, page.query, None)
        if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "searchset":
            raise FhirProtocolError(f"{self._name} did not answer a search with a searchset Bundle")
        return bundle

    def _collect(
        self, collected: _Collected, bundle: Mapping[str, Any], resource_type: str
    ) -> bool:
        """Take up a page; False if it has no resource that was not there before."""
        before = len(collected.matches)
        entries = bundle.get("entry")
        for entry in entries if isinstance(entries, list) else ():
            resource = entry.get("resource") if isinstance(entry, Mapping) else None
            if not isinstance(resource, dict):
                continue
            if resource.get("resourceType") == "OperationOutcome":
                collected.warnings.update(dict.fromkeys(read_outcome(resource).issues))
                continue
            mode = mapping(entry.get("search")).get("mode", "match")
            is_match = mode == "match" and resource.get("resourceType") == resource_type
            kept = collected.matches if is_match else collected.included
            kept[reference_to(resource)] = resource
        self_link = link_of(bundle, "self") or ""
        own = self_link.partition("?")[0].removesuffix("/_search").removesuffix(f"/{resource_type}")
        if own.startswith(("http://", "https://")):
            collected.bases.add(own)
        return len(collected.matches) > before
