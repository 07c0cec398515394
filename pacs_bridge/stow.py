"""The STOW-RS user agent: stores instances on a DICOMweb server (PS3.18 section 10.5)."""

import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import structlog

from pacs_bridge.errors import EncodingError
from pacs_bridge.failure import Failure, FailureKind, Sending, file_failure, store_failure
from pacs_bridge.part10 import read_file_meta
from pacs_bridge.peer import WebPeer
from pacs_bridge.web_client import web_client

_log = structlog.get_logger(__name__)

_MAX_INSTANCES = 10  # in one request
_MAX_BYTES = 32 * 1024**2  # likewise, unless a single instance is larger
_CHUNK_BYTES = 1024 * 1024
_TIMEOUT = httpx.Timeout(60.0, connect=10.0, read=300.0)  # a server may index before it answers
_MAX_ANSWER_BYTES = 4 * 1024**2
_LONGEST_RETRY_AFTER = 3600.0

# Elements of the store instances response (PS3.18 section 10.5.3.2, table I.2-1) and of a
# reference, as JSON keys (PS3.18 annex F).
_FAILED = "00081198"
_REFERENCED = "00081199"
_FAILURE_REASON = "00081197"
_INSTANCE_UID = "00081155"

_PEER_WIDE = frozenset({401, 407, 429, 502, 503, 504})
_MAY_PASS = frozenset({408, 409, 425})  # 409: some instances failed, judged one by one
_NO_CONNECTION = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol),
    httpx.InvalidURL,  # such as a port of 99999
)


@dataclass(frozen=True, slots=True)
class _Item:
    path: Path
    sop_instance_uid: str
    size: int


def store_each(
    files: Sequence[Path], peer: WebPeer, *, transport: httpx.BaseTransport | None = None
) -> Sending:
    """Store DICOM files on a DICOMweb server, a few in one request, each in its own encoding.

    A request that the server finds too large is repeated one instance at a time.

    Parameters
    ----------
    files
        Part 10 files.
    peer
        Where to.
    transport
        Of the HTTP client; None is the usual one.
    """
    items: list[_Item] = []
    for path in files:
        try:
            items.append(_Item(path, read_file_meta(path).sop_instance_uid, path.stat().st_size))
        except OSError as error:
            yield path, file_failure(error)
        except EncodingError as error:
            yield path, Failure("gone", str(error))
    try:
        client = web_client(peer, _TIMEOUT, transport)
    except OSError as error:  # ssl.SSLError is one
        reason = f"the file of trusted authorities {peer.trusted} cannot be used: {error}"
        yield from ((item.path, Failure("unreachable", reason)) for item in items)
        return
    with client:
        for group in _groups(items):
            yield from _store_group(client, peer, group)


