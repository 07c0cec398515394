"""Move dates by whole days (Retain Longitudinal Temporal Information with Modified Dates)."""

import re
from datetime import date, timedelta

# VR DA (PS3.5 table 6.2-1); the form with dots is that of ACR-NEMA 2.0.
_DA = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
# VR DT: year, then month, day and the rest as far as they are known.
_DT = re.compile(r"(\d{4})(\d{2})?(\d{2})?(.*)", re.DOTALL)
_DT_REST = re.compile(r"(\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?)?([+-]\d{4})?")


def shift_date(value: str, by: timedelta) -> str | None:
    """Move a value of VR DA; None if it is not a date or leaves the calendar."""
    found = _DA.fullmatch(value.strip())
    if found is None:
        return None
    moved = _moved(int(found[1]), int(found[2]), int(found[3]), by)
    return None if moved is None else f"{moved:%Y%m%d}".zfill(8)


def shift_datetime(value: str, by: timedelta) -> str | None:
    """Move a value of VR DT, which keeps its precision, its time of day and its zone.

    Of a year or a month alone, the first day is moved.
    """
    found = _DT.fullmatch(value.strip())
    if found is None or not _DT_REST.fullmatch(found[4]):
        return None
    moved = _moved(int(found[1]), int(found[2] or 1), int(found[3] or 1), by)
    if moved is None:
        return None
    digits = 8 if found[3] else 6 if found[2] else 4
    return f"{moved:%Y%m%d}".zfill(8)[:digits] + found[4]


def _moved(year: int, month: int, day: int, by: timedelta) -> date | None:
    try:
        return date(year, month, day) + by
    except (ValueError, OverflowError):
        return None
