"""How cells and headers are spelled: one way to compare them, and the tables of spellings."""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from risk_models.cohort.fields import FIELDS, Field, load_table
from risk_models.units import FIELD_SUFFIX


def plain(text: str) -> str:
    """NFKC, lower case, no outer spaces: how cells are compared."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def unit_key(text: str) -> str:
    """How units are compared: as cells are, and without spaces."""
    # NFKC makes U+00B5 the Greek letter mu; both are written "u" in units.
    return re.sub(r"\s+", "", plain(text)).replace("\u03bc", "u").replace("²", "2")


def _header_key(text: str) -> str:
    return re.sub(r"[\s_\-]+", "", plain(text))


_WORDS = load_table("words")
MISSING: tuple[str, ...] = tuple(_WORDS["missing"])
YES: tuple[str, ...] = tuple(_WORDS["yes"])
NO: tuple[str, ...] = tuple(_WORDS["no"])
SEX_WORDS: Mapping[str, str] = MappingProxyType(
    {word: sex for sex in ("male", "female") for word in _WORDS[sex]}
)

UNIT_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        unit_key(spelling): unit
        for unit, spellings in load_table("units")["units"].items()
        for spelling in (unit, *spellings)
    }
)
"""UCUM code by spelling, compared as `unit_of` does."""

_HEADERS = {
    _header_key(spelling): name
    for name, spellings in load_table("headers")["headers"].items()
    for spelling in spellings
} | {_header_key(name): name for name in FIELDS}

_UNIT_BY_SUFFIX = {suffix: str(unit) for unit, suffix in FIELD_SUFFIX.items()}
_BRACKETS = re.compile(r"^(?P<name>.*?)[\s_]*[(\[{<](?P<unit>.+)[)\]}>]$")


def unit_of(text: str) -> str | None:
    """UCUM code of a unit as written, or None if the table does not know it."""
    return UNIT_SPELLINGS.get(unit_key(text))


def field_of_header(header: str) -> tuple[Field, str | None] | None:
    """The field a header names and the unit it states, or None if the header is not known.

    ``总胆固醇(mmol/L)``, ``TC [mg/dL]`` and ``total_cholesterol_mmol_l`` state a unit.
    """
    text = unicodedata.normalize("NFKC", header).strip()
    whole = _HEADERS.get(_header_key(text))
    if whole is not None:
        return FIELDS[whole], None
    suffixed = _by_suffix(text)
    if suffixed is not None:
        return suffixed
    found = _BRACKETS.match(text)
    if found is None:
        return None
    name, unit = _HEADERS.get(_header_key(found["name"])), unit_of(found["unit"])
    return None if name is None or unit is None else (FIELDS[name], unit)


def unit_in_header(header: str) -> str | None:
    """UCUM code of a unit in brackets at the end of a header, whatever the header names."""
    found = _BRACKETS.match(unicodedata.normalize("NFKC", header).strip())
    return None if found is None else unit_of(found["unit"])


def _by_suffix(text: str) -> tuple[Field, str] | None:
    lower = text.lower()
    for suffix, unit in _UNIT_BY_SUFFIX.items():
        if lower.endswith(f"_{suffix}"):
            name = _HEADERS.get(_header_key(lower[: -len(suffix) - 1]))
            if name is not None and unit in FIELDS[name].units:
                return FIELDS[name], unit
    return None
