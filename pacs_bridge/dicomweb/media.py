"""Which representation a client wants: the header Accept, as DICOMweb uses it.

PS3.18 8.7.5 to 8.7.8 put the media type of the parts and the transfer syntax into parameters:
``multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80; q=0.8``. We list
what we can make (offers), best first, and take the one with the highest quality (RFC 9110
12.5.1); on a tie the first.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian

from pacs_bridge.dicomweb.problem import HttpError, bad_request, not_acceptable

MULTIPART = "multipart/related"
DICOM = "application/dicom"
OCTETS = "application/octet-stream"
JSON = "application/dicom+json"
_MAX_LENGTH = 4096
_MAX_RANGES = 64
_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # a token of RFC 9110 5.6.2
_TYPE = re.compile(rf"[ \t]*({_NAME}/{_NAME})[ \t]*")
# Clients in use leave out the quotes that RFC 9110 asks for around type=application/dicom.
_PARAMETER = re.compile(rf';[ \t]*({_NAME})=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))[ \t]*')
_EMPTY = re.compile(r";[ \t]*(?=[;,]|$)")
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One member of the header Accept.

    Parameters
    ----------
    media_type
        Lower case, with wildcards; of the parts where the range is multipart.
    multipart
        None accepts single and multipart answers.
    transfer_syntax
        UID or ``*``; None where the range names none.
    quality
        0 (not acceptable) to 1.
    """

    media_type: str
    multipart: bool | None
    transfer_syntax: str | None
    quality: float

    def precision(self, offer: "Offer") -> int | None:
        """Return how exactly the range names the offer; None where it does not match."""
        if self.multipart is not None and self.multipart != offer.multipart:
            return None
        kind, _, name = self.media_type.partition("/")
        offered_kind, _, offered_name = offer.media_type.partition("/")
        if kind not in ("*", offered_kind) or name not in ("*", offered_name):
            return None
        exact = (kind != "*") + (name != "*") + (self.multipart is not None)
        if self.transfer_syntax is None:
            return exact if offer.default or name == "*" else None
        if self.transfer_syntax not in ("*", offer.transfer_syntax):
            return None
        return exact + 4 * (self.transfer_syntax != "*") + 1


@dataclass(frozen=True, slots=True)
class Offer:
    """One representation that can be made.

    Parameters
    ----------
    transfer_syntax
        UID of its encoding; empty where there is none to speak of.
    default
        It is what a client gets that names the media type and no transfer syntax.
    """

    media_type: str
    multipart: bool = False
    transfer_syntax: str = ""
    default: bool = True


def parse_accept(header: str) -> tuple[MediaRange, ...]:
    """Read the header Accept; an empty one accepts anything.

    Raises
    ------
    HttpError
        400 where it does not follow the grammar.
    """
    if len(header) > _MAX_LENGTH:
        raise bad_request(f"Accept is longer than {_MAX_LENGTH} characters")
    ranges: list[MediaRange] = []
    position = 0
    while position < len(header):
        if header[position] in ", \t":
            position += 1
            continue
        media_type, parameters, position = _element(header, position)
        ranges.append(_media_range(media_type, parameters))
        if len(ranges) > _MAX_RANGES:
            raise bad_request(f"Accept names more than {_MAX_RANGES} media types")
    return tuple(ranges) or (MediaRange("*/*", None, None, 1.0),)


def choose(accept: Sequence[MediaRange], offers: Iterable[Offer]) -> Offer:
    """Return the offer that the client likes best.

    Raises
    ------
    HttpError
        406 where none is acceptable.
    """
    best: Offer | None = None
    best_quality = 0.0
    known: list[str] = []
    for offer in offers:
        known.append(_described(offer))
        quality = _quality(accept, offer)
        if quality > best_quality:
            best, best_quality = offer, quality
    if best is None:
        raise not_acceptable(f"this can be sent as {', '.join(dict.fromkeys(known))}")
    return best


def parse_content_type(header: str) -> tuple[str, dict[str, str]]:
    """Return media type (lower case) and parameters of the header Content-Type.

    Raises
    ------
    HttpError
        415 where it is missing or malformed.
    """
    try:
        media_type, parameters, stop = _element(header[:_MAX_LENGTH], 0)
    except HttpError as error:
        raise HttpError(415, "Content-Type is missing or malformed") from error
    if stop != len(header):
        raise HttpError(415, "Content-Type is missing or malformed")
    return media_type, parameters


def _element(header: str, start: int) -> tuple[str, dict[str, str], int]:
    """Return media type, parameters and the position after them."""
    match = _TYPE.match(header, start)
    if match is None:
        raise bad_request(f"no media type at character {start + 1} of Accept")
    media_type = match[1].lower()
    position = match.end()
    parameters: dict[str, str] = {}
    while position < len(header) and header[position] == ";":
        empty = _EMPTY.match(header, position)
        if empty is not None:
            position = empty.end()
            continue
        match = _PARAMETER.match(header, position)
        if match is None:
            raise bad_request(f"no parameter at character {position + 1} of Accept")
        quoted = match[2]
        value = match[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        parameters.setdefault(match[1].lower(), value)
        position = match.end()
    if position < len(header) and header[position] != ",":
        raise bad_request(f"neither comma nor semicolon at character {position + 1} of Accept")
    return media_type, parameters, position


def _media_range(media_type: str, parameters: Mapping[str, str]) -> MediaRange:
    quality = parameters.get("q", "1")
    if not _QUALITY.fullmatch(quality):
        raise bad_request("q of Accept is not a number from 0 to 1 with up to three decimals")
    multipart: bool | None = False
    if media_type == MULTIPART:
        media_type, multipart = parameters.get("type", "*/*").lower(), True
        if not _TYPE.fullmatch(media_type):
            raise bad_request("type of multipart/related in Accept is not a media type")
    elif media_type == "*/*":
        multipart = None
    syntax = parameters.get("transfer-syntax")
    return MediaRange(media_type, multipart, syntax, float(quality))


def _quality(accept: Sequence[MediaRange], offer: Offer) -> float:
    """Return the quality of the most precise range that matches."""
    precision, quality = -1, 0.0
    for one in accept:
        found = one.precision(offer)
        if found is not None and found > precision:
            precision, quality = found, one.quality
    return quality


def _described(offer: Offer) -> str:
    syntax = f"; transfer-syntax={offer.transfer_syntax}" if offer.transfer_syntax else ""
    if offer.multipart:
        return f'{MULTIPART}; type="{offer.media_type}"{syntax}'
    return f"{offer.media_type}{syntax}"


def instance_offers(stored: str, *, single: bool, decodable: bool) -> tuple[Offer, ...]:
    """Return how an instance can be sent, stored form first.

    Parameters
    ----------
    stored
        Transfer Syntax UID of the file.
    single
        Also as an answer of one part, which PS3.18 8.7.3.2 leaves to single instances.
    decodable
        Also in Explicit VR Little Endian, which a client gets that names no transfer syntax
        (PS3.18 8.7.3.5.2).
    """
    explicit = str(ExplicitVRLittleEndian)
    syntaxes = (stored,) if stored == explicit or not decodable else (stored, explicit)
    return tuple(
        Offer(DICOM, multipart, syntax, default=syntax == explicit)
        for syntax in syntaxes
        for multipart in ((True, False) if single else (True,))
    )
