"""Numbers of patients: whose they are, and whether two persons share one."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

from rapidfuzz.distance import OSA

from clinical_ai.records.record import Identifier

IdentifierOutcome = Literal[
    "same", "same_issuer_unknown", "one_digit_differs", "different", "unknown"
]

RESIDENT_NUMBER = "urn:clinical-ai:cn-resident-identity-number"
"""Stands as the issuer of every valid Chinese resident identity number, whatever is declared."""

# GB 11643-1999: weights of the first 17 digits, and the check character by the sum modulo 11.
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS = "10X98765432"
_SHORTEST_SLIP = 6  # characters: of shorter numbers, neighbours are other patients


def is_resident_number(value: str) -> bool:
    """Whether a value is a Chinese resident identity number of 18 characters (GB 11643-1999)."""
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", value):
        return False
    try:
        date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        return False
    total = sum(w * int(d) for w, d in zip(_RESIDENT_WEIGHTS, value[:17], strict=True))
    return _RESIDENT_CHECKS[total % 11] == value[17]


def fold_identifier(value: str) -> str:
    """Return a number as it is compared: upper case, without spaces at its ends."""
    return value.strip().upper()


def canonical(
    identifiers: Iterable[Identifier], issuers: Mapping[str, str], default_issuer: str
) -> frozenset[tuple[str, str]]:
    """Return (issuer, value) of numbers that are not empty.

    Parameters
    ----------
    issuers
        Name of an issuer as written (DICOM Issuer of Patient ID) to its FHIR system.
    default_issuer
        Whose numbers without an issuer are; empty if that is not declared.
    """
    found = set()
    for one in identifiers:
        value = fold_identifier(one.value)
        if not value:
            continue
        written = one.system.strip()
        issuer = issuers.get(written, written) or default_issuer
        found.add((RESIDENT_NUMBER if is_resident_number(value) else issuer, value))
    return frozenset(found)


def compare_identifiers(
    ours: frozenset[tuple[str, str]], theirs: frozenset[tuple[str, str]]
) -> dict[str, IdentifierOutcome]:
    """Compare numbers, as `canonical` returns them, issuer by issuer.

    Returns
    -------
    dict
        Outcome by issuer that both have; under the empty name, whether a number is shared
        whose issuer one side does not know. Issuers that only one side has say nothing.
    """
    outcomes: dict[str, IdentifierOutcome] = {}
    for issuer in sorted({i for i, _ in ours} & {i for i, _ in theirs} - {""}):
        mine = {v for i, v in ours if i == issuer}
        other = {v for i, v in theirs if i == issuer}
        outcomes[issuer] = _compare(mine, other)
    mine = {v for i, v in ours if not i}
    other = {v for i, v in theirs if not i}
    if mine & {v for _, v in theirs} or other & {v for _, v in ours}:
        outcomes[""] = "same_issuer_unknown"
    return outcomes


def _compare(ours: set[str], theirs: set[str]) -> IdentifierOutcome:
    if ours & theirs:
        return "same"
    slips = (
        OSA.distance(a, b) == 1 or a.lstrip("0") == b.lstrip("0")
        for a in ours
        for b in theirs
        if min(len(a), len(b)) >= _SHORTEST_SLIP
    )
    return "one_digit_differs" if any(slips) else "different"
