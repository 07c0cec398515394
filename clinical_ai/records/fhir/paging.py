"""The next page of a search, without ever going where a server sends us.

A link of a Bundle is an address that the server wrote: with a wrong setting it names an
internal host or ``localhost``, and a hostile one could have our token sent elsewhere. So of a
link only the part below the service base counts, and it is asked for at the base URL of our
settings. What the server takes for its base is learned from the link ``self`` of the same page.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urljoin, urlsplit

from clinical_ai.records.fhir.errors import FhirProtocolError

_BELOW = re.compile(r"([A-Za-z0-9._~$-]+(/[A-Za-z0-9._~$-]+)*)?")
_MAX_LINK = 16_384


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page is: below the base URL, with its parameters in order.

    Parameters
    ----------
    path
        Without a slash at either end; empty for the base itself.
    """

    path: str
    query: tuple[tuple[str, str], ...]


def link_of(bundle: Mapping[str, object], relation: str) -> str | None:
    """Return the URL of a link of a Bundle; None if it has none."""
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, Mapping) and link.get("relation") == relation:
            url = link.get("url")
            return url if isinstance(url, str) else None
    return None


def next_page(
    bundle: Mapping[str, object], *, base_url: str, resource_type: str, name: str
) -> Page | None:
    """Return where the next page is, or None on the last.

    Parameters
    ----------
    base_url
        Of the settings.
    resource_type
        That is searched for.
    name
        Of the server, for the message.

    Raises
    ------
    FhirProtocolError
        If the link leads out of the service.
    """
    link = link_of(bundle, "next")
    if link is None:
        return None
    parts = _parts(link, base_url)
    if parts is not None:
        bases = (urlsplit(base_url).path, *_base_of_self(bundle, base_url, resource_type))
        path = _below(parts.path, bases, resource_type)
        if path is not None and _BELOW.fullmatch(path) and not {".", ".."} & {*path.split("/")}:
            return Page(path, tuple(parse_qsl(parts.query, keep_blank_values=True)))
    raise FhirProtocolError(
        f"{name} gives a next page that is not below its base URL; check base_url, and the base "
        "URL in the settings of the server"
    )


def _base_of_self(bundle: Mapping[str, object], base_url: str, resource_type: str) -> Iterable[str]:
    """Return the path of the base as the server sees it, if its self link tells it."""
    parts = _parts(link_of(bundle, "self") or "", base_url)
    if parts is None:
        return ()
    return [
        parts.path.removesuffix(ending)
        for ending in (f"/{resource_type}/_search", f"/{resource_type}")
        if parts.path.endswith(ending)
    ]


def _parts(link: str, base_url: str) -> SplitResult | None:
    """Return the parts of a link, which may be relative; None if it is no URL."""
    if len(link) > _MAX_LINK:
        return None
    try:
        return urlsplit(urljoin(base_url + "/", link))
    except ValueError:
        return None


def _below(path: str, bases: Iterable[str], resource_type: str) -> str | None:
    for base in bases:
        if path == base or path.startswith(base + "/"):
            return path[len(base) :].strip("/")
    return resource_type if path.endswith(f"/{resource_type}") else None
