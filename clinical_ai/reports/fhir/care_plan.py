"""CarePlan and Goal: the building blocks that an export of a care pathway is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from clinical_ai.codes import Code
from clinical_ai.reports.fhir.devices import software_device
from clinical_ai.reports.fhir.elements import (
    UCUM,
    Element,
    Resource,
    coding,
    decimal,
    new_resource,
    notes,
    reference_to,
)
from clinical_ai.reports.fhir.told import PatientLink


@dataclass(frozen=True, slots=True)
class GoalTarget:
    """What number is aimed at, by when.

    Parameters
    ----------
    measure
        What is measured: system URI, code, text.
    low, high
        In `unit` (UCUM); either may be None.
    """

    measure: tuple[str, str, str]
    low: float | None
    high: float | None
    unit: str
    due: date | None = None


@dataclass(frozen=True, slots=True)
class PlannedActivity:
    """Something that is to be done: a visit, a test, a drug to be considered.

    Parameters
    ----------
    status
        Of FHIR's care plan activity: ``not-started``, ``scheduled``, ``completed``...
    """

    text: str
    status: str = "not-started"
    code: Code | None = None
    start: date | None = None
    end: date | None = None


def goal(
    patient: PatientLink,
    key: Sequence[str],
    description: str,
    *,
    status: str = "proposed",
    start: date | None = None,
    targets: Sequence[GoalTarget] = (),
    addresses: Sequence[str] = (),
    said: Sequence[str] = (),
) -> Resource:
    """Return a Goal.

    Parameters
    ----------
    key
        What makes this goal another than any other: person, pathway, measure.
    status
        ``proposed`` until a clinician accepts it.
    addresses
        ``Type/id`` of the problems, at the receiver.
    said
        Sources and remarks.
    """
    resource: Resource = {
        **new_resource("Goal", *key),
        "lifecycleStatus": status,
        "description": {"text": description},
        "subject": patient.subject(),
        "target": [_target(t) for t in targets],
        "addresses": [{"reference": reference} for reference in addresses],
        "note": notes(said),
    }
    return resource if start is None else {**resource, "startDate": start.isoformat()}


def care_plan(
    patient: PatientLink,
    key: Sequence[str],
    title: str,
    *,
    status: str = "draft",
    intent: str = "proposal",
    start: date | None = None,
    end: date | None = None,
    goals: Sequence[Resource] = (),
    activities: Sequence[PlannedActivity] = (),
    addresses: Sequence[str] = (),
    said: Sequence[str] = (),
) -> Resource:
    """Return a CarePlan; a draft proposal until a clinician takes it over."""
    return {
        **new_resource("CarePlan", *key),
        "status": status,
        "intent": intent,
        "title": title,
        "subject": patient.subject(),
        "period": _period(start, end),
        "author": reference_to(software_device()),
        "addresses": [{"reference": reference} for reference in addresses],
        "goal": [reference_to(g) for g in goals],
        "activity": [_activity(a) for a in activities],
        "note": notes(said),
    }


def _target(target: GoalTarget) -> Element:
    system, code, text = target.measure
    found: Element = {
        "measure": {"coding": [{"system": system, "code": code}] if code else [], "text": text},
        "detailRange": {
            name: {"value": decimal(v), "unit": target.unit, "system": UCUM, "code": target.unit}
            for name, v in (("low", target.low), ("high", target.high))
            if v is not None
        },
    }
    return found if target.due is None else {**found, "dueDate": target.due.isoformat()}


def _activity(activity: PlannedActivity) -> Element:
    code: Element = {"text": activity.text}
    if activity.code is not None:
        code["coding"] = [coding(activity.code)]
    return {
        "detail": {
            "code": code,
            "status": activity.status,
            "scheduledPeriod": _period(activity.start, activity.end),
        }
    }


def _period(start: date | None, end: date | None) -> Element:
    return {
        name: day.isoformat() for name, day in (("start", start), ("end", end)) if day is not None
    }
