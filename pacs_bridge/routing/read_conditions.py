"""Conditions of a rule file: from YAML to `Condition`."""

import re
from collections.abc import Callable, Sequence
from datetime import time
from decimal import Decimal

from pacs_bridge.routing.conditions import (
    Age,
    Attribute,
    Condition,
    Every,
    Images,
    Not,
    Some,
    Tag,
    TimeOfDay,
    Weekday,
)
from pacs_bridge.routing.fields import FIELDS, WEEKDAYS
from pacs_bridge.routing.located import Entries, Node, Scalar
from pacs_bridge.routing.matchers import Range
from pacs_bridge.routing.read_matchers import limits, read_matcher, read_tag_matcher
from pacs_bridge.routing.read_tags import read_tag
from pacs_bridge.routing.reading import Sheet, kind, shown

MAX_AGE_YEARS = 130
MAX_IMAGES = 1_000_000
_TIME = re.compile("([01]?[0-9]|2[0-3]):([0-5][0-9])")


def read_condition(sheet: Sheet, node: Node, what: str) -> Condition | None:
    """Return the condition of a mapping, whose entries must all hold.

    None, and at least one problem, when nothing can be made of it.
    """
    if isinstance(node, Entries) and not node.entries:
        sheet.problem(node.place, f"{what} is empty; leave it out to match every study")
        return None
    read = (
        _READERS[key.text](sheet, value, key.text)
        for key, value in sheet.entries(node, what, CONDITION_KEYS)
    )
    return _combined([part for part in read if part is not None])


def _attribute(sheet: Sheet, node: Node, key: str) -> Condition | None:
    matcher = read_matcher(sheet, node, FIELDS[key])
    return None if matcher is None else Attribute(key, matcher)


def _tags(sheet: Sheet, node: Node, key: str) -> Condition | None:
    if not isinstance(node, Entries) or not node.entries:
        sheet.problem(
            node.place,
            f"{key} must map keywords or (gggg,eeee) to what their values must be, not "
            f"{kind(node)}",
        )
        return None
    parts: list[Condition] = []
    for name, value in node.entries:
        tag = read_tag(sheet, name)
        matcher = read_tag_matcher(sheet, value, name.text)
        if tag is not None and matcher is not None:
            parts.append(Tag(tag, matcher))
    return _combined(parts)


def _combined(parts: Sequence[Condition]) -> Condition | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def _age(sheet: Sheet, node: Node, key: str) -> Condition | None:
    years = _whole_range(sheet, node, key, MAX_AGE_YEARS)
    return None if years is None else Age(years)


def _images(sheet: Sheet, node: Node, key: str) -> Condition | None:
    count = _whole_range(sheet, node, key, MAX_IMAGES)
    return None if count is None else Images(count)


def _whole_range(sheet: Sheet, node: Node, what: str, high: int) -> Range | None:
    """Read a whole number, or a mapping with ``min``, ``max`` or both."""
    if not isinstance(node, Entries):
        value = sheet.whole_number(node, what, 0, high)
        return None if value is None else Range(Decimal(value), Decimal(value))

    def one(sheet: Sheet, node: Node, what: str) -> Decimal | None:
        value = sheet.whole_number(node, what, 0, high)
        return None if value is None else Decimal(value)

    return limits(sheet, node, what, one)


def _time_of_day(sheet: Sheet, node: Node, key: str) -> Condition | None:
    found: dict[str, time] = {}
    for name, value in sheet.entries(node, key, ("from", "to")):
        moment = _time(sheet, value, f"{name.text} of {key}")
        if moment is not None:
            found[name.text] = moment
    if not isinstance(node, Entries):
        return None
    written = {name.text for name, _ in node.entries}
    for missing in ("from", "to"):
        if missing not in written:
            sheet.problem(node.place, f"{key} lacks the key {missing!r}")
    if len(found) < 2:
        return None
    if found["from"] == found["to"]:
        sheet.problem(node.place, f"{key} begins and ends at the same time")
        return None
    return TimeOfDay(found["from"], found["to"])


def _time(sheet: Sheet, node: Node, what: str) -> time | None:
    written = _TIME.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    if written is None:
        sheet.problem(node.place, f"{what} must be a time such as 07:30, not {kind(node)}")
        return None
    return time(int(written[1]), int(written[2]))


def _weekday(sheet: Sheet, node: Node, key: str) -> Condition | None:
    days = []
    for text, place in sheet.texts(node, key):
        if text.lower() in WEEKDAYS:
            days.append(WEEKDAYS.index(text.lower()))
        else:
            allowed = ", ".join(WEEKDAYS)
            sheet.problem(place, f"unknown {key} {shown(text)}; allowed: {allowed}")
    return Weekday(frozenset(days)) if days else None


def _all(sheet: Sheet, node: Node, key: str) -> Condition | None:
    parts = _parts(sheet, node, key)
    return Every(parts) if parts else None


def _any(sheet: Sheet, node: Node, key: str) -> Condition | None:
    parts = _parts(sheet, node, key)
    return Some(parts) if parts else None


def _parts(sheet: Sheet, node: Node, key: str) -> tuple[Condition, ...]:
    items = sheet.items(node, key)
    if not items and not isinstance(node, Entries | Scalar):
        sheet.problem(node.place, f"{key} is an empty list; name at least one condition")
    read = (
        read_condition(sheet, item, f"item {number} of {key}")
        for number, item in enumerate(items, start=1)
    )
    return tuple(part for part in read if part is not None)


def _not(sheet: Sheet, node: Node, key: str) -> Condition | None:
    part = read_condition(sheet, node, key)
    return None if part is None else Not(part)


_READERS: dict[str, Callable[[Sheet, Node, str], Condition | None]] = {
    **dict.fromkeys(FIELDS, _attribute),
    "patient_age": _age,
    "images": _images,
    "time_of_day": _time_of_day,
    "weekday": _weekday,
    "tags": _tags,
    "all": _all,
    "any": _any,
    "not": _not,
}
CONDITION_KEYS = tuple(_READERS)
