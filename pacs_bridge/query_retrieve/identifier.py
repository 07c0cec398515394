"""Read the identifier of a request, and check it against its model (PS3.4 C.4)."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom.datadict import dictionary_VR, keyword_for_tag

from pacs_bridge.elements import Element, walk
from pacs_bridge.errors import EncodingError, QueryError
from pacs_bridge.query import Level, known
from pacs_bridge.query_retrieve.models import UNIQUE_KEYS, Model
from pacs_bridge.text import decode, encodings

_CHARACTER_SET = 0x00080005
_LEVEL = "QueryRetrieveLevel"
# They say something of the request, or every response has them: no keys to match.
_NO_KEYS = frozenset(
    {
        "SpecificCharacterSet",
        "TimezoneOffsetFromUTC",
        "RetrieveAETitle",
        "InstanceAvailability",
        _LEVEL,
    }
)


@dataclass(frozen=True, slots=True)
class Identifier:
    """What a request asks for.

    Parameters
    ----------
    level
        Query/Retrieve Level.
    keys
        Values by keyword, decoded; several are separated by backslashes.
    unsupported
        Some key is none that we know at this level.
    """

    level: Level
    keys: Mapping[str, str]
    unsupported: bool


def read_identifier(dataset: bytes, transfer_syntax_uid: str, model: Model) -> Identifier:
    """Read an identifier and check that its level exists in the model.

    Raises
    ------
    QueryError
        If it cannot be read, or its level is missing or not of the model.
    """
    try:
        elements = list(walk(dataset, transfer_syntax_uid))
    except EncodingError as error:
        raise QueryError(f"the identifier cannot be read: {error}") from error
    known_sets = encodings(
        next((dataset[e.start : e.stop] for e in elements if e.tag == _CHARACTER_SET), b"")
    )
    keys: dict[str, str] = {}
    unsupported = False
    for element in elements:
        keyword = keyword_for_tag(element.tag)
        if keyword and not element.encapsulated:
            keys[keyword] = _value(element, dataset[element.start : element.stop], known_sets)
        elif element.tag & 0xFFFF:  # a private element or a sequence, not a group length
            unsupported = True
    level = _level(keys.get(_LEVEL, ""), model)
    unsupported |= not keys.keys() - _NO_KEYS <= known(level)
    return Identifier(level, {k: v for k, v in keys.items() if k in known(level)}, unsupported)


def check_unique_keys(identifier: Identifier, model: Model, *, retrieve: bool) -> None:
    """Check the unique keys: one value for each level above (PS3.4 C.4.1.2.1, C.4.2.2.1).

    Parameters
    ----------
    retrieve
        The unique key of the level itself must be there too; it may be a list of UIDs.

    Raises
    ------
    QueryError
        If one is missing, or is a list or a pattern where it must be one value.
    """
    for level in model.levels:
        keyword = UNIQUE_KEYS[level]
        value = identifier.keys.get(keyword, "")
        if level is identifier.level:
            if retrieve and (not value or _is_pattern(value)):
                raise _error(keyword, f"must name what to retrieve at level {level}")
            return
        if not value or "\\" in value or _is_pattern(value):
            raise _error(keyword, f"must have one value at level {identifier.level}")


def _level(text: str, model: Model) -> Level:
    if text not in [str(level) for level in model.levels]:
        names = ", ".join(model.levels)
        raise _error(_LEVEL, f"must be one of {names}")
    return Level(text)


def _value(element: Element, raw: bytes, known_sets: tuple[str, ...]) -> str:
    vr = dictionary_VR(element.tag)
    if vr == "UI":  # lists of UIDs are longer than text may be
        return raw.decode("ascii", "replace").replace("\0", "").strip(" ")
    if vr == "US":
        return str(int.from_bytes(raw, "little")) if len(raw) == 2 else ""
    return decode(raw, known_sets)


def _is_pattern(value: str) -> bool:
    return "*" in value or "?" in value


def _error(keyword: str, what: str) -> QueryError:
    return QueryError(f"{keyword} {what}", keyword=keyword)
