"""Reads elements of a FHIR resource whose types nobody has checked.

Every function takes whatever JSON holds there (dict, list, str, int, float, bool, None) and gives
the nearest usable value, or nothing; none raises. FHIR R4, hl7.org/fhir/R4/datatypes.html.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from clinical_ai.records.kinds import system_of
from clinical_ai.records.record import Concept

Resource = Mapping[str, Any]

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""FHIR R4 datatypes, id."""
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PARTIAL = re.compile(r"\d{4}(-\d{2})?")
_EARLIEST_YEAR, _LATEST_YEAR = 1870, 2200
"""No living patient has a date outside; such dates are slips, or filled in by a machine."""
_LONGEST_TEXT = 500


def is_id(value: object) -> bool:
    """Whether a value is a FHIR id."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_type(value: object) -> bool:
    """Whether a value has the form of a resource type."""
    return isinstance(value, str) and _TYPE.fullmatch(value) is not None


def mapping(value: object) -> Resource:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> Iterator[Resource]:
    """The objects among the items of a list; a lone object counts as a list of one."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def text(value: object, longest: int = _LONGEST_TEXT) -> str:
    """The value if it is a text, without NUL characters and not longer than `longest`."""
    return value.replace("\0", "").strip()[:longest] if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """The value if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def reference(value: object) -> tuple[str, str] | None:
    """Type and id that a Reference points to, None unless it names both.

    ``Patient/1``, ``http://server/fhir/Patient/1/_history/2`` and ``urn:uuid:...`` (with the
    type from ``Reference.type``, or empty) are understood.
    """
    written = text(mapping(value).get("reference"))
    if not written:
        return None
    if written.startswith(("urn:uuid:", "urn:oid:")):
        found = written.rpartition(":")[2]
        return (text(mapping(value).get("type")), found) if is_id(found) else None
    parts = written.partition("/_history/")[0].split("/")
    if len(parts) >= 2 and is_type(parts[-2]) and is_id(parts[-1]):
        return parts[-2], parts[-1]
    return None


def codings(concept: object) -> tuple[tuple[str, str], ...]:
    """System (one URI each, see `kinds.system_of`) and code of a CodeableConcept."""
    found = []
    for coding in mappings(mapping(concept).get("coding")):
        code = text(coding.get("code"))
        if code:
            found.append((system_of(text(coding.get("system")), code), code))
    return tuple(found)


def codes(concept: object) -> frozenset[str]:
    """Codes of a CodeableConcept, whatever their systems."""
    return frozenset(code for _, code in codings(concept))


def concept_of(concept: object) -> Concept:
    """The first coding of a CodeableConcept, displayed by its display or the concept's text."""
    words = text(mapping(concept).get("text"))
    for coding in mappings(mapping(concept).get("coding")):
        code = text(coding.get("code"))
        display = text(coding.get("display")) or words
        if code or display:
            return Concept(code, system_of(text(coding.get("system")), code), display)
    return Concept("", "", words)


def written_names(concept: object) -> str:
    """Everything a CodeableConcept says in words."""
    shown = [text(coding.get("display")) for coding in mappings(mapping(concept).get("coding"))]
    return " ".join(filter(None, [*shown, text(mapping(concept).get("text"))]))


def moment(value: object) -> datetime | None:
    """A dateTime or instant of at least a day; one without a zone is taken as local time."""
    if not isinstance(value, str) or len(value) < 10 or not _DAY.match(value):
        return None
    try:
        found = datetime.fromisoformat(value)
        if not _EARLIEST_YEAR <= found.year <= _LATEST_YEAR:
            return None
        return found if found.tzinfo is not None else found.astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def day(value: object, *, partial: bool = False) -> date | None:
    """The day of a date or dateTime; with `partial`, the first day of a bare year or month."""
    if not isinstance(value, str):
        return None
    written = value[:10] if _DAY.match(value) else ""
    if partial and _PARTIAL.fullmatch(value):
        written = value + ("-01-01" if len(value) == 4 else "-01")
    if not written:
        return None
    try:
        found = date.fromisoformat(written)
    except ValueError:
        return None
    return found if _EARLIEST_YEAR <= found.year <= _LATEST_YEAR else None


def first_day(resource: Resource, *names: str) -> date | None:
    """The day that the first present of the elements says; periods count by their start."""
    for name in names:
        value = resource.get(name)
        if isinstance(value, dict):
            value = value.get("start") or value.get("end")
        found = day(value, partial=True)
        if found is not None:
            return found
    return None
