"""Follow-up of lung nodules that is due or overdue, from readings and reports.

A stated due date (kind ``nodule_followup_due``, value an ISO date) goes first; else the date
follows from the Lung-RADS category of the newest CT and the interval of its table.
"""

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta

from clinical_ai import codes
from clinical_ai.decision_support.advice import SCREENING_REASONS, Advice, Proposal
from clinical_ai.decision_support.citations import LUNG_RADS_2022
from clinical_ai.decision_support.situation import Situation
from clinical_ai.messages import N_, Message
from clinical_ai.records.record import ImagingFact

MONTHS = {"1": 12, "2": 12, "3": 6, "4A": 3}
"""Months until the next low-dose CT by Lung-RADS category; 0, 4B and 4X ask for more at once."""
AT_ONCE = ("4B", "4X")
NOTICE_DAYS = 30
"""A card comes this long before the day."""
_CATEGORY = re.compile(r"(?:lung-rads\s*)?(0|1|2|3|4[abx])(\s*s)?", re.IGNORECASE)


def nodule_advice(situation: Situation) -> Iterator[Advice]:
    """Yield the card of the newest lung result whose follow-up is due."""
    stated = situation.imaging("nodule_followup_due")
    rated = situation.imaging("lung_rads")
    category = _category(rated)
    if rated is not None and category in AT_ONCE and not _later_scan(situation, rated):
        yield _at_once(situation, rated, category)
        return
    due = _stated_day(stated)
    fact: ImagingFact | None = stated
    newer = rated is not None and rated.on is not None and _is_newer(rated, stated)
    if due is None or newer:
        fact, due = rated, _rated_day(rated, category)
    if fact is None or due is None or due - timedelta(days=NOTICE_DAYS) > situation.on:
        return
    if _later_scan(situation, fact):
        return
    of_rated = rated is not None and fact.on == rated.on
    yield _due(situation, fact, category if of_rated else None, due)


def add_months(day: date, months: int) -> date:
    """Return the same day of the month `months` later, or the last of that month."""
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _category(rated: ImagingFact | None) -> str | None:
    found = _CATEGORY.fullmatch(rated.value.strip()) if rated is not None else None
    return found[1].upper() if found else None


def _stated_day(stated: ImagingFact | None) -> date | None:
    try:
        return date.fromisoformat(stated.value) if stated is not None else None
    except ValueError:
        return None


def _rated_day(rated: ImagingFact | None, category: str | None) -> date | None:
    months = MONTHS.get(category or "")
    if rated is None or rated.on is None or months is None:
        return None
    return add_months(rated.on, months)


def _is_newer(rated: ImagingFact, stated: ImagingFact | None) -> bool:
    if stated is None or stated.on is None or rated.on is None:
        return stated is None
    return rated.on > stated.on


def _later_scan(situation: Situation, fact: ImagingFact) -> bool:
    """Whether a CT of the chest after the result is on record: its own result is then awaited."""
    last = situation.last_done(procedures=("low_dose_ct", "chest_ct"), imaging=("lung_rads",))
    return fact.on is not None and last is not None and last > fact.on


def _due(situation: Situation, fact: ImagingFact, category: str | None, due: date) -> Advice:
    overdue = situation.days_since(due)
    summary = Message(N_("Lung nodule: follow-up CT due on {day}"), {"day": due.isoformat()})
    if overdue > 0:
        summary = Message(
            N_("Lung nodule: follow-up CT overdue since {day} ({age} days)"),
            {"day": due.isoformat(), "age": overdue},
        )
    proposal = Proposal(
        codes.CT_CHEST_REPORT,
        Message(N_("Propose a follow-up CT of the chest")),
        max(due, situation.on),
    )
    return Advice(
        "nodule-follow-up",
        "nodule-follow-up",
        "warning" if overdue > 0 else "info",
        summary,
        tuple(_lines(fact, category)),
        LUNG_RADS_2022,
        proposals=(proposal,),
        reasons=SCREENING_REASONS,
    )


def _at_once(situation: Situation, rated: ImagingFact, category: str) -> Advice:
    days = 0 if rated.on is None else situation.days_since(rated.on)
    return Advice(
        "nodule-suspicious",
        "nodule-follow-up",
        "warning",
        Message(N_("Lung-RADS {category}: clinical evaluation needed"), {"category": category}),
        (
            *_lines(rated, category),
            Message(N_("{age} days since the CT; no later one is on record."), {"age": days}),
        ),
        LUNG_RADS_2022,
        proposals=(
            Proposal(codes.CT_CHEST_REPORT, Message(N_("Propose a diagnostic CT of the chest"))),
        ),
        reasons=SCREENING_REASONS,
    )


def _lines(fact: ImagingFact, category: str | None) -> Iterator[Message]:
    if category is not None and fact.on is not None:
        yield Message(
            N_("Lung-RADS {category} on {day}"), {"category": category, "day": fact.on.isoformat()}
        )
    elif fact.on is not None:
        yield Message(N_("CT of {day}"), {"day": fact.on.isoformat()})
    if fact.signed:
        yield Message(N_("The result is signed by a clinician."))
    else:
        yield Message(N_("The result comes from a model and no clinician has signed it."))
