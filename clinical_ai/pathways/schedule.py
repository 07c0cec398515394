"""Which visits and tests are done, due and overdue, and from when that is counted."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from clinical_ai.pathways.case import Case
from clinical_ai.pathways.definition import Done, Scheduled
from clinical_ai.pathways.durations import Duration

DueStatus = Literal["planned", "due", "overdue", "never recorded"]
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
    status
        ``never recorded`` instead of ``overdue`` where the record shows none at all: it may have
        been done elsewhere, and since when it is overdue says nothing.
    days_overdue
        0 unless overdue.
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
    late = (case.on - day).days
    if late > 0:
        if last is None:
            return Due(kind, rule, None, day, "never recorded", 0)
        return Due(kind, rule, last, day, "overdue", late)
    soon = last is None or DUE_SOON.before(day) <= case.on
    return Due(kind, rule, last, day, "due" if soon else "planned", 0)


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
