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


HEADER = ("发病日期", "疾病编码", "区县", "性别", "年龄")


def write_events(
    path: Path,
    rows: list[tuple[str, ...]],
    header: tuple[str, ...] = HEADER,
    encoding: str = "utf-8",
) -> Path:
    """A CSV of events, as registries write them."""
    lines = [",".join(row) for row in (header, *rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def weekly_events(
    weeks: int,
    first: date = date(2024, 1, 1),
    *,
    each: int = 6,
    code: str = "I63.9",
    district: str = "东城区",
    extra: dict[int, int] | None = None,
) -> list[tuple[str, ...]]:
    """`each` events a week, more in the weeks of `extra`; on Mondays and Sundays in turn."""
    rows = []
    for week in range(weeks):
        for number in range(each + (extra or {}).get(week, 0)):
            day = first + timedelta(weeks=week, days=6 * (number % 2))
            rows.append(
                (day.isoformat(), code, district, "男女"[number % 2], str(40 + number % 50))
            )
    return rows
