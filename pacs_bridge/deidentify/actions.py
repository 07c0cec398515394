"""Decide what happens to an attribute: table E.1-1, its options, and what it leaves open.

Where the table leaves a choice to the IOD (``X/Z``, ``X/D``, ``Z/D``, ``X/Z/D``), the variant
is taken that conforms to every IOD: an empty value rather than none, a dummy rather than an
empty one. Attributes that the table does not name are kept only if they are in the data
dictionary, and then only if their kind does not carry names, dates, addresses or free text.
"""

from enum import Enum, auto

from pydicom.datadict import dictionary_has_tag, repeater_has_tag

from pacs_bridge.deidentify.options import Options
from pacs_bridge.deidentify.table import ProfileTable, Row


class Action(Enum):
    """What happens to one attribute."""

    REMOVE = auto()
    EMPTY = auto()
    DUMMY = auto()
    UID = auto()
    KEEP = auto()  # sequences: the items are cleaned
    SHIFT = auto()
    WORDS = auto()  # as far as made of allowed words
    STRUCTURE = auto()  # content items without text and names
    GRAPHICS = auto()  # annotations without text
    PRIVATE = auto()  # if known to be safe


_BASIC = {
    "X": Action.REMOVE,
    "Z": Action.EMPTY,
    "D": Action.DUMMY,
    "U": Action.UID,
    "K": Action.KEEP,
    "X/Z": Action.EMPTY,
    "X/D": Action.DUMMY,
    "Z/D": Action.DUMMY,
    "X/Z/D": Action.DUMMY,
    "X/Z/U*": Action.KEEP,  # sequences of references, whose UIDs are replaced
}
_TEMPORAL = frozenset({"DA", "DT", "TM"})
_TEXT = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
# Free text, names, addresses of servers, dates: never kept unless the table says so.
_UNLISTED_REMOVED = frozenset({"LT", "PN", "ST", "UR", "UT"}) | _TEMPORAL
_GRAPHIC_ANNOTATIONS, _GRAPHIC_LAYERS = 0x00700001, 0x00700060
_CONTENT = frozenset({0x0040A730, 0x00400555})
# Attributes of VR UI that name a kind of thing, not a thing.
KINDS = frozenset(
    {
        0x00080016,  # SOP Class UID
        0x0008001A,  # Related General SOP Class UID
        0x0008001B,  # Original Specialized SOP Class UID
        0x00080062,  # SOP Classes in Study
        0x0008010C,  # Coding Scheme UID
        0x0008010D,  # Context Group Extension Creator UID
        0x00080117,  # Context UID
        0x00080118,  # Mapping Resource UID
        0x00081150,  # Referenced SOP Class UID
        0x0008115A,  # SOP Classes Supported
        0x00083002,  # Available Transfer Syntax UID
        0x04000010,  # MAC Calculation Transfer Syntax UID
        0x04000510,  # Encrypted Content Transfer Syntax UID
        0x30100052,  # Pertinent SOP Classes in Study
        0x30100053,  # Pertinent SOP Classes in Series
    }
)


def decide(tag: int, vr: str, options: Options, table: ProfileTable) -> Action:
    """Return what happens to the attribute `tag`.

    Parameters
    ----------
    tag
        ``0xGGGGEEEE``.
    vr
        Value representation, of the data dictionary if the data set has UN.
    """
    row = table.row(tag)
    if row is None:
        return _unlisted(tag, vr, options)
    if tag >> 16 & 1:
        return Action.PRIVATE if options.safe_private and row.safe_private else _BASIC[row.basic]
    return _optional(row, tag, vr, options) or basic_action(row, tag)


def basic_action(row: Row, tag: int) -> Action:
    """Return what happens to an attribute without any option."""
    action = _BASIC[row.basic]
    if action is Action.DUMMY and tag in {_GRAPHIC_ANNOTATIONS, *_CONTENT}:
        return Action.REMOVE  # a dummy annotation or sentence would be one more invention
    return action


def _optional(row: Row, tag: int, vr: str, options: Options) -> Action | None:
    """Return what an option in force says; None if none concerns the attribute."""
    if options.uids and row.uids == "K":
        return Action.KEEP
    if options.modified_dates and row.modified_dates and vr in _TEMPORAL:
        return Action.SHIFT
    if vr not in _TEMPORAL and (
        (options.device_identity and row.device == "K")
        or (options.patient_characteristics and row.patient == "K")
    ):
        return Action.KEEP
    if options.descriptors and row.descriptors and vr in _TEXT:
        return Action.WORDS
    if options.structured_content and row.structured and tag in _CONTENT:
        return Action.STRUCTURE
    if options.graphics and row.graphics and tag == _GRAPHIC_ANNOTATIONS:
        return Action.GRAPHICS
    return None


def _unlisted(tag: int, vr: str, options: Options) -> Action:
    if tag == _GRAPHIC_LAYERS and not options.graphics:  # layers go with the annotations on them
        return Action.REMOVE
    if not (dictionary_has_tag(tag) or repeater_has_tag(tag)):
        return Action.REMOVE
    if vr == "UI":
        return Action.KEEP if tag in KINDS or options.uids else Action.UID
    if vr in _TEMPORAL and options.modified_dates:
        return Action.SHIFT
    if vr in _UNLISTED_REMOVED and not 0x00080100 <= tag <= 0x00080124:  # codes and schemes
        return Action.REMOVE
    return Action.KEEP
