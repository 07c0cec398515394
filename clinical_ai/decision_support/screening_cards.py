"""Examinations that are due: eyes, kidneys and feet in diabetes, mammography."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from clinical_ai import codes
from clinical_ai.codes import Code
from clinical_ai.decision_support.advice import SCREENING_REASONS, Advice, Proposal, Sentence
from clinical_ai.decision_support.citations import (
    ADA_EYE_FOOT_2024,
    ADA_KIDNEY_2024,
    USPSTF_BREAST_2024,
    Citation,
)
from clinical_ai.decision_support.facts import TYPE_1, TYPE_2, has_diabetes
from clinical_ai.decision_support.situation import YEAR_DAYS, Situation
from clinical_ai.messages import N_, Message

MAMMOGRAPHY_AGES = (40, 74)
"""USPSTF 2024: women from 40 to 74 years, every two years."""
MAMMOGRAPHY_DAYS = 2 * YEAR_DAYS
TYPE_1_YEARS = 5
"""ADA: eyes and urine albumin in type 1 from five years after the onset."""
_ADULT = 18


@dataclass(frozen=True, slots=True)
class _Yearly:
    """One yearly examination in diabetes; `late_in_type_1` starts it `TYPE_1_YEARS` later."""

    kind: str
    summary: str
    never: str
    propose: str
    code: Code
    citation: Citation
    procedures: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    imaging: tuple[str, ...] = ()
    late_in_type_1: bool = False


_YEARLY = (
    _Yearly(
        "retinal-photo",
        N_("Diabetes: retinal photograph due, last on {day}"),
        N_("Diabetes: retinal photograph due, none on record"),
        N_("Propose a retinal photograph"),
        codes.DIABETIC_RETINOPATHY_SCREENING,
        ADA_EYE_FOOT_2024,
        procedures=("retinal_photo", "retinal_exam"),
        imaging=("dr_grade",),
        late_in_type_1=True,
    ),
    _Yearly(
        "urine-albumin",
        N_("Diabetes: urine albumin-creatinine ratio due, last on {day}"),
        N_("Diabetes: urine albumin-creatinine ratio due, none on record"),
        N_("Propose a urine albumin-creatinine ratio"),
        codes.URINE_ALBUMIN_CREATININE_RATIO,
        ADA_KIDNEY_2024,
        measures=("uacr",),
        late_in_type_1=True,
    ),
    _Yearly(
        "kidney-function",
        N_("Diabetes: eGFR due, last on {day}"),
        N_("Diabetes: eGFR due, none on record"),
        N_("Propose an eGFR"),
        codes.EGFR_CREATININE,
        ADA_KIDNEY_2024,
        measures=("egfr", "egfr_mdrd", "creatinine"),
    ),
    _Yearly(
        "foot-examination",
        N_("Diabetes: foot examination due, last on {day}"),
        N_("Diabetes: foot examination due, none on record"),
        N_("Propose a foot examination"),
        codes.DIABETIC_FOOT_EXAMINATION,
        ADA_EYE_FOOT_2024,
        procedures=("foot_exam",),
    ),
)
_NOT_RECORDED = N_(
    "An examination elsewhere may not be in this record; then give the reason and its date."
)


def screening_advice(situation: Situation) -> Iterator[Advice]:
    """Yield a card for each examination that is due."""
    if situation.age is None or situation.age < _ADULT:
        return
    if has_diabetes(situation.record):
        for yearly in _YEARLY:
            yield from _yearly(situation, yearly)
    yield from _mammography(situation)


def _yearly(situation: Situation, yearly: _Yearly) -> Iterator[Advice]:
    last = situation.last_done(
        procedures=yearly.procedures, measures=yearly.measures, imaging=yearly.imaging
    )
    if last is not None and situation.days_since(last) <= YEAR_DAYS:
        return
    began = _type_1_onset(situation)
    early = began is not None and situation.days_since(began) < TYPE_1_YEARS * YEAR_DAYS
    if yearly.late_in_type_1 and early and last is None:
        return
    lines: list[Sentence] = [Message(N_("Once a year in diabetes."))]
    grade = situation.imaging("dr_grade") if yearly.imaging else None
    if grade is not None and grade.on is not None:
        text = N_("Last grade of retinopathy: {grade} on {day}, signed by a clinician")
        if not grade.signed:
            text = N_("Last grade of retinopathy: {grade} on {day}, not signed by a clinician")
        lines.append(Message(text, {"grade": grade.value, "day": grade.on.isoformat()}))
        lines.append(
            Message(N_("With retinopathy the interval is shorter; the eye doctor sets it."))
        )
    lines.append(Message(_NOT_RECORDED))
    yield Advice(
        yearly.kind,
        "screening",
        "info",
        _due(yearly.summary, yearly.never, last),
        tuple(lines),
        yearly.citation,
        proposals=(Proposal(yearly.code, Message(yearly.propose), situation.on),),
        reasons=SCREENING_REASONS,
    )


def _due(with_day: str, never: str, last: date | None) -> Message:
    return Message(never) if last is None else Message(with_day, {"day": last.isoformat()})


def _type_1_onset(situation: Situation) -> date | None:
    """Onset of type 1 diabetes; None where another type is listed too, or no day is."""
    if situation.record.has_problem(TYPE_2, ever=True):
        return None
    days = [p.onset for p in situation.record.problems if TYPE_1 in p.kinds]
    known = [day for day in days if day is not None]
    return min(known) if known and len(known) == len(days) else None


def _mammography(situation: Situation) -> Iterator[Advice]:
    record, age = situation.record, situation.age
    first, last_age = MAMMOGRAPHY_AGES
    if record.demographics.sex != "female" or age is None or not first <= age <= last_age:
        return
    if record.has_problem("breast_cancer", ever=True):
        return  # follow-up after cancer is no screening
    last = situation.last_done(procedures=("mammogram",), imaging=("bi_rads",))
    if last is not None and situation.days_since(last) <= MAMMOGRAPHY_DAYS:
        return
    yield Advice(
        "mammography",
        "screening",
        "info",
        _due(
            N_("Screening mammogram due, last on {day}"),
            N_("Screening mammogram due, none on record"),
            last,
        ),
        (
            Message(
                N_("Women from {first} to {last} years, every two years (USPSTF 2024)."),
                {"first": first, "last": last_age},
            ),
            Message(
                N_(
                    "Chinese guidelines start later for average risk and lean more on "
                    "ultrasound; the programme of the site goes first."
                )
            ),
            Message(_NOT_RECORDED),
        ),
        USPSTF_BREAST_2024,
        proposals=(
            Proposal(
                codes.MAMMOGRAPHY_REPORT,
                Message(N_("Propose a screening mammogram")),
                situation.on,
            ),
        ),
        reasons=SCREENING_REASONS,
    )
