"""The inputs of the equations from a record: dated facts, and what is assumed, in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from clinical_ai.messages import N_, Message
from clinical_ai.records.record import ClinicalRecord
from clinical_ai.records.risk_fields import risk_fields
from clinical_ai.risk.profile import UsedFact
from risk_models.cohort.fields import FIELDS, Kind

STALE_AFTER_DAYS: Mapping[str, int] = {
    "systolic_bp": 365,
    "diastolic_bp": 365,
    "hba1c": 365,
    "creatinine": 365,
    "egfr": 365,
    "uacr": 365,
    "fasting_glucose": 365,
    "total_cholesterol": 730,
    "hdl_cholesterol": 730,
    "ldl_cholesterol": 730,
    "triglycerides": 730,
    "bmi": 730,
    "waist": 730,
    "current_smoker": 730,
}
"""Older facts are used and named. Our own limits, no guideline's: a year for what treatment
changes, two for what changes slowly."""

_LASTING = frozenset({"age_at_diagnosis", "height"})

_CONDITIONS: Mapping[str, str] = {
    "diabetes": N_("diabetes"),
    "hypertension": N_("hypertension"),
    "ascvd": N_("atherosclerotic cardiovascular disease"),
    "prevalent_cvd": N_("cardiovascular disease"),
    "cardiovascular_disease": N_("heart disease"),
    "atrial_fibrillation": N_("atrial fibrillation"),
    "congestive_heart_failure": N_("heart failure"),
    "stroke": N_("stroke"),
    "stroke_tia_thromboembolism": N_("stroke, TIA or thromboembolism"),
    "vascular_disease": N_("vascular disease"),
}
"""Diagnoses by input of the equations; absent is assumed where the record lists others."""
_DRUGS: Mapping[str, str] = {
    "bp_treated": N_("treatment of blood pressure"),
    "statin": N_("statin"),
    "lipid_lowering_drug": N_("lipid-lowering drug"),
}
_FAMILY: Mapping[str, tuple[str, float | bool]] = {
    "family_history_ascvd": (N_("cardiovascular disease in the family"), False),
    "family_history_heart_attack": (N_("heart attack in the family"), False),
    "family_history_diabetes": (N_("diabetes in the family"), False),
    "parents_with_hypertension": (N_("hypertension of the parents"), 0.0),
}


@dataclass(slots=True)
class EquationInputs:
    """What goes into the equations.

    Parameters
    ----------
    record
        Fields as `risk_models.evaluate` takes them; their names state the unit.
    used
        By input without its unit: the facts.
    assumed
        By input: what the record does not say and was taken for granted, in words.
    """

    record: dict[str, object] = field(default_factory=dict)
    used: dict[str, UsedFact] = field(default_factory=dict)
    assumed: dict[str, Message] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float | bool | str]:
        """Facts and assumptions by input without its unit."""
        plain = {_INPUT_OF.get(name, name): value for name, value in self.record.items()}
        return {k: v for k, v in plain.items() if isinstance(v, float | int | bool | str)}


def stale(used: Mapping[str, UsedFact]) -> tuple[str, ...]:
    """Return the inputs whose facts are older than `STALE_AFTER_DAYS` says."""
    return tuple(
        name
        for name, fact in used.items()
        if name in STALE_AFTER_DAYS
        and fact.age_days is not None
        and fact.age_days > STALE_AFTER_DAYS[name]
    )


_INPUT_OF: Mapping[str, str] = {
    column: name
    for name, known in FIELDS.items()
    for column in (known.column, *known.stated_columns.values())
}


def equation_inputs(record: ClinicalRecord, on: date) -> EquationInputs:
    """Return what a record gives the equations on a day.

    A measure is never assumed. A diagnosis, a drug or a family history that is not listed is
    taken as absent where the record lists any diagnosis or drug at all, and it is said so.

    Parameters
    ----------
    record
        As `known_until` returns it for the day.
    """
    fields, facts = risk_fields(record, on)
    inputs = EquationInputs(dict(fields))
    for name, fact in facts.items():
        lasts = name in _LASTING or FIELDS[name].kind is not Kind.MEASURE
        passes = not lasts or name in STALE_AFTER_DAYS
        age_days = (on - fact.on).days if passes and fact.on is not None else None
        inputs.used[name] = UsedFact(name, fact.value, fact.unit, fact.on, fact.source, age_days)
    if record.complete and (record.problems or record.medications):
        _assume(inputs)
    return inputs


def known_until(record: ClinicalRecord, on: date) -> ClinicalRecord:
    """Return the record without diagnoses of later days."""
    known = tuple(p for p in record.problems if p.onset is None or p.onset <= on)
    return replace(record, problems=known)


def _assume(inputs: EquationInputs) -> None:
    known = inputs.values
    for name, words in {**_CONDITIONS, **_DRUGS}.items():
        if name not in known:
            inputs.record[name] = False
            inputs.assumed[name] = _taken_as_absent(words)
    for name, (words, value) in _FAMILY.items():
        if name not in known:
            inputs.record[name] = value
            inputs.assumed[name] = _taken_as_absent(words)
    if "current_smoker" in known and "daily_smoker" not in known:
        inputs.record["daily_smoker"] = known["current_smoker"]
        if known["current_smoker"] is True:
            inputs.assumed["daily_smoker"] = Message(N_("Smokes now: taken as smoking daily."))


def _taken_as_absent(words: str) -> Message:
    return Message(N_("Not listed in the record, taken as absent: {input}."), {"input": words})
