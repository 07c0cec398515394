"""A record on one day, its usable readings sorted out from those that cannot be true."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from clinical_ai.pathways.durations import Duration
from clinical_ai.pathways.plausible import SetAside, implausible
from clinical_ai.records.record import ClinicalRecord, Measured
from clinical_ai.risk.profile import RiskProfile


@dataclass(frozen=True, slots=True)
class Case:
    """What conditions look at.

    Parameters
    ----------
    on
        Last day that counts; later facts are not looked at.
    readings
        Usable values by kind, the oldest first, each once.
    set_aside
        Values that are not used, with the reason.
    goals
        By group of goals: whether those that apply are met, as far as it is known.
    """

    record: ClinicalRecord
    on: date
    profile: RiskProfile | None
    readings: Mapping[str, tuple[Measured, ...]]
    set_aside: tuple[SetAside, ...]
    goals: Mapping[str, bool | None] = field(default_factory=dict)

    def series(
        self, kind: str, *, home: bool | None = None, within: Duration | None = None
    ) -> tuple[Measured, ...]:
        """Usable values of a kind up to the day, the oldest first."""
        return tuple(
            m
            for m in self.readings.get(kind, ())
            if (home is None or m.home is home)
            and (within is None or within.covers(m.at.date(), self.on))
        )


def open_case(record: ClinicalRecord, on: date, profile: RiskProfile | None = None) -> Case:
    """Return the case of a record on the day `on`."""
    past = [m for m in record.measurements if m.at.date() <= on]
    set_aside = implausible(past)
    bad = {id(one.reading) for one in set_aside}
    readings: defaultdict[str, list[Measured]] = defaultdict(list)
    seen: set[tuple[str, datetime, float, bool]] = set()
    for m in past:
        # A device that uploads twice must not make one reading count as two.
        key = (m.kind, clock(m), m.value, m.home)
        if id(m) not in bad and key not in seen:
            seen.add(key)
            readings[m.kind].append(m)
    by_kind = {kind: tuple(sorted(values, key=clock)) for kind, values in readings.items()}
    return Case(record, on, profile, by_kind, set_aside)


def clock(measured: Measured) -> datetime:
    """When a value was measured, by the clock where the patient was; comparable with others."""
    return measured.at.replace(tzinfo=None)
