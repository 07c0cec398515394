"""Descriptions reduced to words that are known to name nobody (Clean Descriptors Option)."""

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from pacs_bridge.errors import DeidentifyError


class AllowList:
    """Words and phrases that may stay in a description; all else is taken out.

    Words of Latin letters and digits count as whole words whatever their case. Chinese, which
    has no spaces between words, is matched anywhere, the longest phrase first.

    Parameters
    ----------
    phrases
        At least one.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        unique = {" ".join(p.split()).casefold() for p in phrases} - {""}
        if not unique:
            raise DeidentifyError("the list of allowed words is empty; put one phrase on a line")
        longest_first = sorted(unique, key=lambda p: (-len(p), p))
        self._pattern = re.compile("|".join(map(_pattern, longest_first)), re.IGNORECASE)

    def clean(self, text: str) -> str:
        """Return the allowed phrases of `text` in their order, parted by spaces."""
        return " ".join(self._pattern.findall(text))


def read_allow_list(path: Path) -> AllowList:
    """Read one phrase a line in UTF-8; empty lines and lines that begin with ``#`` are skipped.

    Raises
    ------
    DeidentifyError
        If the file cannot be read or holds no phrase.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeidentifyError(
            f"the list of allowed words {path} cannot be read: {error}"
        ) from error
    return AllowList(_lines(text))


def standard_allow_list() -> AllowList:
    """Return the words of `descriptors.txt`: body parts, techniques and views, en and zh."""
    text = (files(__package__) / "descriptors.txt").read_text(encoding="utf-8")
    return AllowList(_lines(text))


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _pattern(phrase: str) -> str:
    head = r"(?<![a-z0-9])" if _is_latin(phrase[0]) else ""
    tail = r"(?![a-z0-9])" if _is_latin(phrase[-1]) else ""
    return head + re.escape(phrase).replace(r"\ ", r"\s+") + tail


def _is_latin(letter: str) -> bool:
    return letter.isascii() and letter.isalnum()
