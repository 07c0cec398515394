"""The fields of `risk_models` that a record answers, each with the fact that answers it.

Only what the record states. A disease that is not listed gives no field: whether silence may
be taken as "no" is for the caller to decide and to say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from clinical_ai.records.kinds import vocabulary
from clinical_ai.records.record import ClinicalRecord, FamilyCondition, Measured, Source
from risk_models.cohort.fields import FIELDS

FieldValue = float | bool | str

_PROBLEMS = (
    "diabetes",
    "hypertension",
    "ascvd",
    "prevalent_cvd",
    "cardiovascular_disease",
    "atrial_fibrillation",
    "congestive_heart_failure",
    "stroke_tia_thromboembolism",
    "stroke",
    "emphysema",
    "left_ventricular_hypertrophy",
)
"""Fields that a listed problem of the same name answers, active or not: they last."""
_VASCULAR = ("myocardial_infarction", "peripheral_artery_disease")
"""CHA2DS2-VASc, V: previous infarction, peripheral artery disease (doi:10.1378/chest.09-1584)."""
_DRUGS = {
    "bp_treated": "bp_treated",
    "statin": "statin",
    "lipid_lowering_drug": "lipid_lowering_drug",
    "drugs_antiplatelet_nsaid": "antiplatelet",
}
"""Field by the class of drug that answers it."""
_FAMILY = {
    "family_history_ascvd": ("ascvd", "stroke"),
    "family_history_heart_attack": ("myocardial_infarction",),
    "family_history_lung_cancer": ("lung_cancer",),
    "family_history_diabetes": ("diabetes",),
}
_PARENTS = ("FTH", "NFTH", "MTH", "NMTH")
_SIBLINGS = ("SIB", "NSIB", "BRO", "NBRO", "SIS", "NSIS", "TWIN", "TWINBRO", "TWINSIS", "FTWIN")
_CHILDREN = ("CHILD", "NCHILD", "SON", "SONC", "DAU", "DAUC")
_FIRST_DEGREE = frozenset((*_PARENTS, "PRN", "NPRN", *_SIBLINGS, "ITWIN", *_CHILDREN))
"""HL7 v3 RoleCode of parents, siblings and children."""
_OFFICE = ("systolic_bp", "diastolic_bp")
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class FieldFact:
    """The fact behind a field.

    Parameters
    ----------
    unit
        UCUM; empty where there is none.
    on
        Day of the fact; None where it has none, or lasts.
    """

    value: FieldValue
    unit: str = ""
    on: date | None = None
    source: Source | None = None


def risk_fields(
    record: ClinicalRecord, on: date, *, within: timedelta | None = None
) -> tuple[dict[str, object], dict[str, FieldFact]]:
    """Return the fields of `risk_models` that a record answers on a day.

    Measured values are the newest not after `on`, in the unit that the source stated where an
    equation knows it, so that no digit is lost. Blood pressure is that measured by staff: the
    equations were made with it, and values taken at home are lower.

    Parameters
    ----------
    within
        If given, measured values older than this are not used. Diagnoses are not measured.

    Returns
    -------
    tuple
        A record for `risk_models.evaluate` (names state units: ``total_cholesterol_mmol_l``),
        and by field (``total_cholesterol``) the fact that was used.
    """
    fields: dict[str, object] = {}
    facts: dict[str, FieldFact] = {}

    def add(name: str, fact: FieldFact, column: str = "") -> None:
        fields[column or name] = fact.value
        facts[name] = fact

    person = record.demographics
    age = person.age_on(on)
    if age is not None:
        add("age", FieldFact(float(age), "a"))
    if person.sex in ("male", "female"):
        add("sex", FieldFact(person.sex))
    for measured in _newest(record, on, within):
        column, value = _column(measured)
        fact = FieldFact(value, _unit_of(measured, value), measured.at.date(), measured.source)
        add(_field_of(measured), fact, column)
    _add_body_mass_index(facts, fields)
    for name, fact in _flags(record, on):
        add(name, fact)
    return fields, facts


def _newest(record: ClinicalRecord, on: date, within: timedelta | None) -> Iterable[Measured]:
    kinds = dict.fromkeys(m.kind for m in record.measurements)
    for kind in kinds:
        if not _known_field(kind):
            continue
        found = record.latest(kind, on=on, home=False if kind in _OFFICE else None)
        if found is not None and (within is None or on - found.at.date() <= within):
            yield found


def _known_field(kind: str) -> bool:
    return bool(vocabulary().measures[kind].field) or kind in FIELDS


def _field_of(measured: Measured) -> str:
    return vocabulary().measures[measured.kind].field or measured.kind


def _column(measured: Measured) -> tuple[str, float]:
    """The column for the value as stated if there is one, else the field's own."""
    field = FIELDS[_field_of(measured)]
    number, _, unit = measured.stated.partition(" ")
    stated = field.stated_columns.get(unit)
    if stated is not None and unit != field.unit:
        return stated, float(number)
    return field.column, measured.value


