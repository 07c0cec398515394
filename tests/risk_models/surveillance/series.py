"""Series for the tests of surveillance."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data"


def newport() -> dict[str, Any]:
    """Salmonella Newport in Germany, with what the R package surveillance said."""
    content: dict[str, Any] = json.loads((DATA / "salmonella_newport.json").read_text("utf-8"))
    return content


def mondays(size: int, first: date = date(2015, 12, 28)) -> list[date]:
    return [first + timedelta(weeks=week) for week in range(size)]


def months(size: int, year: int = 2015) -> list[date]:
    return [date(year + month // 12, month % 12 + 1, 1) for month in range(size)]


def alarm_days(alarm: np.ndarray[Any, Any], starts: list[date]) -> list[str]:
    return [starts[index].isoformat() for index in np.flatnonzero(alarm)]
