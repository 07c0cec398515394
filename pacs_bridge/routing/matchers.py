"""Tests of the values of one attribute: equals, contains, regex, range, exists.

An attribute of a study has any number of values, because its series differ. Unless it says
otherwise, a matcher holds when one of the values passes; without values nothing passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Protocol

import re2

from pacs_bridge.errors import RoutingError

MAX_PATTERN_CHARACTERS = 500
# VR LT, the longest text a rule may sensibly look at, holds 10240; descriptions hold 64.
_MAX_SUBJECT_CHARACTERS = 10_240
# Of a compiled pattern; RE2's default of 8 MiB, times every rule of a long file, is too much.
_MAX_PATTERN_BYTES = 1024 * 1024


class Matcher(Protocol):
    """One test; its text reads on from the name of the attribute: ``is CT or MR``."""

    def matches(self, values: Sequence[str]) -> bool:
        """Whether the values pass."""
        ...


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of the values is one of those wanted; `exact` tells upper from lower case."""

    wanted: tuple[str, ...]
    exact: bool = False

    def matches(self, values: Sequence[str]) -> bool:
        """Whether one of `values` is wanted."""
        return not _folded(self.wanted, self.exact).isdisjoint(_folded(values, self.exact))

    def __str__(self) -> str:
        """In words."""
        return f"is {_list(self.wanted, 'or')}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every wanted value is among the values."""

    wanted: tuple[str, ...]
    exact: bool = False

    def matches(self, values: Sequence[str]) -> bool:
        """Whether `values` holds all that is wanted."""
        return _folded(self.wanted, self.exact) <= _folded(values, self.exact)

    def __str__(self) -> str:
        """In words."""
        return f"has all of {_list(self.wanted, 'and')}"


@dataclass(frozen=True, slots=True)
class Only:
    """There are values, and none but those allowed."""

    allowed: tuple[str, ...]
    exact: bool = False

    def matches(self, values: Sequence[str]) -> bool:
        """Whether `values` holds nothing else."""
        return bool(values) and _folded(values, self.exact) <= _folded(self.allowed, self.exact)

    def __str__(self) -> str:
        """In words."""
        return f"is only {_list(self.allowed, 'or')}"


@dataclass(frozen=True, slots=True)
class Contains:
    """One of the values has one of the texts in it."""

    texts: tuple[str, ...]
    exact: bool = False

    def matches(self, values: Sequence[str]) -> bool:
        """Whether a value contains a text."""
        folded = _folded(values, self.exact)
        return any(text in value for text in _folded(self.texts, self.exact) for value in folded)

    def __str__(self) -> str:
        """In words."""
        return f"contains {_list(self.texts, 'or')}"


@dataclass(frozen=True, slots=True)
class Regex:
    """The pattern is found in one of the values, in time linear to their length (RE2)."""

    pattern: str

    def matches(self, values: Sequence[str]) -> bool:
        """Whether the pattern is found."""
        compiled = compile_pattern(self.pattern)
        return any(compiled.search(_plain(value)) for value in values)

    def __str__(self) -> str:
        """In words."""
        return f"matches /{self.pattern}/"


@dataclass(frozen=True, slots=True)
class Exists:
    """There is a value, or with `wanted` false there is none."""

    wanted: bool = True

    def matches(self, values: Sequence[str]) -> bool:
        """Whether there is a value, as wanted."""
        return bool(values) is self.wanted

    def __str__(self) -> str:
        """In words."""
        return "has a value" if self.wanted else "has no value"


@dataclass(frozen=True, slots=True)
class Range:
    """One of the values is a number between the limits, both included; None is no limit."""

    low: Decimal | None = None
    high: Decimal | None = None

    def matches(self, values: Sequence[str]) -> bool:
        """Whether a number lies in the range; what is no number does not."""
        return any(self._holds(number(value)) for value in values)

    def _holds(self, value: Decimal | None) -> bool:
        if value is None:
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        """In words."""
        if self.low is None:
            return f"is at most {self.high}"
        if self.high is None:
            return f"is at least {self.low}"
        return f"is {self.low}" if self.low == self.high else f"is {self.low} to {self.high}"


def number(text: str) -> Decimal | None:
    """Return the number that `text` is; None when it is none, or not finite."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> object:
        """Return the first match, or None."""
        ...


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Pattern:
    """Return the compiled pattern.

    Raises
    ------
    RoutingError
        If it is no pattern of RE2, or too long.
    """
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise RoutingError(
            f"the pattern has {len(pattern)} characters; at most {MAX_PATTERN_CHARACTERS} are "
            "allowed"
        )
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PATTERN_BYTES
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except (re2.error, UnicodeError) as error:
        raise RoutingError(_said(error)) from error
    return compiled


def _said(error: Exception) -> str:
    """RE2 gives its message as bytes."""
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)


def _folded(values: Sequence[str], exact: bool) -> frozenset[str]:
    return frozenset(values if exact else (v.casefold() for v in values))


def _plain(value: str) -> str:
    """What RE2 can take: no lone surrogates, not endless."""
    return value[:_MAX_SUBJECT_CHARACTERS].encode("utf-8", "replace").decode()


def _list(values: Sequence[str], word: str) -> str:
    if len(values) == 1:
        return values[0]
    return f"{', '.join(values[:-1])} {word} {values[-1]}"
