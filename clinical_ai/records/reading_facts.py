"""What a reading of images needs of a record: the context of the guidelines, fact by fact."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.findings import RecordFact
from clinical_ai.records.record import ClinicalRecord, FamilyCondition, Problem, Smoking, Source

DAYS_A_YEAR = 365.25
FIRST_DEGREE = frozenset(
    {
        *("PRN", "FTH", "MTH", "NPRN", "NFTH", "NMTH"),
        *("SIB", "BRO", "SIS", "NSIB", "NBRO", "NSIS", "TWIN", "TWINBRO", "TWINSIS"),
        *("FTWIN", "FTWINBRO", "FTWINSIS", "ITWIN", "ITWINBRO", "ITWINSIS"),
        *("CHILD", "SON", "DAU", "SONC", "DAUC", "NCHILD"),
    }
)
"""Parents, siblings and children by blood: HL7 v3 RoleCode, PersonalRelationshipRoleType."""
_SEXES = {"male": "M", "female": "F", "other": "O"}
_PROBLEMS = ("immunosuppression", "emphysema", "copd")
_FIELDS = {"immunosuppression": "immunosuppressed"}


@dataclass(slots=True)
class _Found:
    """Values of the context, and the facts they come from."""

    values: dict[str, object] = field(default_factory=dict)
    facts: list[RecordFact] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)

    def put(
        self, name: str, value: float | bool | str, on: date | None, source: Source, unit: str = ""
    ) -> None:
        self.values[name] = value
        self.facts.append(RecordFact(name, value, unit, on, source.origin, source.reference))

    def take_as_absent(self, name: str) -> None:
        self.values[name] = False
        self.absent.add(name)


def reading_facts(
    record: ClinicalRecord, on: date, known: AssessmentContext, *, origin: str
) -> tuple[AssessmentContext, tuple[RecordFact, ...]]:
    """Return the context of the guidelines with what the record says, and the facts used.

    Nothing dated after the examination is used. What the record does not list is taken as
    absent only if it lists other things of that sort, and the context says so.

    Parameters
    ----------
    on
        Day of the examination.
    known
        What the images say: age and sex of the images stay where they are given; the sex "O"
        of images often means that nobody entered it.
    origin
        Store or server of the record.
    """
    found = _Found()
    _demographics(record, on, known, found, origin)
    if record.smoking is not None:
        _smoking(record.smoking, on, found)
    _problems(record, on, found)
    _family(record, found)
    hba1c = record.latest("hba1c", on=on)
    if hba1c is not None:
        found.put("hba1c_percent", hba1c.value, hba1c.at.date(), hba1c.source, hba1c.unit)
    context = replace(
        known,
        has_record=True,
        taken_as_absent=frozenset(found.absent),
        **found.values,  # type: ignore[arg-type]  # names and types of the fields, made above
    )
    return context, tuple(found.facts)


def _demographics(
    record: ClinicalRecord, on: date, known: AssessmentContext, found: _Found, origin: str
) -> None:
    person = record.demographics
    source = Source(origin, f"Patient/{record.person}")
    age = person.age_on(on)
    if known.age_years is None and age is not None:
        found.put("age_years", float(age), None, source, "a")
    if known.sex not in ("M", "F") and person.sex is not None:
        found.put("sex", _SEXES[person.sex], None, source)


def _smoking(smoking: Smoking, on: date, found: _Found) -> None:
    if smoking.at is not None and smoking.at > on:
        return
    found.put("smoking", smoking.status, smoking.at, smoking.source)
    if smoking.pack_years is not None:
        found.put(
            "pack_years", float(smoking.pack_years), smoking.at, smoking.source, "{pack-years}"
        )
    if smoking.quit_on is not None and smoking.quit_on <= on:
        years = _years(smoking.quit_on, on)
        found.put("years_since_quitting", years, smoking.quit_on, smoking.source, "a")


def _problems(record: ClinicalRecord, on: date, found: _Found) -> None:
    known = [p for p in record.problems if p.onset is None or p.onset <= on]
    for kind in _PROBLEMS:
        name = _FIELDS.get(kind, kind)
        problem = _newest(p for p in known if kind in p.kinds and p.active)
        if problem is not None:
            found.put(name, True, problem.onset, problem.source)
        elif known and record.complete:
            found.take_as_absent(name)
    cancer = _newest(p for p in known if "cancer" in p.kinds)
    if cancer is not None:
        found.put("known_cancer", True, cancer.onset, cancer.source)
        if cancer.onset is not None:
            found.values["years_since_cancer"] = _years(cancer.onset, on)
    elif known and record.complete:
        found.take_as_absent("known_cancer")
    diabetes = [p for p in known if "diabetes" in p.kinds and p.onset is not None]
    if diabetes:
        first = min(diabetes, key=lambda p: p.onset or on)
        assert first.onset is not None
        found.put("diabetes_years", _years(first.onset, on), first.onset, first.source, "a")


def _family(record: ClinicalRecord, found: _Found) -> None:
    affected = [f for f in record.family_history if "lung_cancer" in f.kinds]
    near = next((f for f in affected if f.relation in FIRST_DEGREE), None)
    if near is not None:
        found.put("lung_cancer_in_family", True, None, near.source)
    elif record.family_history and record.complete and all(map(_is_distant, affected)):
        found.take_as_absent("lung_cancer_in_family")


def _is_distant(condition: FamilyCondition) -> bool:
    """Whether the relative is known not to be of the first degree."""
    return condition.relation not in ("", "FAMMEMB") and condition.relation not in FIRST_DEGREE


def _newest(problems: Iterable[Problem]) -> Problem | None:
    """Return the problem with the latest onset; one without a date only if there is no other."""
    return max(problems, key=lambda p: p.onset or date.min, default=None)


def _years(since: date, on: date) -> float:
    return round((on - since) / timedelta(days=DAYS_A_YEAR), 1)
