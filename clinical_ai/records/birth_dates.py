"""Birth dates as people and spreadsheets write them, and how far two of them agree."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

BirthDateOutcome = Literal[
    "same",
    "same_placeholder_day",
    "same_as_far_as_known",
    "day_and_month_swapped",
    "spreadsheet_shift",
    "one_digit_differs",
    "different",
    "unknown",
]

_EARLIEST, _LATEST = date(1890, 1, 1), date(2100, 1, 1)
# A spreadsheet counts days from here (1900 system), or 1462 days later (1904 system).
_SPREADSHEET_ZERO = date(1899, 12, 30)
SPREADSHEET_SHIFT = timedelta(days=1462)
# Days that stand for "not known" in many systems.
_EMPTY_DATES = frozenset({date(1900, 1, 1), date(1899, 12, 30), date(1899, 12, 31)})
_MONTH_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), start=1)}
_YEAR_FIRST = re.compile(r"(\d{4})\D{1,2}(\d{1,2})\D{1,2}(\d{1,2})\D*")
_YEAR_LAST = re.compile(r"(\d{1,2})[./ -](\d{1,2})[./ -](\d{4})")
_MONTH_NAMED = re.compile(r"(\d{1,2})[ -]([A-Za-z]{3})[a-z]*[ -](\d{2}|\d{4})")


@dataclass(frozen=True, slots=True)
class BirthDate:
    """What a written birth date may mean.

    Parameters
    ----------
    days
        Whole dates that it may stand for; more than one where day and month cannot be told
        apart. Empty if only a part is known, or nothing.
    year, month
        What is known when no day is.
    """

    days: frozenset[date] = frozenset()
    year: int | None = None
    month: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether it says anything."""
        return bool(self.days) or self.year is not None


def parse_birth_date(text: str) -> BirthDate:
    """Read a birth date.

    Understood are ``19700503`` (DICOM PS3.5, VR DA), dates with the year first (also
    ``1970年5月3日``) or last (``3/5/1970``: both orders), ``03-May-70``, years and months alone,
    and numbers of days as spreadsheets keep dates (``25691``). What is none of these, not a
    day, or a day that stands for "not known" is unknown, never an error.
    """
    text = text.strip()
    if re.fullmatch(r"\d{8}", text):
        usual = _of_parts([(text[:4], text[4:6], text[6:])])
        # What is no month must be the day.
        return usual if usual.is_known else _of_parts([(text[:4], text[6:], text[4:6])])
    if re.fullmatch(r"\d{6}", text):
        return _part(int(text[:4]), int(text[4:]))
    if re.fullmatch(r"\d{5}", text):
        return _of_days([_SPREADSHEET_ZERO + timedelta(days=int(text))])
    if re.fullmatch(r"\d{4}", text):
        return _part(int(text), None)
    if found := _YEAR_FIRST.fullmatch(text):
        return _of_parts([(found[1], found[2], found[3])])
    if found := _YEAR_LAST.fullmatch(text):
        return _of_parts([(found[3], found[2], found[1]), (found[3], found[1], found[2])])
    if found := _MONTH_NAMED.fullmatch(text):
        years = [found[3]] if len(found[3]) == 4 else [f"19{found[3]}", f"20{found[3]}"]
        month = _MONTHS.get(found[2].lower(), 0)
        return _of_parts([(year, str(month), found[1]) for year in years])
    if found := re.fullmatch(r"(\d{4})[-/.](\d{1,2})", text):
        return _part(int(found[1]), int(found[2]))
    return BirthDate()


def compare_birth_dates(ours: BirthDate, theirs: BirthDate) -> BirthDateOutcome:
    """Return how far two birth dates agree, in their most favourable readings."""
    if not (ours.is_known and theirs.is_known):
        return "unknown"
    if not (ours.days and theirs.days):
        return _compare_parts(ours, theirs)
    common = ours.days & theirs.days
    if common:
        return "same" if any((d.month, d.day) != (1, 1) for d in common) else "same_placeholder_day"
    pairs = [(a, b) for a in ours.days for b in theirs.days]
    if any((a.year, a.month, a.day) == (b.year, b.day, b.month) for a, b in pairs):
        return "day_and_month_swapped"
    if any(abs(a - b) == SPREADSHEET_SHIFT for a, b in pairs):
        return "spreadsheet_shift"
    if any(_is_one_slip(f"{a:%Y%m%d}", f"{b:%Y%m%d}") for a, b in pairs):
        return "one_digit_differs"
    return "different"


def _compare_parts(a: BirthDate, b: BirthDate) -> BirthDateOutcome:
    for one in _known_parts(a):
        for other in _known_parts(b):
            shared = min(len(one), len(other))
            if one[:shared] == other[:shared]:
                return "same_as_far_as_known"
    return "different"


def _known_parts(one: BirthDate) -> list[tuple[int, ...]]:
    if one.days:
        return [(d.year, d.month, d.day) for d in one.days]
    assert one.year is not None
    return [(one.year,) if one.month is None else (one.year, one.month)]


def _is_one_slip(a: str, b: str) -> bool:
    """Whether one digit differs, or two that stand beside each other are swapped."""
    differing = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    if len(differing) == 1:
        return True
    if len(differing) != 2:
        return False
    i, j = differing
    return j == i + 1 and a[i] == b[j] and a[j] == b[i]


def _of_parts(parts: list[tuple[str, str, str]]) -> BirthDate:
    days: list[date] = []
    for year, month, day in parts:
        try:
            days.append(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return _of_days(days)


def _of_days(days: list[date]) -> BirthDate:
    believed = {d for d in days if _EARLIEST <= d < _LATEST and d not in _EMPTY_DATES}
    return BirthDate(frozenset(believed))


def _part(year: int, month: int | None) -> BirthDate:
    if not _EARLIEST.year <= year < _LATEST.year or (month is not None and not 1 <= month <= 12):
        return BirthDate()
    return BirthDate(year=year, month=month)
