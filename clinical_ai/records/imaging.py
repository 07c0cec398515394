"""What imaging has shown: categories, examinations done, controls that are due."""

import re
from collections.abc import Iterator
from datetime import date

from clinical_ai.records.elements import (
    Resource,
    codes,
    codings,
    concept_of,
    day,
    first_day,
    mapping,
    mappings,
    reference,
    text,
)
from clinical_ai.records.kinds import Vocabulary
from clinical_ai.records.record import Concept, ImagingFact, Procedure, Source

_SIGNED = frozenset({"final", "amended", "corrected"})
_STATUS = _SIGNED | {"preliminary", "appended"}
"""A result that nobody has signed is shown as such, so it may be used where a number may not."""
_VOID = frozenset({"cancelled", "entered-in-error", "registered", ""})
_CATEGORY = re.compile(r"[A-Z]{0,3}-?[0-9]{1,4}[A-Za-z]?")
"""A category in words is taken only where it looks like one: 2, 4A, TR4."""


def category_facts(
    part: Resource, resource: Resource, source: Source, terms: Vocabulary
) -> Iterator[ImagingFact]:
    """The category that an Observation, or a component of one, gives as its answer.

    A category of a single finding (it is derived from another Observation) is not the
    patient's, and is left out.
    """
    status = text(resource.get("status"))
    answer = part.get("valueCodeableConcept")
    if answer is None or status not in _STATUS or _of_a_finding(resource):
        return
    question = codes(part.get("code"))
    side = next((terms.question_sides[c] for c in sorted(question & set(terms.question_sides))), "")
    found = _known_answer(answer, terms)
    if found is None and question & terms.category_questions:
        found = _category_in_words(part.get("code"), answer, terms)
    if found is not None:
        yield ImagingFact(
            *found,
            _day_of(resource),
            source,
            laterality=side or _side(resource, terms),
            signed=status in _SIGNED,
        )


def report_facts(
    resource: Resource, source: Source, terms: Vocabulary
) -> Iterator[ImagingFact | Procedure]:
    """Of a DiagnosticReport: categories among its conclusions, and the examination it is of."""
    status = text(resource.get("status"))
    if status in _STATUS:
        for conclusion in mappings(resource.get("conclusionCode")):
            found = _known_answer(conclusion, terms)
            if found is not None:
                yield ImagingFact(
                    *found, _day_of(resource), source, _side(resource, terms), status in _SIGNED
                )
    if status not in _VOID:
        yield from _examination(resource.get("code"), _day_of(resource), source, terms)


def study_facts(resource: Resource, source: Source, terms: Vocabulary) -> Iterator[Procedure]:
    """The examination that an ImagingStudy is, by its procedure code or its modality."""
    if text(resource.get("status")) in _VOID:
        return
    on = first_day(resource, "started")
    found = [
        one
        for code in mappings(resource.get("procedureCode"))
        for one in _examination(code, on, source, terms)
    ]
    if not found:
        for modality in mappings(resource.get("modality")):
            code = text(modality.get("code"), 16)
            if code in terms.modalities:
                concept = Concept(code, "http://dicom.nema.org/resources/ontology/DCM")
                found = [Procedure(concept, tuple(sorted(terms.modalities[code])), on, source)]
    yield from found


def request_facts(resource: Resource, source: Source, terms: Vocabulary) -> Iterator[ImagingFact]:
    """The control of a finding that a ServiceRequest asks for, with the last day it is due.

    Only an examination of `Vocabulary.follow_up` that is asked for because of a finding.
    """
    status = text(resource.get("status"))
    if status not in ("draft", "active") or not codes(resource.get("code")) & terms.follow_up:
        return
    reasons = (reference(one) for one in mappings(resource.get("reasonReference")))
    if not any(reason is not None and reason[0] == "Observation" for reason in reasons):
        return
    period = mapping(resource.get("occurrencePeriod"))
    due = (
        day(period.get("end"))
        or day(period.get("start"))
        or day(resource.get("occurrenceDateTime"))
    )
    if due is not None:
        on = first_day(resource, "authoredOn")
        yield ImagingFact(
            "nodule_followup_due", due.isoformat(), on, source, signed=status == "active"
        )


def _known_answer(answer: object, terms: Vocabulary) -> tuple[str, str] | None:
    return next((terms.imaging[code] for _, code in codings(answer) if code in terms.imaging), None)


def _category_in_words(
    question: object, answer: object, terms: Vocabulary
) -> tuple[str, str] | None:
    scheme, category = text(mapping(question).get("text")), text(mapping(answer).get("text"))
    kind = next((k for name, k in terms.schemes.items() if scheme.startswith(name)), None)
    if kind is None or _CATEGORY.fullmatch(category) is None:
        return None
    return kind, category


def _examination(
    code: object, on: date | None, source: Source, terms: Vocabulary
) -> Iterator[Procedure]:
    kinds = terms.procedure_kinds(codings(code))
    if kinds:
        yield Procedure(concept_of(code), kinds, on, source)


def _of_a_finding(resource: Resource) -> bool:
    found = (reference(one) for one in mappings(resource.get("derivedFrom")))
    return any(one is not None and one[0] == "Observation" for one in found)


def _side(resource: Resource, terms: Vocabulary) -> str:
    return next(
        (terms.sides[code] for _, code in codings(resource.get("bodySite")) if code in terms.sides),
        "",
    )


def _day_of(resource: Resource) -> date | None:
    return first_day(resource, "effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued")
