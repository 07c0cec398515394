"""Data sets in which every attribute of table E.1-1 holds something that must not get out."""

from pydicom import config
from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs_bridge.deidentify.table import ProfileTable, Row, profile_table
from tests.pacs_bridge.support import ct_slice

CANARY = "ZHANGQIUYAN"
CANARY_DATE = "19710203"
CANARY_UID = "1.2.826.0.1.3680043.9.9999"
NUMERIC = {"AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV", "AS"}
# Kept, with new UIDs: Referenced Image Sequence, Source Image Sequence.
_REFERENCES = {0x00081140, 0x00082112}
_VALUES = {
    "AS": "045Y",
    "DA": CANARY_DATE,
    "DT": f"{CANARY_DATE}112233.5",
    "TM": "112233.5",
    "PN": f"{CANARY}^MEILING",
    "UR": f"http://pacs.example/{CANARY}",
    "DS": "71.25",
    "IS": "7125",
}


def canary(tag: int, vr: str) -> DataElement:
    """An element whose value must not survive, as far as its VR can hold a name."""
    if vr == "SQ":
        value: object = Sequence([_reference() if tag in _REFERENCES else _item()])
    elif vr == "UI":
        value = f"{CANARY_UID}.{tag}"
    elif vr in ("OB", "OW", "UN"):
        value = CANARY.encode() + b" "
    elif vr in NUMERIC - {"DS", "IS", "AS"}:
        value = 1.0 if vr in ("FD", "FL") else 71
    else:
        value = _VALUES.get(vr, CANARY)
    return DataElement(tag, vr, value, validation_mode=config.IGNORE)


def _reference() -> Dataset:
    item = Dataset()
    item.ReferencedSOPInstanceUID = f"{CANARY_UID}.1"
    return item


def _item() -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "C1", "99HOSP", CANARY
    return item


def subject() -> Dataset:
    """A small CT whose patient, and with them everything to be found, is the canary."""
    ds = ct_slice(study=f"{CANARY_UID}.7", series=f"{CANARY_UID}.7.1")
    ds.PatientName = f"{CANARY}^MEILING"
    ds.PatientID = "H20260042"
    ds.PatientBirthDate = CANARY_DATE
    return ds


def rows() -> list[tuple[Row, int, str]]:
    """Every row of one attribute of data sets (not of commands and file meta), its tag and VR."""
    found = []
    for row in profile_table():
        if "X" in row.tag or row.tag == "PRIVATE" or row.tag < "0008":
            continue
        tag = int(row.tag, 16)
        vr = dictionary_VR(tag) if dictionary_has_tag(tag) else "UN"
        found.append((row, tag, vr.split(" ")[0]))
    return found


def full_dataset() -> Dataset:
    """Every attribute at the top, in a sequence, and in one within that; private ones; overlays."""
    top, level1, level2 = subject(), Dataset(), Dataset()
    for _, tag, vr in rows():
        for level in (top, level1, level2):
            if tag not in level:
                level[tag] = canary(tag, vr)
    level1.add(DataElement(tag_for_keyword("DimensionIndexSequence"), "SQ", [level2]))
    top.add(DataElement(tag_for_keyword("SharedFunctionalGroupsSequence"), "SQ", [level1]))
    for level in (top, level1, level2):
        block = level.private_block(0x0029, "HOSPITAL 99", create=True)
        block.add_new(0x01, "LO", CANARY)
        block.add_new(0x02, "UN", CANARY.encode("utf-16-le"))
        block.add_new(0x03, "SQ", [_item()])
        level.add(DataElement(0x60003000, "OW", b"\0\1"))
        level.add(DataElement(0x60004000, "LT", CANARY))
        level.add(DataElement(0x60020022, "LO", CANARY))
        level.add(DataElement(0x50000022, "LO", CANARY))
        level.add(DataElement(0x00100FFE, "UN", CANARY.encode()))  # not in the dictionary
        level.add(DataElement(0x00080000, "UL", 4))
    return top


def table_without(row: Row) -> ProfileTable:
    """The table with the rule of one attribute disabled."""
    return ProfileTable([*profile_table(), Row(tag=row.tag, name=row.name, basic="K")])
