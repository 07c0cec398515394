"""ServiceRequest and Task: what a guideline advises, as a proposal that a clinician decides on.

Nothing here orders anything: the intent of the request is ``proposal``, and the first task is
to approve it. A signature turns the draft into an active proposal and asks for the order.
"""

from collections.abc import Iterator
from datetime import date, datetime

from clinical_ai import codes
from clinical_ai.assessment import fleischner, lung_nodules, lung_rads
from clinical_ai.findings import Assessment, Reading
from clinical_ai.reports import identity
from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.devices import software_device
from clinical_ai.reports.fhir.elements import (
    Element,
    Resource,
    concept,
    day_after,
    dicom_day,
    instant,
    new_resource,
    notes,
    reference_to,
)
from clinical_ai.reports.fhir.imaging_study import study_reference
from clinical_ai.reports.fhir.observations import of_study
from clinical_ai.reports.fhir.people import practitioner
from clinical_ai.reports.fhir.told import Told
from clinical_ai.reports.signing import Signer
from clinical_ai.texts import Texts

PRIORITIES = {"urgent": "urgent", "soon": "asap", "routine": "routine"}

# Months after the examination of the first CT that is advised, (from, to). Lung-RADS v2022:
# the management column of the ACR's table; 4B, 4X and 0 advise no CT at one fixed time.
_LUNG_RADS_MONTHS = {"1": (12, 12), "2": (12, 12), "3": (6, 6), "4A": (3, 3)}
# Fleischner Society 2017, table 1 (doi:10.1148/radiol.2017161659)
_FLEISCHNER_MONTHS: dict[fleischner.Advice, tuple[int, int]] = {
    "optional_ct_12m": (12, 12),
    "ct_6_12m_then_consider_ct_18_24m": (6, 12),
    "ct_6_12m_then_ct_18_24m": (6, 12),
    "consider_ct_3m_petct_or_tissue": (3, 3),
    "ct_3_6m_then_consider_ct_18_24m": (3, 6),
    "ct_3_6m_then_ct_18_24m": (3, 6),
    "ct_6_12m_then_every_2y_to_5y": (6, 12),
    "ct_3_6m_then_annual_to_5y": (3, 6),
    "ct_3_6m_if_stable_consider_2y_4y": (3, 6),
    "ct_3_6m_then_by_most_suspicious": (3, 6),
}
_NOTHING_TO_DO = fleischner.ADVICE_TEXT["no_routine_followup"]


def follow_up(
    told: Told, reading: Reading, categories: tuple[Resource, ...], signer: Signer | None
) -> Iterator[Resource]:
    """Yield a ServiceRequest and its Tasks for each advice on the study as a whole.

    Parameters
    ----------
    categories
        The Observation of each assessment of the study as a whole, in their order.
    signer
        Who signed; None while only the model has spoken.
    """
    advised = [
        (assessment, category)
        for assessment, category in zip(of_study(reading), categories, strict=True)
        if asks_for_something(assessment)
    ]
    for number, (assessment, category) in enumerate(advised):
        request = _request(told, reading, assessment, category, number, signer)
        yield request
        yield _task(told, reading, request, "approve", signer)
        if signer is not None:
            yield _task(told, reading, request, "fulfill", signer)


def asks_for_something(assessment: Assessment) -> bool:
    """Whether the guideline advises to do anything."""
    template = assessment.recommendation.template
    return assessment.category != lung_nodules.NOT_APPLICABLE and template != _NOTHING_TO_DO


def first_ct_months(assessment: Assessment) -> tuple[int, int] | None:
    """Return when the first CT is advised, in months after the examination; None if not at all."""
    if assessment.scheme == lung_rads.SCHEME:
        return _LUNG_RADS_MONTHS.get(assessment.category)
    if assessment.scheme == fleischner.SCHEME:
        template = assessment.recommendation.template
        return next(
            (m for a, m in _FLEISCHNER_MONTHS.items() if fleischner.ADVICE_TEXT[a] == template),
            None,
        )
    return None


def _request(
    told: Told,
    reading: Reading,
    assessment: Assessment,
    category: Resource,
    number: int,
    signer: Signer | None,
) -> Resource:
    texts = told.texts
    window = first_ct_months(assessment)
    code: Element = {"text": texts.message(assessment.recommendation)}
    if window is not None:
        code["coding"] = concept(codes.CT_PROCEDURE, texts)["coding"]
    resource = {
        **new_resource("ServiceRequest", reading.id, assessment.scheme, str(number)),
        "status": "draft" if signer is None else "active",
        "intent": "proposal",
        "priority": PRIORITIES[reading.urgency],
        "code": code,
        "subject": told.patient.subject(),
        "authoredOn": instant(_moment(reading, signer)),
        "requester": _asker(signer),
        "reasonReference": [reference_to(category)],
        "supportingInfo": [study_reference(told)],
        "note": notes(_words(assessment, texts)),
    }
    period = _period(told.study.study_date, window)
    return {**resource, "occurrencePeriod": period} if period else resource


def _words(assessment: Assessment, texts: Texts) -> Iterator[str]:
    yield f"{texts(assessment.scheme)}: {texts(assessment.category)}"
    yield texts.message(assessment.branch)
    yield from (texts.message(assumed) for assumed in assessment.assumptions)
    yield assessment.citation


def _task(
    told: Told, reading: Reading, request: Resource, what: str, signer: Signer | None
) -> Resource:
    made_at = identity.reading_time(reading)
    changed_at = _moment(reading, signer)
    done = what == "approve" and signer is not None
    resource: Resource = {
        **new_resource("Task", request["id"], what),
        "status": "completed" if done else "requested",
        "intent": "proposal",
        "priority": request["priority"],
        "code": (hl7.APPROVE if what == "approve" else hl7.FULFILL).concept,
        "focus": reference_to(request),
        "for": told.patient.subject(),
        "authoredOn": instant(made_at if what == "approve" else changed_at),
        "lastModified": instant(max(made_at, changed_at)),
        "requester": _asker(None if what == "approve" else signer),
        "description": request["code"]["text"],
    }
    if done and signer is not None:
        resource["owner"] = practitioner(signer)
    if what == "fulfill" and "occurrencePeriod" in request:
        resource["restriction"] = {"period": {"end": request["occurrencePeriod"]["end"]}}
    return resource


def _asker(signer: Signer | None) -> Element:
    return reference_to(software_device()) if signer is None else practitioner(signer)


def _moment(reading: Reading, signer: Signer | None) -> datetime:
    return identity.reading_time(reading) if signer is None else signer.moment


def _period(study_date: str, months: tuple[int, int] | None) -> Element | None:
    """Return the window of the first CT, counted from the examination."""
    if months is None:
        return None
    day = dicom_day(study_date)
    if day is None:
        return None
    return {"start": _in_months(day, months[0]), "end": _in_months(day, months[1])}


def _in_months(day: date, months: int) -> str:
    return day_after(day, months).isoformat()
