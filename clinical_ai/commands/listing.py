"""Rows for a terminal: a table where one fits, records below each other where none does.

An identifier that is cut off cannot be copied into the next command, so nothing is ever cut:
a column is at least as wide as its longest word, and rows that need more than the terminal has
are shown as records instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

_BORDER = 3  # of one column: a rule and a blank on each side


def listing(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], width: int
) -> RenderableType:
    """Return what to print.

    Parameters
    ----------
    rows
        Values by column; None shows as nothing, a boolean as yes or no.
    columns
        Those to show, in this order; underscores show as blanks.
    width
        Of the terminal, in cells.
    """
    if not rows:
        return Text("none")
    headings = [column.replace("_", " ") for column in columns]
    cells = [[_shown(row[column]) for column in columns] for row in rows]
    widths = _widths([headings, *cells], width - _BORDER * len(columns) - 1)
    if widths is None:
        return Group(*(_record(headings, values) for values in cells))
    table = Table(
        *(Column(Text(name), width=cells) for name, cells in zip(headings, widths, strict=True))
    )
    for values in cells:
        table.add_row(*map(Text, values))
    return table


def _widths(lines: Sequence[Sequence[str]], available: int) -> list[int] | None:
    """Return the width of each column, or None where not even the longest words fit."""
    columns = list(zip(*lines, strict=True))
    least = [max(_longest_word(cell) for cell in column) for column in columns]
    most = [max(cell_len(cell) for cell in column) for column in columns]
    spare = available - sum(least)
    if spare < 0:
        return None
    wanted = sum(most) - sum(least)
    if wanted <= spare:
        return most
    return [low + (high - low) * spare // wanted for low, high in zip(least, most, strict=True)]


def _record(headings: Sequence[str], values: Sequence[str]) -> RenderableType:
    rest = " | ".join(
        f"{heading}: {value}"
        for heading, value in zip(headings[1:], values[1:], strict=True)
        if value
    )
    first = Text(values[0] or "-", style="bold")
    return Group(first, Padding(Text(rest), (0, 0, 0, 2), expand=False)) if rest else first


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Blanks at the ends and between words count in the width of a line, and so would cut words.
    return " ".join(str(value).split())
