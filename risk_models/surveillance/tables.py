"""Data files of this package, and how columns of tables are found by their headers."""

import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from risk_models.cohort.words import plain
from risk_models.surveillance.errors import EventTableError


def load_data(name: str) -> Any:
    """Read a data file, e.g. ``load_data("disease_groups")``."""
    files = resources.files("risk_models.surveillance.data")
    return json.loads(files.joinpath(f"{name}.json").read_text("utf-8"))


_HEADERS: dict[str, list[str]] = {
    name: spellings for name, spellings in load_data("event_headers").items() if name != "source"
}


def column_of(
    headers: Sequence[str], field: str, file: str, chosen: str | None = None
) -> str | None:
    """The column that holds a field, or None.

    Parameters
    ----------
    chosen
        A column that the user named; it must be there.

    Raises
    ------
    EventTableError
        If a chosen column is absent, or several columns could be meant.
    """
    if chosen is not None:
        if chosen not in headers:
            raise EventTableError(f"{file}: no column {chosen!r}; there are: {', '.join(headers)}")
        return chosen
    found = [header for header in headers if _key(header) in _HEADERS[field]]
    if len(found) > 1:
        raise EventTableError(
            f"{file}: {', '.join(found)} could all be the {field}; name one with --{field}-column"
        )
    return found[0] if found else None


def required_column(
    headers: Sequence[str], field: str, file: str, chosen: str | None = None
) -> str:
    """As `column_of`, but there must be one."""
    column = column_of(headers, field, file, chosen)
    if column is None:
        raise EventTableError(
            f"{file}: no column for the {field}; it may be headed {', '.join(_HEADERS[field][:4])} "
            f"or named with --{field}-column. There are: {', '.join(headers)}"
        )
    return column


def _key(text: str) -> str:
    return re.sub(r"[\s_\-]+", "", plain(text))
