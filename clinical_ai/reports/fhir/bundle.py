"""One transaction of resources that can be sent again without making anything twice.

Our ids are derived from what a resource tells of, so that ``PUT Type/id`` writes the same
resource each time. Where a server gives its own ids, resources are found by our identifier
instead (conditional update), and those that have none by our tag (conditional create). An
ImagingStudy is only made where the server has none of that Study Instance UID: it belongs to
the PACS or the RIS.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from clinical_ai.reports.fhir.elements import Element, Resource

_WITHOUT_IDENTIFIER = ("Provenance", "AuditEvent")


def transaction(resources: Iterable[Resource], *, client_ids: bool = True) -> Resource:
    """Return the transaction Bundle.

    Parameters
    ----------
    resources
        References between them are ``Type/id``.
    client_ids
        Whether the server lets us choose ids.
    """
    named = {f"{r['resourceType']}/{r['id']}": r for r in resources}
    # The server says under which id these will be; until then they go by a URN.
    urns = {
        name: f"urn:uuid:{r['id']}"
        for name, r in named.items()
        if not client_ids or r["resourceType"] == "ImagingStudy"
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [_entry(name, r, urns) for name, r in named.items()],
    }


def unique(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return each resource once; of two with one id the later."""
    return tuple({(r["resourceType"], r["id"]): r for r in resources}.values())


def as_json(bundle: Resource) -> bytes:
    """Return a Bundle as it is sent: the same bytes for the same content."""
    return orjson.dumps(bundle)


def _entry(name: str, resource: Resource, urns: Mapping[str, str]) -> Element:
    kind = resource["resourceType"]
    linked: Resource = _linked(resource, urns)
    if name in urns:
        del linked["id"]
    return {
        "fullUrl": f"urn:uuid:{resource['id']}",
        "resource": linked,
        "request": _request(kind, resource, own_id=name not in urns),
    }


def _request(kind: str, resource: Resource, *, own_id: bool) -> Element:
    if own_id:
        return {"method": "PUT", "url": f"{kind}/{resource['id']}"}
    if kind in _WITHOUT_IDENTIFIER:
        tag = resource["meta"]["tag"][0]
        return _create(kind, "_tag", tag["system"], tag["code"])
    first = resource["identifier"][0]
    if kind == "ImagingStudy":
        return _create(kind, "identifier", first["system"], first["value"])
    return {
        "method": "PUT",
        "url": f"{kind}?{_token('identifier', first['system'], first['value'])}",
    }


def _create(kind: str, parameter: str, system: str, value: str) -> Element:
    return {"method": "POST", "url": kind, "ifNoneExist": _token(parameter, system, value)}


def _token(parameter: str, system: str, value: str) -> str:
    return f"{parameter}={quote(f'{system}|{value}', safe='')}"


def _linked(value: Any, urns: Mapping[str, str]) -> Any:
    """Return a copy whose references name a URN where there is one."""
    if isinstance(value, dict):
        return {
            key: urns.get(item, item)
            if key == "reference" and isinstance(item, str)
            else _linked(item, urns)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_linked(item, urns) for item in value]
    return value
