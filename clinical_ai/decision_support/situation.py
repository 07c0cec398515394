"""What the rules look at: a record, its risk, the day, and what has been ordered just now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from clinical_ai.decision_support.orders import DraftOrder
from clinical_ai.messages import N_, Message
from clinical_ai.pathways.definition import AlarmRules, Pathway
from clinical_ai.records.record import ClinicalRecord, ImagingFact, Measured
from clinical_ai.risk.profile import RiskProfile

YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class PathwayRules:
    """The care pathways of the site, and its alarms on readings at home."""

    pathways: tuple[Pathway, ...]
    alarms: AlarmRules


@dataclass(frozen=True, slots=True)
class Situation:
    """One patient at the moment of one hook.

    Parameters
    ----------
    not_answered
        Prefetch keys that the client left empty and that could not be had otherwise.
    orders
        Drafts of ``order-select`` and ``order-sign``.
    pathways
        None where none are looked at.
    """

    record: ClinicalRecord
    on: date
    profile: RiskProfile | None = None
    not_answered: tuple[str, ...] = ()
    orders: tuple[DraftOrder, ...] = ()
    pathways: PathwayRules | None = None

    @property
    def age(self) -> int | None:
        """Completed years."""
        return self.record.demographics.age_on(self.on)

    def latest(self, *kinds: str, home: bool | None = False) -> Measured | None:
        """The newest value among the kinds, not from home unless asked."""
        found = [self.record.latest(kind, on=self.on, home=home) for kind in kinds]
        known = [one for one in found if one is not None]
        return max(known, key=lambda one: one.at.date()) if known else None

    def last_done(
        self,
        *,
        procedures: Iterable[str] = (),
        measures: Iterable[str] = (),
        imaging: Iterable[str] = (),
    ) -> date | None:
        """The last day on which any of these was done; None if no day is on record."""
        wanted, seen = frozenset(procedures), frozenset(imaging)
        days = [p.on for p in self.record.procedures if wanted & set(p.kinds)]
        days += [i.on for i in self.record.imaging if i.kind in seen]
        days += [value.at.date() for value in map(self.latest, measures) if value is not None]
        past = [day for day in days if day is not None and day <= self.on]
        return max(past, default=None)

    def imaging(self, kind: str) -> ImagingFact | None:
        """The newest imaging fact of the kind that has a day not after today."""
        found = [
            fact
            for fact in self.record.imaging
            if fact.kind == kind and (fact.on is None or fact.on <= self.on)
        ]
        return found[-1] if found else None

    def days_since(self, day: date) -> int:
        """Days from `day` to today."""
        return (self.on - day).days


def value_line(label: str, value: Measured, on: date) -> Message:
    """A value with its date and age: ``LDL cholesterol: 3.9 mmol/L (2025-01-07, 40 days old)``."""
    return Message(
        N_("{what}: {value} {unit} ({day}, {age} days old)"),
        {
            "what": label,
            "value": f"{value.value:g}",
            "unit": UNIT_TEXTS.get(value.unit, value.unit),
            "day": value.at.date().isoformat(),
            "age": max((on - value.at.date()).days, 0),
        },
    )


UNIT_TEXTS = {"mm[Hg]": "mmHg", "mL/min/{1.73_m2}": "mL/min/1.73 m²", "kg/m2": "kg/m²"}
"""How people write these UCUM units."""
