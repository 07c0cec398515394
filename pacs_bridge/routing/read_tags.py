"""Data elements and SOP classes of a rule file, by keyword or number."""

import re

from pydicom import uid
from pydicom.datadict import dictionary_VR, keyword_dict, keyword_for_tag, tag_for_keyword

from pacs_bridge.header import is_uid
from pacs_bridge.routing.located import Place, Scalar
from pacs_bridge.routing.reading import Sheet, shown, suggestion

# (gggg,eeee), gggg,eeee or ggggeeee
_NUMBER = re.compile(r"\(?\s*([0-9A-Fa-f]{4})\s*,?\s*([0-9A-Fa-f]{4})\s*\)?")
# Bulk data and what nests: PS3.5 6.2; a rule compares plain values.
_NOT_PLAIN = frozenset({"SQ", "OB", "OW", "OD", "OF", "OL", "OV", "OB or OW"})
_META_GROUP = 0x0002

SOP_CLASSES: dict[str, str] = {
    one.keyword: str(one)
    for one in vars(uid).values()
    if isinstance(one, uid.UID) and one.type == "SOP Class" and "Storage" in one.keyword
}


def read_tag(sheet: Sheet, key: Scalar) -> int | None:
    """Return the tag ``0xGGGGEEEE`` that a key names; None, and a problem, if none."""
    tag = tag_for_keyword(key.text.strip())
    if tag is None:
        written = _NUMBER.fullmatch(key.text.strip())
        if written is None:
            hint = suggestion(key.text, keyword_dict)
            sheet.problem(
                key.place,
                f"unknown data element {shown(key.text)}{hint}; write a keyword of the DICOM "
                "dictionary such as SliceThickness, or a number such as (0018,0050)",
            )
            return None
        tag = int(written[1] + written[2], 16)
    if tag >> 16 <= _META_GROUP:
        sheet.problem(
            key.place, f"{shown(key.text)} is not part of the data set; rules cannot look at it"
        )
        return None
    if keyword_for_tag(tag) and dictionary_VR(tag) in _NOT_PLAIN:
        sheet.problem(
            key.place,
            f"{shown(key.text)} is a sequence or bulk data; rules look at plain values only",
        )
        return None
    return int(tag)


def read_sop_class(sheet: Sheet, text: str, place: Place) -> str | None:
    """Return the UID of a storage SOP class; None, and a problem, if it is none."""
    if is_uid(text):
        return text
    if text in SOP_CLASSES:
        return SOP_CLASSES[text]
    sheet.problem(
        place,
        f"unknown SOP class {shown(text)}{suggestion(text, SOP_CLASSES)}; write a UID, or a "
        "keyword such as CTImageStorage (PS3.6 table A-1)",
    )
    return None
