"""Transactions that a server may be sent twice.

A server that dies between its commit and its answer leaves us without an answer: the only way
on is to send the same transaction again. That makes no duplicates if every entry names what
it makes: PUT to an id or by criteria, POST with ``ifNoneExist``, or DELETE (FHIR R4,
http://hl7.org/fhir/R4/http.html#transaction and #ccreate).
"""

from collections.abc import Mapping

import orjson

from clinical_ai.errors import RecordError

_REPEATABLE = ("PUT", "DELETE", "GET", "HEAD")


def read_transaction(body: bytes) -> dict[str, object]:
    """Return a transaction Bundle that may be sent twice.

    Raises
    ------
    RecordError
        If it is no such Bundle; names the entry by its number and the cure.
    """
    try:
        bundle = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RecordError("a transaction is not JSON; queue a FHIR Bundle") from error
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise RecordError("a transaction is no FHIR Bundle")
    if bundle.get("type") != "transaction":
        raise RecordError(f"the Bundle is of type {bundle.get('type')!r}, not 'transaction'")
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not entries:
        raise RecordError("the transaction has no entries")
    for number, entry in enumerate(entries):
        _check(number, entry)
    return bundle


def _check(number: int, entry: object) -> None:
    request = entry.get("request") if isinstance(entry, Mapping) else None
    if not isinstance(request, Mapping) or not isinstance(request.get("url"), str):
        raise RecordError(f"entry {number} of the transaction has no request")
    method = request.get("method")
    if method in _REPEATABLE or (method == "POST" and request.get("ifNoneExist")):
        return
    raise RecordError(
        f"entry {number} of the transaction ({method} {str(request['url']).partition('?')[0]}) "
        "would make a duplicate when it is sent again; use PUT or POST with ifNoneExist"
    )
