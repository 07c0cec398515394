"""Conditions on a study, and what was found of each: the trace that explains a decision."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Protocol

from pydicom import config
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.uid import UID

from pacs_bridge.header import is_uid
from pacs_bridge.routing.decision import Trace
from pacs_bridge.routing.facts import StudyFacts
from pacs_bridge.routing.fields import FIELDS, WEEKDAYS
from pacs_bridge.routing.matchers import Matcher, Range

_MAX_SEEN_CHARACTERS = 64  # VR LO
_MAX_SEEN_VALUES = 12
PATIENT_AGE = 0x00101010
IMAGE_LATERALITY = 0x00200062
NOTHING = "nothing"
HIDDEN = "a value that is not shown, because it may identify the patient"
# Group 0010 without these identifies the patient (PS3.15 table E.1-1).
_SHOWN_OF_PATIENT = frozenset({0x00100040, 0x00101010, 0x00101020, 0x00101030})
# Accession number, and identifiers of admission and visit.
_HIDDEN = frozenset({0x00080050, 0x00380010})


class Condition(Protocol):
    """Something a study fulfils or not."""

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found."""
        ...

    def tags(self) -> Iterator[int]:
        """Yield the data elements whose values it needs."""
        ...


@dataclass(frozen=True, slots=True)
class Attribute:
    """A test of an attribute out of `FIELDS`."""

    field: str
    matcher: Matcher

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found."""
        values = getattr(facts, self.field)
        shown = [_sop_class_name(v) for v in values] if self.field == "sop_class" else values
        text = f"{FIELDS[self.field].label} {self.matcher}"
        return Trace(text, _seen(shown), self.matcher.matches(values))

    def tags(self) -> Iterator[int]:
        """Yield what the index of the archive does not hold."""
        if self.field == "laterality":
            yield IMAGE_LATERALITY


@dataclass(frozen=True, slots=True)
class Tag:
    """A test of a data element at the top level of the images."""

    tag: int
    matcher: Matcher

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found; the value is left out when it may identify the patient."""
        values = facts.tags.get(self.tag, ())
        seen = HIDDEN if values and _identifies(self.tag) else _seen(values)
        return Trace(f"{tag_name(self.tag)} {self.matcher}", seen, self.matcher.matches(values))

    def tags(self) -> Iterator[int]:
        """Yield the tag."""
        yield self.tag


@dataclass(frozen=True, slots=True)
class Age:
    """The patient's age in completed years; an unknown age is in no range."""

    years: Range

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found."""
        values = () if facts.age_years is None else (str(facts.age_years),)
        return Trace(f"age in years {self.years}", _seen(values), self.years.matches(values))

    def tags(self) -> Iterator[int]:
        """Yield Patient's Age, which counts where there is no birth date."""
        yield PATIENT_AGE


@dataclass(frozen=True, slots=True)
class Images:
    """The number of instances of the study."""

    count: Range

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found."""
        seen = str(facts.images)
        return Trace(f"number of images {self.count}", seen, self.count.matches((seen,)))

    def tags(self) -> Iterator[int]:
        """Yield nothing."""
        return iter(())


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """Local time at which the study was complete: from `start` until just before `end`.

    A start after the end means over midnight.
    """

    start: time
    end: time

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found."""
        now = facts.at.time().replace(tzinfo=None)
        after, before = now >= self.start, now < self.end
        met = (after and before) if self.start < self.end else (after or before)
        text = f"time of day is {self.start:%H:%M} to {self.end:%H:%M}"
        return Trace(text, f"{now:%H:%M}", met)

    def tags(self) -> Iterator[int]:
        """Yield nothing."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Weekday:
    """Local day of the week on which the study was complete; 0 is Monday."""

    days: frozenset[int]

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found."""
        day = facts.at.weekday()
        wanted = ", ".join(WEEKDAYS[d] for d in sorted(self.days))
        return Trace(f"weekday is one of {wanted}", WEEKDAYS[day], day in self.days)

    def tags(self) -> Iterator[int]:
        """Yield nothing."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Every:
    """Every part holds; without parts it always does."""

    parts: tuple[Condition, ...]

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found of every part."""
        parts = tuple(part.examine(facts) for part in self.parts)
        return Trace("all of", "", all(p.met for p in parts), parts)

    def tags(self) -> Iterator[int]:
        """Yield those of the parts."""
        return _tags(self.parts)


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds; without parts it never does."""

    parts: tuple[Condition, ...]

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found of every part."""
        parts = tuple(part.examine(facts) for part in self.parts)
        return Trace("any of", "", any(p.met for p in parts), parts)

    def tags(self) -> Iterator[int]:
        """Yield those of the parts."""
        return _tags(self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition

    def examine(self, facts: StudyFacts) -> Trace:
        """Return what was found of the part."""
        part = self.part.examine(facts)
        return Trace("not", "", not part.met, (part,))

    def tags(self) -> Iterator[int]:
        """Yield those of the part."""
        return self.part.tags()


def tag_name(tag: int) -> str:
    """Return the keyword and number of a tag, the number alone where it has no keyword."""
    written = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    keyword = keyword_for_tag(tag)
    return f"{keyword} {written}" if keyword else written


def _tags(parts: Sequence[Condition]) -> Iterator[int]:
    for part in parts:
        yield from part.tags()


def _identifies(tag: int) -> bool:
    if tag >> 16 == 0x0010:
        return tag not in _SHOWN_OF_PATIENT
    return tag in _HIDDEN or (bool(keyword_for_tag(tag)) and dictionary_VR(tag) == "PN")


def _sop_class_name(uid: str) -> str:
    return UID(uid, config.IGNORE).keyword or uid if is_uid(uid) else uid


def _seen(values: Sequence[str]) -> str:
    """Return the values, as many as are shown, each cut to size."""
    if not values:
        return NOTHING
    shown = ", ".join(value[:_MAX_SEEN_CHARACTERS] for value in values[:_MAX_SEEN_VALUES])
    more = len(values) - _MAX_SEEN_VALUES
    return f"{shown} and {more} more" if more > 0 else shown
