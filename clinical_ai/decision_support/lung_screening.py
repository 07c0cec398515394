"""Low-dose CT of the lungs: due, or not to be decided because smoking data are missing.

The criteria are those of `clinical_ai.assessment.lung_screening`: China 2021 and USPSTF 2021,
both every year.
"""

from collections.abc import Iterator

from clinical_ai import codes
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.assessment.lung_screening import (
    USPSTF,
    Eligibility,
    screening_eligibility,
)
from clinical_ai.decision_support.advice import SCREENING_REASONS, Advice, Proposal, Sentence
from clinical_ai.decision_support.citations import CHINA_LUNG_2021, USPSTF_LUNG_2021, Citation
from clinical_ai.decision_support.situation import YEAR_DAYS, Situation
from clinical_ai.messages import N_, Message
from clinical_ai.records.record import Smoking

_AGES = range(50, 81)
"""Outside, neither guideline screens."""
_FIRST_DEGREE = frozenset({"FTH", "MTH", "PRN", "BRO", "SIS", "SIB", "SON", "DAU", "CHILD"})
"""HL7 v3 RoleCode."""


def lung_screening_advice(situation: Situation) -> Iterator[Advice]:
    """Yield a card when a low-dose CT is due, or when smoking data are missing to know."""
    record = situation.record
    if situation.age not in _AGES or record.has_problem("lung_cancer", ever=True):
        return
    last = situation.last_done(procedures=("low_dose_ct",), imaging=("lung_rads",))
    if last is not None and situation.days_since(last) <= YEAR_DAYS:
        return
    answers = screening_eligibility(_context(situation))
    lines: list[Sentence] = [
        *_smoking_lines(record.smoking),
        *(answer.sentence for answer in answers),
        *_taken_as_none(situation),
    ]
    met = [answer for answer in answers if answer.met]
    if met:
        yield _due(situation, met[0], tuple(lines))
    elif any(answer.met is None for answer in answers):
        yield Advice(
            "lung-screening-missing-data",
            "missing-data",
            "info",
            Message(N_("Low-dose CT of the lungs: smoking data are missing to decide")),
            (*_missing(record.smoking), *lines),
            CHINA_LUNG_2021,
            also=(USPSTF_LUNG_2021,),
            reasons=SCREENING_REASONS,
        )


def _context(situation: Situation) -> AssessmentContext:
    record, smoking = situation.record, situation.record.smoking
    quit_on = None if smoking is None else smoking.quit_on
    return AssessmentContext(
        age_years=None if situation.age is None else float(situation.age),
        smoking=None if smoking is None else smoking.status,
        pack_years=None if smoking is None else smoking.pack_years,
        years_since_quitting=None if quit_on is None else situation.days_since(quit_on) / 365.25,
        copd=record.has_problem("copd", ever=True),
        lung_cancer_in_family=_in_family(situation),
        has_record=True,
    )


def _in_family(situation: Situation) -> bool:
    return any(
        "lung_cancer" in condition.kinds and condition.relation in _FIRST_DEGREE
        for condition in situation.record.family_history
    )


def _due(situation: Situation, answer: Eligibility, lines: tuple[Sentence, ...]) -> Advice:
    last = situation.last_done(procedures=("low_dose_ct",), imaging=("lung_rads",))
    summary = Message(N_("Low-dose CT of the lungs: criteria met, none on record"))
    if last is not None:
        summary = Message(
            N_("Low-dose CT of the lungs due, last on {day}"), {"day": last.isoformat()}
        )
    sources: tuple[Citation, Citation] = (CHINA_LUNG_2021, USPSTF_LUNG_2021)
    if answer.guideline == USPSTF:
        sources = (USPSTF_LUNG_2021, CHINA_LUNG_2021)
    proposal = Proposal(
        codes.SCREENING_CHEST_CT, Message(N_("Propose a low-dose CT of the lungs")), situation.on
    )
    return Advice(
        "lung-screening",
        "screening",
        "info",
        summary,
        (
            *lines,
            Message(N_("Screening is a shared decision; smoking cessation belongs to it.")),
        ),
        sources[0],
        also=sources[1:],
        proposals=(proposal,),
        reasons=SCREENING_REASONS,
    )


def _smoking_lines(smoking: Smoking | None) -> Iterator[Sentence]:
    if smoking is not None and smoking.pack_years is not None:
        yield Message(N_("Pack-years: {value}"), {"value": f"{smoking.pack_years:g}"})
    if smoking is not None and smoking.quit_on is not None:
        yield Message(N_("Stopped smoking on {day}"), {"day": smoking.quit_on.isoformat()})


def _taken_as_none(situation: Situation) -> Iterator[Sentence]:
    if not situation.record.has_problem("copd", ever=True):
        yield Message(N_("No COPD is listed; taken as none."))
    if not _in_family(situation):
        yield Message(N_("No lung cancer in the family is listed; taken as none."))


def _missing(smoking: Smoking | None) -> Iterator[Sentence]:
    if smoking is None:
        yield Message(N_("Smoking is not recorded: ask, and record status and pack-years."))
        return
    if smoking.pack_years is None:
        yield Message(N_("Pack-years are not recorded: ask, and record them."))
    if smoking.status == "former" and smoking.quit_on is None:
        yield Message(N_("The day smoking was stopped is not recorded: ask, and record it."))
