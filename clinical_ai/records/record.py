"""Everything known of one patient, each fact with its date, unit and source.

Frozen and free of I/O. Values are in the unit of their kind (`clinical_ai.records.kinds`);
what the source wrote stays beside them. A fact that the record does not state is None or
absent: never "no".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Sex = Literal["male", "female", "other"]
SmokingStatus = Literal["never", "former", "current"]


@dataclass(frozen=True, slots=True)
class Concept:
    """A code as the source gives it: code, system URI (``http://loinc.org``), display."""

    code: str
    system: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from.

    Parameters
    ----------
    origin
        ``"local"`` (the local store), or the name of a FHIR server of the settings.
    reference
        ``Type/id`` of the resource that states it.
    """

    origin: str
    reference: str


@dataclass(frozen=True, slots=True)
class Identifier:
    """A number of the patient: value, system (URI or assigning authority), kind (``MR``...)."""

    value: str
    system: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name as written; `text` where the source does not part it."""

    family: str = ""
    given: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Demographics:
    """Who the patient is."""

    identifiers: tuple[Identifier, ...] = ()
    names: tuple[PersonName, ...] = ()
    birth_date: date | None = None
    sex: Sex | None = None
    deceased: bool = False
    district: str = ""

    def age_on(self, day: date) -> int | None:
        """Completed years on `day`; None without a birth date, or before birth."""
        born = self.birth_date
        if born is None or day < born:
            return None
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


@dataclass(frozen=True, slots=True)
class Measured:
    """One number: a vital sign, a laboratory value, a reading of a device at home.

    Parameters
    ----------
    kind
        Name in `clinical_ai.records.kinds`, for example ``"systolic_bp"``.
    value, unit
        In the unit of the kind (UCUM).
    at
        When it was measured; without a time zone it is taken as local time of the site.
    home
        Measured by the patient or a device at home.
    stated
        Value and unit as the source wrote them, for example ``"190 mg/dL"``.
    """

    kind: str
    value: float
    unit: str
    at: datetime
    source: Source
    home: bool = False
    stated: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A diagnosis.

    Parameters
    ----------
    kinds
        What it means to us, for example ``("diabetes",)``; empty if nothing.
    active
        False when resolved, in remission or inactive.
    """

    concept: Concept
    kinds: tuple[str, ...]
    active: bool
    onset: date | None
    source: Source


@dataclass(frozen=True, slots=True)
class Medication:
    """A drug ordered or taken; `kinds` are drug classes, for example ``("statin",)``."""

    concept: Concept
    kinds: tuple[str, ...]
    active: bool
    since: date | None
    source: Source


@dataclass(frozen=True, slots=True)
class Allergy:
    """An allergy or intolerance."""

    concept: Concept
    criticality: str
    source: Source


@dataclass(frozen=True, slots=True)
class Smoking:
    """Smoking as last stated; `pack_years` and `quit_on` where the record says them."""

    status: SmokingStatus
    at: date | None
    source: Source
    pack_years: float | None = None
    quit_on: date | None = None


@dataclass(frozen=True, slots=True)
class FamilyCondition:
    """A disease of a relative; `relation` as a v3 RoleCode, for example ``"FTH"``."""

    concept: Concept
    kinds: tuple[str, ...]
    relation: str
    onset_age: float | None
    source: Source


@dataclass(frozen=True, slots=True)
class Procedure:
    """Something done to the patient, for example a coronary stent or a mammogram."""

    concept: Concept
    kinds: tuple[str, ...]
    on: date | None
    source: Source


@dataclass(frozen=True, slots=True)
class ImagingFact:
    """A category or measure of an imaging result, ours (signed or not) or of the record.

    Parameters
    ----------
    kind
        For example ``"dr_grade"``, ``"lung_rads"``, ``"bi_rads"``, ``"ti_rads"``,
        ``"coronary_artery_calcium"``, ``"nodule_followup_due"``.
    value
        Category or number as text, for example ``"2"`` or ``"4A"``.
    laterality
        ``"L"``, ``"R"`` or empty.
    signed
        Whether a clinician has signed it.
    """

    kind: str
    value: str
    on: date | None
    source: Source
    laterality: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Unused:
    """A resource or value that could not be used, and why; never holds the value itself."""

    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class ClinicalRecord:
    """What is known of one patient.

    Sequences are in order of time, the oldest first; facts without a date come first.

    Parameters
    ----------
    person
        Id of the Patient resource in its source.
    complete
        False when a source did not answer, so that absence means nothing at all.
    """

    person: str
    demographics: Demographics
    problems: tuple[Problem, ...] = ()
    medications: tuple[Medication, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    measurements: tuple[Measured, ...] = ()
    smoking: Smoking | None = None
    family_history: tuple[FamilyCondition, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    imaging: tuple[ImagingFact, ...] = ()
    unused: tuple[Unused, ...] = ()
    complete: bool = True

    def series(self, kind: str, *, home: bool | None = None) -> tuple[Measured, ...]:
        """All values of a kind, the oldest first; only those (not) from home if `home` is set."""
        return tuple(
            m for m in self.measurements if m.kind == kind and (home is None or m.home is home)
        )

    def latest(
        self, kind: str, *, on: date | None = None, home: bool | None = None
    ) -> Measured | None:
        """The newest value of a kind, not later than the day `on`; None if there is none."""
        values = self.series(kind, home=home)
        return next((m for m in reversed(values) if on is None or m.at.date() <= on), None)

    def has_problem(self, kind: str, *, ever: bool = False) -> bool:
        """Whether a problem of the kind is listed as active, or with `ever`, at any time.

        False says that none is listed, not that the patient has none.
        """
        return any(kind in p.kinds and (p.active or ever) for p in self.problems)

    def takes(self, kind: str) -> bool:
        """Whether an active medication of the class is listed; False says only "not listed"."""
        return any(kind in m.kinds and m.active for m in self.medications)

    def newest_imaging(self, kind: str) -> ImagingFact | None:
        """The newest imaging result of a kind."""
        return _last([i for i in self.imaging if i.kind == kind])


def _last(facts: Sequence[ImagingFact]) -> ImagingFact | None:
    return facts[-1] if facts else None
