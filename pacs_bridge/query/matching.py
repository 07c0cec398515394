"""Conditions of a query (PS3.4 C.2.2.2): every value is bound, none becomes part of the SQL."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_

from pacs_bridge.errors import QueryError
from pacs_bridge.header import is_uid
from pacs_bridge.query.attributes import Attribute, Kind
from pacs_bridge.text import fold_name

# The longest wildcard value of a text VR of the index is far shorter; databases limit patterns.
_MAX_CHARACTERS = 1024
_MAX_VALUES = 10_000  # bound values of one statement: SQLite takes 32766, PostgreSQL 65535
_DATE = re.compile(r"[0-9]{8}")
_TIME = re.compile(r"[0-9]{2}([0-9]{2}([0-9]{2}(\.[0-9]{1,6})?)?)?")
_FIRST, _LAST = "000000.000000", "235959.999999"

Column = ColumnElement[Any]
Condition = ColumnElement[bool]


def values_of(attribute: Attribute, value: str | Sequence[str]) -> list[str]:
    """Split a key's value; empty for universal matching, also by ``*`` alone (C.2.2.2.3).

    Raises
    ------
    QueryError
        If a value is too long or holds what no database stores.
    """
    texts = value.split("\\") if isinstance(value, str) else value
    values = [v for v in (text.strip(" \0") for text in texts) if v]
    if len(values) > _MAX_VALUES:
        raise _error(attribute, f"has more than {_MAX_VALUES} values; ask in parts")
    for text in values:
        if len(text) > _MAX_CHARACTERS:
            raise _error(attribute, f"is longer than {_MAX_CHARACTERS} characters")
        if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
            raise _error(attribute, "holds a character that is no text")
    wild = attribute.kind in (Kind.TEXT, Kind.NAME)
    return [] if wild and any(not text.strip("*") for text in values) else values


def condition(
    attribute: Attribute, column: Column, values: Sequence[str], dialect: str
) -> Condition:
    """Return when `column` matches one of `values`.

    Parameters
    ----------
    attribute
        Whose kind decides how values are compared.
    column
        The column, for names the folded one.
    values
        From `values_of`, at least one.
    dialect
        Name of the SQL dialect.

    Raises
    ------
    QueryError
        If a value does not have the form of the attribute's VR.
    """
    if attribute.kind is Kind.UID:
        return column.in_([_uid(attribute, v) for v in values])
    if attribute.kind is Kind.INTEGER:
        return column.in_([_integer(attribute, v) for v in values])
    return or_(*[_one(attribute, column, value, dialect) for value in values])


def _one(attribute: Attribute, column: Column, value: str, dialect: str) -> Condition:
    if attribute.kind is Kind.DATE:
        return _date(attribute, column, value)
    if attribute.kind is Kind.TIME:
        return _time(attribute, column, value)
    if attribute.kind is Kind.NAME:
        return _name(column, value, dialect)
    return _text(column, value, dialect)


def _uid(attribute: Attribute, value: str) -> str:
    if not is_uid(value):
        raise _error(attribute, "must be UIDs: 1 to 64 digits and dots each")
    return value


def _integer(attribute: Attribute, value: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", value):
        raise _error(attribute, "must be a whole number of at most 9 digits")
    return int(value)


def _text(column: Column, value: str, dialect: str) -> Condition:
    """Single value or wildcard, with regard to case (PS3.4 C.2.2.2.1, C.2.2.2.4)."""
    if not ("*" in value or "?" in value):
        return column == value
    stars = re.sub(r"\*+", "*", value)
    if dialect == "sqlite":  # whose LIKE ignores case, and whose GLOB has DICOM's wildcards
        return column.op("GLOB", is_comparison=True)(stars.replace("[", "[[]"))
    escaped = re.sub(r"([\\%_])", r"\\\1", stars)
    return column.like(escaped.replace("*", "%").replace("?", "_"), escape="\\")


def _name(column: Column, value: str, dialect: str) -> Condition:
    """A name: each group that is given matches; a sole group matches any of the three."""
    wanted = fold_name(value).split("=")
    groups = _name_groups(column, dialect)
    if "=" not in value:
        return (
            or_(*[_text(group, wanted[0], dialect) for group in groups]) if wanted[0] else false()
        )
    pairs = [(g, w) for g, w in zip(groups, wanted, strict=True) if w]
    return and_(*[_text(group, want, dialect) for group, want in pairs]) if pairs else false()


def _name_groups(column: Column, dialect: str) -> list[Column]:
    """Alphabetic, ideographic and phonetic group of a folded name, which has two ``=``."""
    if dialect != "sqlite":
        return [func.split_part(column, "=", n) for n in (1, 2, 3)]
    rest = func.substr(column, func.instr(column, "=") + 1)
    return [
        func.substr(column, 1, func.instr(column, "=") - 1),
        func.substr(rest, 1, func.instr(rest, "=") - 1),
        func.substr(rest, func.instr(rest, "=") + 1),
    ]


def _date(attribute: Attribute, column: Column, value: str) -> Condition:
    def check(text: str) -> str:
        plain = text.strip().replace(".", "")  # 2026.01.02 is the form of ACR-NEMA
        if not _DATE.fullmatch(plain):
            raise _error(
                attribute,
                "must be YYYYMMDD or a range: YYYYMMDD-YYYYMMDD, YYYYMMDD- or -YYYYMMDD",
            )
        return plain

    return _range(attribute, column, value, check, check)


def _time(attribute: Attribute, column: Column, value: str) -> Condition:
    def check(text: str) -> str:
        plain = text.strip().replace(":", "")
        if not _TIME.fullmatch(plain):
            raise _error(
                attribute,
                "must be HHMMSS.FFFFFF, HHMMSS, HHMM or HH, or a range of two with a hyphen",
            )
        return plain

    def first(text: str) -> str:
        plain = check(text)
        return plain + _FIRST[len(plain) :]

    def last(text: str) -> str:
        plain = check(text)
        return plain + _LAST[len(plain) :]

    padded = column.op("||")(func.substr(_FIRST, func.length(column) + 1))
    return and_(column != "", _range(attribute, padded, value, first, last))


def _range(
    attribute: Attribute,
    column: Column,
    value: str,
    first: Callable[[str], str],
    last: Callable[[str], str],
) -> Condition:
    """A single value or a range (PS3.4 C.2.2.2.5); what has no value is in no range."""
    low, hyphen, high = value.partition("-")
    if not hyphen:
        return and_(column >= first(value), column <= last(value))
    if not (low.strip() or high.strip()):
        raise _error(attribute, "is a range without a beginning and an end")
    bounds: list[Condition] = [column != ""]
    if low.strip():
        bounds.append(column >= first(low))
    if high.strip():
        bounds.append(column <= last(high))
    return and_(*bounds)


def _error(attribute: Attribute, what: str) -> QueryError:
    return QueryError(f"{attribute.keyword} {what}", keyword=attribute.keyword)
