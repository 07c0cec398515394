"""What the value of an attribute must be: from YAML to `Matcher`.

``CT`` and ``[CT, MR]`` mean equality; a mapping names another test: ``{regex: chest}``.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from pacs_bridge.errors import RoutingError
from pacs_bridge.routing.fields import FIELDS, Field
from pacs_bridge.routing.located import Entries, Node, Place
from pacs_bridge.routing.matchers import (
    AllOf,
    Contains,
    Exists,
    Matcher,
    OneOf,
    Only,
    Range,
    Regex,
    compile_pattern,
    number,
)
from pacs_bridge.routing.modalities import MODALITIES
from pacs_bridge.routing.read_tags import read_sop_class
from pacs_bridge.routing.reading import Sheet, kind, listed, shown, suggestion

ANY_FIELD = Field("", "", "text", "")  # a data element: any text
TEXT_TESTS = ("equals", "all", "only", "contains", "regex", "exists")
LIMITS = ("min", "max")
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")  # PS3.5 table 6.2-1, VR AE
_MAX_CODE_CHARACTERS = 16  # VR CS


def read_matcher(sheet: Sheet, node: Node, field: Field) -> Matcher | None:
    """Return the test of an attribute; None, and a problem, if it is none."""
    return _matcher(sheet, node, field, field.name, TEXT_TESTS)


def read_tag_matcher(sheet: Sheet, node: Node, name: str) -> Matcher | None:
    """Return the test of a data element, which may be a range too."""
    return _matcher(sheet, node, ANY_FIELD, name, (*TEXT_TESTS, *LIMITS))


def limits(
    sheet: Sheet, node: Node, what: str, one: Callable[[Sheet, Node, str], Decimal | None]
) -> Range | None:
    """Read a mapping with ``min``, ``max`` or both, each by `one`."""
    found: dict[str, Decimal] = {}
    whole = True
    for key, value in sheet.entries(node, what, LIMITS):
        limit = one(sheet, value, f"{key.text} of {what}")
        if limit is None:
            whole = False
        else:
            found[key.text] = limit
    if not whole:
        return None
    if not found:
        sheet.problem(node.place, f"{what} needs min, max or both")
        return None
    low, high = found.get("min"), found.get("max")
    if low is not None and high is not None and low > high:
        sheet.problem(node.place, f"min of {what} is {low}, which is more than max, {high}")
        return None
    return Range(low, high)


def _matcher(
    sheet: Sheet, node: Node, field: Field, what: str, tests: tuple[str, ...]
) -> Matcher | None:
    if not isinstance(node, Entries):
        values = _values(sheet, node, field, what)
        return OneOf(values, field.exact) if values else None
    entries = tuple(sheet.entries(node, what, tests))
    names = {key.text for key, _ in entries}
    if names and names <= set(LIMITS):
        return limits(sheet, node, what, _decimal)
    if len(entries) > 1 or not node.entries:
        sheet.problem(
            node.place,
            f"{what} must have one of {listed(tests)}, not {len(entries)} of them; combine tests "
            "with all, any and not",
        )
        return None
    if not entries:
        return None
    key, value = entries[0]
    return _test(sheet, key.text, value, field, what)


def _test(sheet: Sheet, test: str, node: Node, field: Field, what: str) -> Matcher | None:
    if test == "regex":
        return _regex(sheet, node, f"regex of {what}")
    if test == "exists":
        wanted = sheet.flag(node, f"exists of {what}")
        return None if wanted is None else Exists(wanted)
    if test == "contains":
        texts = tuple(text for text, _ in sheet.texts(node, f"contains of {what}"))
        return Contains(texts, field.exact) if texts else None
    values = _values(sheet, node, field, f"{test} of {what}")
    if not values:
        return None
    if test == "all":
        return AllOf(values, field.exact)
    return Only(values, field.exact) if test == "only" else OneOf(values, field.exact)


def _regex(sheet: Sheet, node: Node, what: str) -> Matcher | None:
    pattern = sheet.text(node, what)
    if pattern is None:
        return None
    try:
        compile_pattern(pattern)
    except RoutingError as error:
        sheet.problem(
            node.place,
            f"{what} {shown(pattern)} cannot be used: {error}. Patterns are RE2's, which has no "
            "look-around and no back-references",
        )
        return None
    return Regex(pattern)


def _decimal(sheet: Sheet, node: Node, what: str) -> Decimal | None:
    text = sheet.text(node, what, longest=32)
    if text is None:
        return None
    value = number(text)
    if value is None:
        sheet.problem(node.place, f"{what} must be a number, not {kind(node)}")
    return value


def _values(sheet: Sheet, node: Node, field: Field, what: str) -> tuple[str, ...]:
    read = (_value(sheet, text, place, field, what) for text, place in sheet.texts(node, what))
    return tuple(value for value in read if value is not None)


def _value(sheet: Sheet, text: str, place: Place, field: Field, what: str) -> str | None:
    if field.kind == "sop_class":
        return read_sop_class(sheet, text, place)
    if field.kind == "ae" and not _AE_TITLE.fullmatch(text):
        sheet.problem(
            place, f"{what} {shown(text)} is no AE title: 1 to 16 ASCII characters without \\"
        )
        return None
    if field.kind == "code":
        return _code(sheet, text, place, field, what)
    return text


def _code(sheet: Sheet, text: str, place: Place, field: Field, what: str) -> str | None:
    if len(text) > _MAX_CODE_CHARACTERS:
        sheet.problem(
            place,
            f"{what} {shown(text)} is longer than the {_MAX_CODE_CHARACTERS} characters of VR CS",
        )
        return None
    code = text.upper()
    if field.allowed and code not in field.allowed:
        sheet.problem(place, f"unknown {what} {shown(text)}; allowed: {listed(field.allowed)}")
        return None
    if field is FIELDS["modality"] and code not in MODALITIES:
        hint = suggestion(code, MODALITIES)
        sheet.warn(place, f"{shown(text)} is no modality of PS3.3 C.7.3.1.1.1{hint}")
    return code
