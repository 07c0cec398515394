"""Search text for what identifies a patient; knows nothing of how the text was made."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

_SHORTEST_NAME = 2
_SHORTEST_NUMBER = 3
# Shorter ones made of digits alone are in every table of measurements.
_SHORTEST_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Traces:
    """What must not be found.

    Parameters
    ----------
    names
        Whole names without blanks, as `_normal` writes them.
    parts
        Family and given names. Looked for in free text only: `Long` and `May` are names, and
        words of ours.
    numbers
        Patient, accession and identity numbers, and UIDs.
    short_numbers
        Those of three or four digits, which are in every table of measurements: looked for in
        free text only.
    days
        Birth dates.
    """

    names: frozenset[str]
    parts: frozenset[str]
    numbers: frozenset[str]
    short_numbers: frozenset[str]
    days: frozenset[date]


def traces(names: Iterable[str], numbers: Iterable[str], days: Iterable[date | None]) -> Traces:
    """Return what to look for, from names as written (DICOM or plain), numbers and days."""
    groups = [_normal(group) for name in names for group in name.split("=")]
    parts = {part for group in groups for part in re.split(r"[\s^,.·・-]+", group)}
    whole = {re.sub(r"[\s^]+", "", group) for group in groups if re.search(r"[\s^]", group)}
    whole |= {group for group in groups if not group.isascii()}
    plain = {n for n in map(_normal, numbers) if len(n) >= _SHORTEST_NUMBER}
    short = frozenset(n for n in plain if n.isdigit() and len(n) < _SHORTEST_DIGITS)
    return Traces(
        frozenset(w.replace("^", "") for w in whole if len(w) > _SHORTEST_NAME),
        frozenset(p for p in parts if len(p) >= _SHORTEST_NAME),
        frozenset(plain - short),
        short,
        frozenset(day for day in days if day is not None),
    )


def found_in(text: str, sought: Traces, *, free_text: bool) -> Iterator[str]:
    """Yield what kinds of trace a text holds: ``name``, ``number``, ``birth date``; no values.

    Parameters
    ----------
    free_text
        Written by people, so that a part of a name is suspicious too.
    """
    plain = _normal(text)
    dense = re.sub(r"[\s^]+", "", plain)
    if any(name in dense for name in sought.names) or (
        free_text and any(_has_word(plain, dense, part) for part in sought.parts)
    ):
        yield "name"
    numbers = sought.numbers | (sought.short_numbers if free_text else frozenset())
    if any(_has_number(plain, number) for number in numbers):
        yield "number"
    if any(form in dense for day in sought.days for form in _forms(day)):
        yield "birth date"


def _has_word(plain: str, dense: str, word: str) -> bool:
    """A word of letters as a whole word; Chinese anywhere, as it has no spaces."""
    if word.isascii():
        return re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", plain) is not None
    return word in dense


def _has_number(plain: str, number: str) -> bool:
    return re.search(rf"(?<![0-9a-z.]){re.escape(number)}(?![0-9a-z])", plain) is not None


def _forms(day: date) -> set[str]:
    forms = {f"{day:%Y%m%d}", f"{day.year}年{day.month}月{day.day}日"}
    for mark in "-/.":
        for parts in (("%Y", "%m", "%d"), ("%d", "%m", "%Y"), ("%m", "%d", "%Y")):
            forms.add(mark.join(day.strftime(part) for part in parts))
    return forms


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
