"""Which visits and tests are done, due and overdue, and from when that is counted."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from clinical_ai.pathways.case import Case
from clinical_ai.pathways.definition import Done, Scheduled
from clinical_ai.pathways.durations import Duration

DueStatus = Literal["planned", "due", "overdue"]
DUE_SOON = Duration(2, "week")
"""How long before its day a visit counts as due, so that it can be arranged; our own choice."""


@dataclass(frozen=True, slots=True)
class Due:
    """When a visit or test is due.

    Parameters
    ----------
    last
        Day on which it was last done; None when the record shows none.
    due
        Last day on which it is in time.
    """

    kind: Literal["visit", "test"]
    rule: Scheduled
    last: date | None
    due: date
    status: DueStatus
    days_overdue: int


def due(kind: Literal["visit", "test"], rule: Scheduled, case: Case, since: date | None) -> Due:
    """Return when a visit or test is due.

    Parameters
    ----------
    since
        From when the pathway is followed; what was never done is due one interval later. None
        when that is not known: then it is due on the day of the question.
    """
    last = last_done(rule.done_by, case)
    anchor = last or since
    day = rule.every.after(anchor) if anchor is not None else case.on
    if last is None and day > case.on:
        # Never done at all: nothing is gained by waiting for the end of a first interval.
        day = case.on
    late = (case.on - day).days
    status: DueStatus = "overdue" if late > 0 else "planned"
    if late <= 0 and DUE_SOON.before(day) <= case.on:
        status = "due"
    return Due(kind, rule, last, day, status, max(late, 0))


def last_done(done: Done, case: Case) -> date | None:
    """Return the newest day, not later than that of the case, on which it was done."""
    days = [m.at.date() for kind in done.measured for m in case.series(kind, home=done.home)[-1:]]
    days += [
        p.on
        for p in case.record.procedures
        if p.on is not None and p.on <= case.on and set(p.kinds) & set(done.procedure)
    ]
    days += [
        i.on
        for i in case.record.imaging
        if i.on is not None and i.on <= case.on and i.kind in done.imaging
    ]
    return max(days, default=None)
