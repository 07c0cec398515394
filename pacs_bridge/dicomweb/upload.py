"""The body of a store request, cut into its parts as it arrives."""

import re
from collections import deque
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from pacs_bridge.dicomweb.media import DICOM, MULTIPART, parse_content_type
from pacs_bridge.dicomweb.problem import HttpError, bad_request

# RFC 2046 5.1.1, but for the length: it allows 70, and Orthanc sends 73.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,199}[0-9A-Za-z'()+_,./:=?-]")


@dataclass(frozen=True, slots=True)
class PartBegins:
    """A new part; `content_type` is empty where its head names none."""

    content_type: str


@dataclass(frozen=True, slots=True)
class PartEnds:
    """The part is whole."""


Event = PartBegins | bytes | PartEnds


class Splitter:
    """Cuts a multipart/related body into events: begin, bytes, end.

    Parameters
    ----------
    boundary
        From the Content-Type.
    """

    def __init__(self, boundary: str) -> None:
        self._events: deque[Event] = deque()
        self._name = self._value = b""
        self._content_type = ""
        self._done = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_begin": self._header_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> list[Event]:
        """Return what the next bytes of the body complete.

        Raises
        ------
        HttpError
            400 where the body is not multipart with this boundary.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise bad_request("the body is not multipart/related with its boundary") from error
        events = list(self._events)
        self._events.clear()
        return events

    def close(self) -> None:
        """Say that the body is over.

        Raises
        ------
        HttpError
            400 where its last boundary is missing.
        """
        if not self._done:
            raise bad_request("the body ends before its last boundary")

    def _part_begin(self) -> None:
        self._content_type = ""

    def _header_begin(self) -> None:
        self._name = self._value = b""

    def _header_field(self, data: bytes, start: int, stop: int) -> None:
        self._name += data[start:stop]

    def _header_value(self, data: bytes, start: int, stop: int) -> None:
        self._value += data[start:stop]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-type":
            self._content_type = self._value.decode("latin-1").strip()

    def _headers_finished(self) -> None:
        self._events.append(PartBegins(self._content_type))

    def _part_data(self, data: bytes, start: int, stop: int) -> None:
        if stop > start:
            self._events.append(data[start:stop])

    def _part_end(self) -> None:
        self._events.append(PartEnds())

    def _end(self) -> None:
        self._done = True


class Single:
    """A body that is one instance, without multipart around it."""

    def __init__(self) -> None:
        self._begun = False

    def feed(self, data: bytes) -> list[Event]:
        """Return what the next bytes of the body complete."""
        begin: list[Event] = [] if self._begun else [PartBegins(DICOM)]
        self._begun = True
        return [*begin, data] if data else begin

    def close(self) -> None:
        """Say that the body is over."""


def splitter_for(content_type: str) -> Splitter | Single:
    """Return what cuts a body of this Content-Type (PS3.18 10.5.2).

    Raises
    ------
    HttpError
        415 where it is not DICOM, 400 where the boundary is missing or malformed.
    """
    media_type, parameters = parse_content_type(content_type)
    if media_type == DICOM:
        return Single()
    if media_type != MULTIPART:
        raise _unsupported()
    if parameters.get("type", DICOM).lower() != DICOM:
        raise _unsupported()
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise bad_request("multipart/related needs a boundary of the characters of RFC 2046")
    return Splitter(boundary)


def _unsupported() -> HttpError:
    return HttpError(
        415,
        'instances are taken as multipart/related; type="application/dicom", or one as '
        "application/dicom",
    )
