"""Disease groups: ranges of ICD-10 categories, and names as cases are reported under."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from risk_models.cohort.words import plain
from risk_models.surveillance.errors import UnknownChoiceError
from risk_models.surveillance.tables import load_data

CATEGORY = r"^([A-Z]\d{2})"
"""The first three characters of an ICD-10 code are its category (WHO ICD-10, volume 2)."""


@dataclass(frozen=True, slots=True)
class DiseaseGroup:
    """What is counted together.

    Parameters
    ----------
    icd10
        Categories such as I21, or ranges of them such as C00-D48, both ends included.
    names
        Names in the table's own words, compared after NFKC and in lower case.
    """

    name: str
    title: str
    title_zh: str
    icd10: tuple[str, ...]
    names: tuple[str, ...]
    source: str

    @property
    def ranges(self) -> tuple[tuple[str, str], ...]:
        """First and last category of each range."""
        return tuple((part[:3], part[-3:]) for part in self.icd10)

    def overlaps(self, other: "DiseaseGroup") -> bool:
        """Whether an event could be counted in both."""
        shared = set(map(plain, self.names)) & set(map(plain, other.names))
        return bool(shared) or any(
            first <= other_last and other_first <= last
            for first, last in self.ranges
            for other_first, other_last in other.ranges
        )


def _known() -> dict[str, DiseaseGroup]:
    return {
        name: DiseaseGroup(
            name,
            content["title"],
            content["title_zh"],
            tuple(content["icd10"]),
            tuple(content["names"]),
            content["source"],
        )
        for name, content in load_data("disease_groups")["groups"].items()
    }


GROUPS: Mapping[str, DiseaseGroup] = MappingProxyType(_known())
ALL = DiseaseGroup("all", "All events", "全部事件", ("A00-Z99",), (), "every row of the table")


def group_named(text: str) -> DiseaseGroup:
    """A known group by its name, ``all``, or one written as ICD-10 such as ``I60-I64,G45``.

    Raises
    ------
    UnknownChoiceError
        If it is none of them.
    """
    if text in GROUPS:
        return GROUPS[text]
    if text == ALL.name:
        return ALL
    parts = [part.strip().upper() for part in text.split(",")]
    if parts and all(re.fullmatch(r"[A-Z]\d{2}(-[A-Z]\d{2})?", part) for part in parts):
        backwards = next((part for part in parts if part[:3] > part[-3:]), None)
        if backwards is not None:
            raise UnknownChoiceError(f"{backwards}: the range of ICD-10 categories runs backwards")
        return DiseaseGroup(text, text, text, tuple(parts), (), "as given")
    known = re.fullmatch(r"name:(.+)", text)
    if known is not None:
        name = known[1].strip()
        return DiseaseGroup(name, name, name, (), (name,), "as given")
    raise UnknownChoiceError(
        f"no disease group {text!r}; there are: {', '.join(GROUPS)}, all. Others are written as "
        "ICD-10 categories (I60-I64,G45) or as name:NAME, a name used in the table"
    )


def belongs(group: DiseaseGroup, code: str | None, name: str | None) -> pl.Expr:
    """Rows of a group, from a column of codes, of names, or both.

    A column of names may hold the group's own name or titles too.
    """
    if group.name == ALL.name:
        return pl.lit(value=True)
    found = pl.lit(value=False)
    if code is not None:
        category = pl.col(code).str.to_uppercase().str.strip_chars().str.extract(CATEGORY)
        for first, last in group.ranges:
            found |= ((category >= first) & (category <= last)).fill_null(value=False)
    if name is not None:
        names = {plain(text) for text in (*group.names, group.name, group.title, group.title_zh)}
        text = pl.col(name).str.normalize("NFKC").str.strip_chars().str.to_lowercase()
        found |= text.is_in(sorted(names)).fill_null(value=False)
    return found
