"""What Conditions, medications, allergies, relatives' diseases and procedures state."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from clinical_ai.records.elements import (
    Resource,
    codes,
    codings,
    concept_of,
    day,
    first_day,
    mapping,
    mappings,
    number,
    text,
    written_names,
)
from clinical_ai.records.kinds import Vocabulary
from clinical_ai.records.observations import smoking_statuses
from clinical_ai.records.record import (
    Allergy,
    FamilyCondition,
    Medication,
    Problem,
    Procedure,
    Smoking,
    Source,
    Unused,
)

_CURRENT = frozenset({"active", "recurrence", "relapse"})
"""FHIR R4 condition-clinical."""
_NOT_CONFIRMED = frozenset({"provisional", "differential", "unconfirmed"})
_WRONG = frozenset({"refuted", "entered-in-error"})
_ORDERS = frozenset(
    {"order", "original-order", "reflex-order", "filler-order", "instance-order", ""}
)
"""MedicationRequest.intent of what is ordered; proposals, plans and options are not."""
_ENDED = frozenset({"completed", "stopped", "on-hold", "not-taken"})
_YEAR = timedelta(days=365.25)

Statement = Problem | Medication | Allergy | FamilyCondition | Procedure | Smoking | Unused


def condition_facts(
    resource: Resource, source: Source, terms: Vocabulary, born: date | None
) -> Iterator[Statement]:
    """The problem that a Condition states; nothing where it is refuted."""
    verification = codes(resource.get("verificationStatus"))
    if verification & _WRONG:
        yield Unused(source.reference, "problem: refuted or entered in error")
        return
    if verification & _NOT_CONFIRMED:
        yield Unused(source.reference, "problem: not a confirmed diagnosis")
        return
    concept = concept_of(resource.get("code"))
    if not (concept.code or concept.display):
        yield Unused(source.reference, "problem: no code and no text")
        return
    found = codings(resource.get("code"))
    clinical = codes(resource.get("clinicalStatus"))
    active = bool(clinical & _CURRENT) if clinical else not _abated(resource)
    onset = _onset(resource, born)
    family = tuple(kind for _, code in found for kind in terms.family_history.get(code, ()))
    if family:
        yield FamilyCondition(concept, family, "", None, source)
        return
    yield from smoking_statuses(found, onset or first_day(resource, "recordedDate"), source, terms)
    yield Problem(concept, terms.problem_kinds(found), active, onset, source)


def medication_facts(
    resource: Resource,
    source: Source,
    terms: Vocabulary,
    referred: Callable[[object], Resource],
) -> Iterator[Statement]:
    """The drug of a MedicationRequest or MedicationStatement.

    Parameters
    ----------
    referred
        Gives the resource that a Reference points to, or an empty one.
    """
    status = text(resource.get("status"))
    if status != "active" and status not in _ENDED:
        yield Unused(source.reference, "medication: neither active nor ended")
        return
    if text(resource.get("intent")) not in _ORDERS or resource.get("doNotPerform") is True:
        yield Unused(source.reference, "medication: proposed or forbidden, not ordered")
        return
    drug: object = resource.get("medicationCodeableConcept")
    if drug is None:
        drug = referred(resource.get("medicationReference")).get("code")
    concept = concept_of(drug)
    if not (concept.code or concept.display):
        yield Unused(source.reference, "medication: no code and no name of the drug")
        return
    yield Medication(
        concept,
        terms.drug_kinds(written_names(drug), codings(drug)),
        status == "active",
        first_day(resource, "effectiveDateTime", "effectivePeriod", "authoredOn", "dateAsserted"),
        source,
    )


def allergy_facts(resource: Resource, source: Source) -> Iterator[Statement]:
    """The allergy or intolerance of an AllergyIntolerance, unless refuted or resolved."""
    if codes(resource.get("verificationStatus")) & _WRONG:
        yield Unused(source.reference, "allergy: refuted or entered in error")
        return
    clinical = codes(resource.get("clinicalStatus"))
    if clinical and "active" not in clinical:
        yield Unused(source.reference, "allergy: no longer active")
        return
    concept = concept_of(resource.get("code"))
    if not (concept.code or concept.display):
        for reaction in mappings(resource.get("reaction")):
            concept = concept_of(reaction.get("substance"))
    if not (concept.code or concept.display):
        yield Unused(source.reference, "allergy: no code and no text")
        return
    criticality = text(resource.get("criticality"))
    known = criticality in ("low", "high", "unable-to-assess")
    yield Allergy(concept, criticality if known else "", source)


def family_facts(resource: Resource, source: Source, terms: Vocabulary) -> Iterator[Statement]:
    """The diseases of one relative (FamilyMemberHistory)."""
    if text(resource.get("status")) not in ("completed", "partial"):
        yield Unused(source.reference, "family history: neither completed nor partial")
        return
    relation = next(
        (terms.relations.get(code, code) for _, code in codings(resource.get("relationship"))), ""
    )
    for condition in mappings(resource.get("condition")):
        concept = concept_of(condition.get("code"))
        if not (concept.code or concept.display):
            yield Unused(source.reference, "family history: a condition without code and text")
            continue
        yield FamilyCondition(
            concept,
            terms.problem_kinds(codings(condition.get("code"))),
            relation,
            _years(condition.get("onsetAge")),
            source,
        )


def procedure_facts(resource: Resource, source: Source, terms: Vocabulary) -> Iterator[Statement]:
    """The procedure of a Procedure that was done."""
    if text(resource.get("status")) != "completed":
        yield Unused(source.reference, "procedure: not completed")
        return
    concept = concept_of(resource.get("code"))
    if not (concept.code or concept.display):
        yield Unused(source.reference, "procedure: no code and no text")
        return
    yield Procedure(
        concept,
        terms.procedure_kinds(codings(resource.get("code"))),
        first_day(resource, "performedDateTime", "performedPeriod"),
        source,
    )


def _onset(resource: Resource, born: date | None) -> date | None:
    stated = first_day(resource, "onsetDateTime", "onsetPeriod")
    if stated is not None or born is None:
        return stated
    years = _years(resource.get("onsetAge"))
    try:
        return None if years is None else born + years * _YEAR
    except OverflowError:
        return None


def _years(age: object) -> float | None:
    """An Age in years; other units than years are not used."""
    quantity = mapping(age)
    value = number(quantity.get("value"))
    unit = text(quantity.get("code")) or text(quantity.get("unit"))
    if value is None or unit not in ("a", "year", "years", "yr", "岁"):
        return None
    return value if 0 <= value <= _OLDEST else None


_OLDEST = 130


def _abated(resource: Resource) -> bool:
    return any(name.startswith("abatement") for name in resource) and (
        day(resource.get("abatementDateTime"), partial=True) is not None
        or any(
            resource.get(name)
            for name in ("abatementAge", "abatementPeriod", "abatementRange", "abatementString")
        )
    )