def retry_after_seconds(header: str | None, now: float) -> float | None:
    """Return the wait that a Retry-After header asks for (RFC 9110 section 10.2.3).

    Parameters
    ----------
    header
        Seconds or a date; anything else counts as absent.
    now
        Seconds since 1970 UTC.

    Returns
    -------
    float or None
        Between 0 and one hour: a server must not silence us for ever by a slip.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_RETRY_AFTER)
    try:
        wait = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), _LONGEST_RETRY_AFTER)


def _groups(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    group: list[_Item] = []
    size = 0
    for item in items:
        if group and (len(group) == _MAX_INSTANCES or size + item.size > _MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(item)
        size += item.size
    if group:
        yield group


def _store_group(client: httpx.Client, peer: WebPeer, group: list[_Item]) -> Sending:
    outcomes = _post(client, peer, group)
    if outcomes is None:  # too large
        for item in group:
            single = _post(client, peer, [item]) or {
                item.sop_instance_uid: Failure(
                    "permanent", f"{peer.name} finds the object too large (HTTP 413)"
                )
            }
            yield item.path, single[item.sop_instance_uid]
        return
    for item in group:
        yield item.path, outcomes[item.sop_instance_uid]


def _post(
    client: httpx.Client, peer: WebPeer, group: Sequence[_Item]
) -> Mapping[str, Failure | None] | None:
    """Store a group; what became of each by SOP Instance UID, None if it is too large."""
    boundary = uuid.uuid4().hex
    try:
        with client.stream(
            "POST",
            f"{peer.url}/studies",
            content=_body(group, boundary),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                "Content-Length": str(_body_bytes(group, boundary)),
            },
        ) as response:
            if response.status_code == 413:
                return None
            answer = _read_answer(response)
    except OSError as error:  # a file vanished or changed while it was sent
        return _all(group, file_failure(error))
    except _NO_CONNECTION as error:
        return _all(group, Failure("unreachable", f"{peer.url} cannot be reached: {error}"))
    except httpx.RequestError as error:
        reason = f"{peer.url} ended the request without an answer: {type(error).__name__} {error}"
        return _all(group, Failure("transient", reason.strip()))
    wait = retry_after_seconds(response.headers.get("Retry-After"), time.time())
    _log.info("stow.answered", peer=peer.name, status=response.status_code, sent=len(group))
    return outcomes_of(
        response.status_code, answer, [item.sop_instance_uid for item in group], wait
    )


def outcomes_of(
    status: int, answer: Any, uids: Sequence[str], retry_after: float | None
) -> dict[str, Failure | None]:
    """Judge each instance by the answer of the server (PS3.18 section 10.5.3).

    An instance counts as stored when the answer lists it so, or when the status is 200 and it
    is not among the failed ones. What the answer of another status does not mention is not
    known to be stored, and is sent again.

    Parameters
    ----------
    status
        Of the HTTP response.
    answer
        Its body as parsed JSON; None if it was none.
    uids
        SOP Instance UIDs of what was sent.
    retry_after
        From `retry_after_seconds`.
    """
    body = answer[0] if isinstance(answer, list) and answer else answer
    stored = {_uid(item) for item in _items(body, _REFERENCED)}
    failed = {_uid(item): _reason(item) for item in _items(body, _FAILED)}
    outcomes: dict[str, Failure | None] = {}
    for uid in uids:
        if uid in failed:
            outcomes[uid] = failed[uid]
        elif uid in stored or status == 200:
            outcomes[uid] = None
        else:
            outcomes[uid] = _status_failure(status, retry_after)
    return outcomes


def _status_failure(status: int, retry_after: float | None) -> Failure:
    kind: FailureKind = "transient"
    if status in _PEER_WIDE:
        kind = "unreachable"
    elif 300 <= status < 500 and status not in _MAY_PASS:
        kind = "permanent"
    reason = f"the server answered HTTP {status}"
    if status in (401, 403):
        reason += "; check its user name and password, or token, in the settings"
    elif status in (202, 409):
        reason += " and did not say that it stored the object"
    return Failure(kind, reason, retry_after)


def _items(body: Any, key: str) -> list[Any]:
    element = body.get(key) if isinstance(body, dict) else None
    items = element.get("Value") if isinstance(element, dict) else None
    return items if isinstance(items, list) else []


def _value(item: Any, key: str) -> Any:
    element = item.get(key) if isinstance(item, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None


def _uid(item: Any) -> str:
    return str(_value(item, _INSTANCE_UID))


def _reason(item: Any) -> Failure:
    reason = _value(item, _FAILURE_REASON)
    if isinstance(reason, int) and 0 < reason <= 0xFFFF:
        return store_failure(reason)
    return Failure("transient", "the server lists the object as failed without a reason")


def _all(group: Sequence[_Item], failure: Failure) -> dict[str, Failure | None]:
    return {item.sop_instance_uid: failure for item in group}


def _part_head(boundary: str) -> bytes:
    return f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii")


def _tail(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode("ascii")


def _body_bytes(group: Sequence[_Item], boundary: str) -> int:
    parts = sum(len(_part_head(boundary)) + item.size + len(b"\r\n") for item in group)
    return parts + len(_tail(boundary))


def _body(group: Sequence[_Item], boundary: str) -> Iterator[bytes]:
    """Yield the multipart body (RFC 2387) from the files, never a whole one in memory."""
    for item in group:
        yield _part_head(boundary)
        left = item.size
        with item.path.open("rb") as file:
            while left and (chunk := file.read(min(_CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk
        if left:
            raise FileNotFoundError(2, "it became shorter while it was sent")
        yield b"\r\n"
    yield _tail(boundary)


def _read_answer(response: httpx.Response) -> Any:
    """Return the body as JSON; None if it is something else or too long."""
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _MAX_ANSWER_BYTES:
            return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