def _unit_of(measured: Measured, value: float) -> str:
    return measured.unit if value == measured.value else measured.stated.partition(" ")[2]


def _add_body_mass_index(facts: dict[str, FieldFact], fields: dict[str, object]) -> None:
    """Derive the body mass index from height and weight where it is not stated itself."""
    height, weight = facts.get("height"), facts.get("weight")
    if "bmi" in facts or height is None or weight is None:
        return
    assert isinstance(height.value, float) and isinstance(weight.value, float)
    value = weight.value / (height.value / 100) ** 2
    if FIELDS["bmi"].low <= value <= FIELDS["bmi"].high:
        fields["bmi"] = value
        facts["bmi"] = FieldFact(value, FIELDS["bmi"].unit, weight.on, weight.source)


def _flags(record: ClinicalRecord, on: date) -> Iterable[tuple[str, FieldFact]]:
    for problem in record.problems:
        if problem.onset is not None and problem.onset > on:
            continue
        fact = FieldFact(value=True, on=problem.onset, source=problem.source)
        yield from ((name, fact) for name in _PROBLEMS if name in problem.kinds)
        if any(kind in problem.kinds for kind in _VASCULAR):
            yield "vascular_disease", fact
    yield from _age_at_diagnosis(record)
    for drug in record.medications:
        if drug.active and (drug.since is None or drug.since <= on):
            fact = FieldFact(value=True, on=drug.since, source=drug.source)
            yield from ((name, fact) for name, kind in _DRUGS.items() if kind in drug.kinds)
    yield from _smoking(record, on)
    yield from _family(record.family_history)


def _age_at_diagnosis(record: ClinicalRecord) -> Iterable[tuple[str, FieldFact]]:
    born = record.demographics.birth_date
    onsets = [p for p in record.problems if "diabetes" in p.kinds and p.onset is not None]
    if born is None or not onsets:
        return
    first = onsets[0]
    assert first.onset is not None
    years = (first.onset - born).days / _DAYS_A_YEAR
    if years >= 0:
        yield "age_at_diagnosis", FieldFact(years, "a", first.onset, first.source)


def _smoking(record: ClinicalRecord, on: date) -> Iterable[tuple[str, FieldFact]]:
    smoking = record.smoking
    if smoking is None or (smoking.at is not None and smoking.at > on):
        return
    current = smoking.status == "current"
    said = {"current_smoker": current, "ever_smoker": smoking.status != "never"}
    if not current:
        said["daily_smoker"] = False
    for name, value in said.items():
        yield name, FieldFact(value, on=smoking.at, source=smoking.source)


def _family(history: Sequence[FamilyCondition]) -> Iterable[tuple[str, FieldFact]]:
    """Relatives of the first degree, and diseases "in the family" without a relation."""
    for condition in history:
        if condition.relation and condition.relation not in _FIRST_DEGREE:
            continue
        fact = FieldFact(value=True, source=condition.source)
        for name, kinds in _FAMILY.items():
            if any(kind in condition.kinds for kind in kinds):
                yield name, fact
    parents = {
        condition.relation.removeprefix("N"): condition.source
        for condition in history
        if condition.relation in _PARENTS and "hypertension" in condition.kinds
    }
    if parents:
        source = next(iter(parents.values()))
        yield "parents_with_hypertension", FieldFact(float(len(parents)), source=source)
