"""The attributes of an instance as DICOM JSON (PS3.18 annex F), bulk data by reference."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr
from pydicom.valuerep import AMBIGUOUS_VR, BYTES_VR, FLOAT_VR

from pacs_bridge.dicomweb.plain_values import plain_values
from pacs_bridge.images.attributes import read_attributes
from pacs_bridge.images.frames import DECODING_ERRORS

# A value that is longer goes by reference; PS3.18 F.2.2 leaves the limit to us.
INLINE_BYTES = 1024
# Long values of these go by reference too (PS3.18 table F.2.3-1).
_LONG_TEXT = frozenset({"UC", "UT", "LT", "ST", "UR"})
_UTF8 = {"vr": "CS", "Value": ["ISO_IR 192"]}  # JSON is UTF-8 whatever the file was (F.1.2)
_CHARACTER_SET = 0x00080005
# What pydicom raises for a value that is not of its VR; such an element is left out.
_BAD_VALUE = (*DECODING_ERRORS, OverflowError)

Json = dict[str, Any]
Place = tuple[int, ...]
"""Tags and item numbers (from 1) by turns, from the top to an element."""


def json_of(path: Path, base_url: str) -> bytes:
    """Return the attributes of a file as one JSON object.

    Parameters
    ----------
    base_url
        URL of the instance; bulk data are at ``/bulkdata/...`` below it.

    Raises
    ------
    EncodingError, OSError
        If the file cannot be read.
    """
    attributes = read_attributes(path)
    _resolve_vrs(attributes.dataset)
    members = json_members(attributes.dataset, base_url)
    for large in attributes.large:
        if large.vr in BYTES_VR or large.vr in _LONG_TEXT:
            members[_key(large.tag)] = _reference(large.vr, base_url, (large.tag,))
    return encoded({key: members[key] for key in sorted(members)})


def json_members(dataset: Dataset, base_url: str) -> Json:
    """Return a data set as the members of a JSON object; see `json_of`."""
    return dict(_members(dataset, base_url, ()))


def encoded(value: Json | list[Json]) -> bytes:
    """Return JSON as it is sent."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def place_path(place: Place) -> str:
    """Return a place as the end of a URL: ``00200052`` or ``54000100/1/54001010``."""
    return "/".join(str(step) if i % 2 else _key(step) for i, step in enumerate(place))


def _members(dataset: Dataset, base_url: str, place: Place) -> Iterator[tuple[str, Json]]:
    for tag in sorted(dataset.keys()):
        if tag.element == 0 or tag.group in (0x0000, 0x0002):  # group lengths, file meta
            continue
        if tag == _CHARACTER_SET:
            yield _key(tag), _UTF8
            continue
        raw = dataset.get_item(tag)
        values = plain_values(raw) if isinstance(raw, RawDataElement) else None
        if isinstance(raw, RawDataElement) and values is not None:
            yield _key(tag), {"vr": raw.VR, "Value": [None if v == "" else v for v in values]}
            continue
        try:
            yield _key(tag), _element(dataset[tag], base_url, (*place, int(tag)))
        except _BAD_VALUE:
            continue


def _element(element: DataElement, base_url: str, place: Place) -> Json:
    if element.VR == "SQ":
        items = enumerate(element.value, start=1)
        return {
            "vr": "SQ",
            "Value": [dict(_members(item, base_url, (*place, n))) for n, item in items],
        }
    if element.VR in BYTES_VR | AMBIGUOUS_VR and isinstance(element.value, bytes):
        vr = element.VR if element.VR in BYTES_VR else "UN"
        if len(element.value) > INLINE_BYTES:
            return _reference(vr, base_url, place)
        return {**element.to_json_dict(None, 0), "vr": vr}
    made = element.to_json_dict(None, 0)
    if "Value" in made:
        # Empty values among others are null (F.2.5), as are numbers that JSON does not have.
        made["Value"] = [None if _is_nothing(v, element.VR) else v for v in made["Value"]]
    return made


def _is_nothing(value: Any, vr: str) -> bool:
    return value == "" or (vr in FLOAT_VR and value is not None and not math.isfinite(value))


def _reference(vr: str, base_url: str, place: Place) -> Json:
    return {"vr": vr, "BulkDataURI": f"{base_url}/bulkdata/{place_path(place)}"}


def _resolve_vrs(dataset: Dataset) -> None:
    """Settle the VRs that an implicit encoding leaves open, like US or SS (PS3.6)."""
    if not dataset.original_encoding[0]:
        return
    try:
        correct_ambiguous_vr(dataset, True)
    except _BAD_VALUE:
        return


def _key(tag: int) -> str:
    return f"{tag:08X}"
