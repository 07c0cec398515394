"""Hand-made clinical records for tests of rules."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from clinical_ai.records.kinds import vocabulary
from clinical_ai.records.record import (
    ClinicalRecord,
    Concept,
    Demographics,
    ImagingFact,
    Measured,
    Medication,
    Problem,
    Procedure,
    Sex,
    Source,
)

HERE = Source("local", "Observation/1")
_CODE = Concept("x", "urn:x")


def clock(day: date, hour: int, minute: int = 0) -> datetime:
    """Return a time without a zone: that of the site."""
    return datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001


def measured(
    kind: str, value: float, at: date | datetime, *, home: bool = False, unit: str | None = None
) -> Measured:
    """Return a value in the unit of its kind."""
    moment = at if isinstance(at, datetime) else clock(at, 8)
    return Measured(kind, value, unit or vocabulary().measures[kind].unit, moment, HERE, home)


def pressure(
    systolic: float, diastolic: float, at: date | datetime, *, home: bool = False
) -> tuple[Measured, Measured]:
    """Return both pressures of one measurement."""
    return (
        measured("systolic_bp", systolic, at, home=home),
        measured("diastolic_bp", diastolic, at, home=home),
    )


def week_at_home(systolic: float, diastolic: float, last: date) -> tuple[Measured, ...]:
    """Return two measurements a morning and evening on the 7 days up to `last`."""
    found: list[Measured] = []
    for back in range(6, -1, -1):
        day = last - timedelta(days=back)
        for hour, minute in ((7, 0), (7, 2), (20, 0), (20, 2)):
            found += pressure(systolic, diastolic, clock(day, hour, minute), home=True)
    return tuple(found)


def problem(*kinds: str, onset: date | None = None, active: bool = True) -> Problem:
    """Return a problem of some kinds."""
    return Problem(_CODE, kinds, active, onset, HERE)


def medication(*kinds: str, since: date | None = None, active: bool = True) -> Medication:
    """Return a drug of some classes."""
    return Medication(_CODE, kinds, active, since, HERE)


def procedure(*kinds: str, on: date | None = None) -> Procedure:
    """Return a procedure of some kinds."""
    return Procedure(_CODE, kinds, on, HERE)


def record(
    *,
    born: date | None = date(1960, 5, 1),
    sex: Sex | None = "female",
    measurements: Sequence[Measured] = (),
    problems: Sequence[Problem] = (),
    medications: Sequence[Medication] = (),
    procedures: Sequence[Procedure] = (),
    imaging: Sequence[ImagingFact] = (),
    deceased: bool = False,
    complete: bool = True,
    person: str = "p1",
) -> ClinicalRecord:
    """Return a record; the measurements are put in order of time."""
    return ClinicalRecord(
        person=person,
        demographics=Demographics(birth_date=born, sex=sex, deceased=deceased),
        problems=tuple(problems),
        medications=tuple(medications),
        measurements=tuple(sorted(measurements, key=lambda m: m.at)),
        procedures=tuple(procedures),
        imaging=tuple(imaging),
        complete=complete,
    )
