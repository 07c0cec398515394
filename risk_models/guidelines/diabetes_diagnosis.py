"""Diabetes and its early stages from glucose and HbA1c.

WHO and Chinese 2020 values. The rule for random glucose with symptoms has no verified source
here and is not offered, nor is the confirmation of a single abnormal value.
"""

from risk_models.guidelines.classification import (
    Answer,
    Classification,
    Guideline,
    NotClassified,
    number,
    read,
)
from risk_models.records import Record
from risk_models.results import ProblemKind
from risk_models.text import N_, Message
from risk_models.variables import glucose, hba1c_percent

GUIDELINE = Guideline(
    "diabetes_diagnosis",
    "Diagnosis of diabetes",
    "2020",
    "WHO criteria as used by the Chinese type 2 diabetes guideline 2020",
    "one source for the full set; the fasting limit also in the China-PAR definition",
)
_VARIABLES = (glucose("fasting_glucose"), glucose("glucose_2h"), hba1c_percent(3, 20))

FASTING_DIABETES, FASTING_IMPAIRED = 7.0, 6.1
"""mmol/L."""
TWO_HOUR_DIABETES, TWO_HOUR_IMPAIRED = 11.1, 7.8
"""mmol/L, oral glucose tolerance test."""
HBA1C_DIABETES, HBA1C_ATTENTION = 6.5, 5.7
"""Per cent, NGSP."""


def classify_glycaemia(record: Record) -> Answer:
    """Classify from ``fasting_glucose``, ``glucose_2h`` (OGTT) and ``hba1c``; one is enough.

    Returns
    -------
    Classification or NotClassified
        "diabetes" if any value reaches its limit; else "ifg", "igt" or "ifg and igt";
        else "attention" (HbA1c 5.7-6.4 %); else "normal".
    """
    values, problems = read(_VARIABLES, record)
    bad = tuple(p for p in problems if p.kind is not ProblemKind.MISSING)
    fasting, two_hour = number(values, "fasting_glucose"), number(values, "glucose_2h")
    hba1c = number(values, "hba1c")
    if bad:
        return NotClassified(GUIDELINE, "diagnosis", bad)
    if fasting is None and two_hour is None and hba1c is None:
        return NotClassified(GUIDELINE, "diagnosis", problems)
    steps = _diabetes_steps(fasting, two_hour, hba1c)
    if steps:
        note = Message(N_("Whether one abnormal value needs confirmation is not decided here."))
        return Classification(GUIDELINE, "diagnosis", "diabetes", steps, notes=(note,))
    stages = {
        "ifg": fasting is not None and fasting >= FASTING_IMPAIRED,
        "igt": two_hour is not None and two_hour >= TWO_HOUR_IMPAIRED,
    }
    found = [name for name, present in stages.items() if present]
    if found:
        step = Message(N_("fasting glucose 6.1-6.9 or 2-hour glucose 7.8-11.0 mmol/L"))
        return Classification(GUIDELINE, "diagnosis", " and ".join(found), (step,))
    if hba1c is not None and hba1c >= HBA1C_ATTENTION:
        step = Message(N_("HbA1c 5.7-6.4 %"))
        return Classification(GUIDELINE, "diagnosis", "attention", (step,))
    missing = tuple(Message(N_("not known: {name}"), {"name": p.variable}) for p in problems)
    step = Message(N_("every value that is known is below its limit"))
    return Classification(GUIDELINE, "diagnosis", "normal", (step,), notes=missing)


def _diabetes_steps(
    fasting: float | None, two_hour: float | None, hba1c: float | None
) -> tuple[Message, ...]:
    steps = []
    if fasting is not None and fasting >= FASTING_DIABETES:
        steps.append(Message(N_("fasting glucose from 7.0 mmol/L")))
    if two_hour is not None and two_hour >= TWO_HOUR_DIABETES:
        steps.append(Message(N_("2-hour glucose from 11.1 mmol/L")))
    if hba1c is not None and hba1c >= HBA1C_DIABETES:
        steps.append(Message(N_("HbA1c from 6.5 %")))
    return tuple(steps)
