"""A care pathway of one patient as FHIR R4: a CarePlan with its Goals.

A draft proposal: nothing of it is ordered until a clinician takes it over. Numbers are targets
where the goal of the pathway is one; everything else is said in words.
"""

from collections.abc import Iterator, Mapping, Sequence

from clinical_ai.pathways.conditions import Latest, Limits, Mean
from clinical_ai.pathways.definition import Goal, Pathway
from clinical_ai.pathways.schedule import Due
from clinical_ai.pathways.state import GoalState, GoalStatus, PathwayState
from clinical_ai.records.kinds import LOINC
from clinical_ai.reports.fhir.care_plan import GoalTarget, PlannedActivity, care_plan, goal
from clinical_ai.reports.fhir.devices import software_device
from clinical_ai.reports.fhir.elements import Element, Resource, without_empty
from clinical_ai.reports.fhir.told import PatientLink
from clinical_ai.texts import Language

# http://terminology.hl7.org/CodeSystem/goal-achievement
_ACHIEVEMENT: Mapping[GoalStatus, tuple[str, str] | None] = {
    "met": ("achieved", "Achieved"),
    "not met": ("not-achieved", "Not Achieved"),
    "not measured": None,
}
# LOINC as in the code tables of `risk_models.cohort` and `clinical_ai.records`.
_MEASURES: Mapping[str, tuple[str, str]] = {
    "systolic_bp": ("8480-6", "Systolic blood pressure"),
    "diastolic_bp": ("8462-4", "Diastolic blood pressure"),
    "ldl_cholesterol": ("22748-8", "LDL cholesterol"),
    "hba1c": ("4548-4", "HbA1c"),
    "fasting_glucose": ("14771-0", "Fasting glucose"),
    "bmi": ("39156-5", "BMI"),
}


def plan_of_pathway(
    state: PathwayState, patient: PatientLink, language: Language
) -> tuple[Resource, ...]:
    """Return the Device of this software, the Goals and the CarePlan of one pathway.

    Parameters
    ----------
    state
        Of a patient who is on the pathway.
    patient
        As the receiver knows the patient.

    Raises
    ------
    ValueError
        If the patient is not on the pathway.
    """
    if state.place != "on":
        raise ValueError(f"the patient is not on the pathway {state.pathway.pathway}")
    goals = [_goal(one, state, patient, language) for one in state.goals]
    plan = care_plan(
        patient,
        (state.person, state.pathway.pathway),
        _title(state, language),
        start=state.on,
        goals=goals,
        activities=[
            *(_visit(due, language) for due in state.schedule),
            *(PlannedActivity(advice.title.in_language(language)) for advice in state.advice),
        ],
        addresses=_problems(state),
        said=list(_said(state, language)),
    )
    # Of a resource without problems or targets, empty lists would be left, which FHIR forbids.
    return tuple(without_empty(resource) for resource in (software_device(), *goals, plan))


def _title(state: PathwayState, language: Language) -> str:
    title = state.pathway.title.in_language(language)
    return f"{title}: {state.stage.title.in_language(language)}" if state.stage else title


def _goal(
    one: GoalState, state: PathwayState, patient: PatientLink, language: Language
) -> Resource:
    pathway = state.pathway
    resource = goal(
        patient,
        (state.person, pathway.pathway, one.goal.id),
        one.goal.title.in_language(language),
        start=state.on,
        targets=list(_targets(one.goal)),
        addresses=_problems(state),
        said=[*_cited(pathway, (one.goal.source, *one.goal.also)), one.goal.note or ""],
    )
    achieved = _ACHIEVEMENT[one.status]
    return resource if achieved is None else {**resource, "achievementStatus": _concept(*achieved)}


def _concept(code: str, display: str) -> Element:
    system = "http://terminology.hl7.org/CodeSystem/goal-achievement"
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _targets(one: Goal) -> Iterator[GoalTarget]:
    for _, test in one.target.leaves():
        if isinstance(test, Latest | Mean):
            code, text = _MEASURES.get(test.kind, ("", test.kind))
            low, high = _range(test)
            yield GoalTarget((LOINC, code, text), low, high, test.unit)


def _range(test: Limits) -> tuple[float | None, float | None]:
    """A FHIR range has its ends in it; ``below 140`` and ``up to 140`` differ in the words only."""
    return (
        test.low if test.low is not None else test.above,
        test.high if test.high is not None else test.below,
    )


def _visit(due: Due, language: Language) -> PlannedActivity:
    title = due.rule.title.in_language(language)
    every = f"{title} (every {due.rule.every})" if language == "en" else f"{title}（{_zh(due)}）"
    # What is overdue has no day any more on which it would be in time.
    start = due.last if due.last is not None and due.last <= due.due else None
    return PlannedActivity(every, start=start, end=due.due)


def _zh(due: Due) -> str:
    units = {"day": "天", "week": "周", "month": "个月", "year": "年"}
    return f"每{due.rule.every.count}{units[due.rule.every.unit]}"


def _problems(state: PathwayState) -> list[str]:
    """References to the problems of the receiver's record that put the patient here."""
    return list(
        dict.fromkeys(
            fact.source.reference
            for fact in state.why
            if fact.source is not None and fact.source.reference.startswith("Condition/")
        )
    )


def _said(state: PathwayState, language: Language) -> Iterator[str]:
    pathway = state.pathway
    yield pathway.scope.in_language(language)
    stage = () if state.stage is None else (state.stage.source,)
    rules = [*(due.rule for due in state.schedule), *state.advice]
    named = (pathway.entry_source, *stage, *(s for r in rules for s in (r.source, *r.also)))
    yield from _cited(pathway, named)


def _cited(pathway: Pathway, names: Sequence[str]) -> list[str]:
    return [pathway.sources[name].citation for name in dict.fromkeys(names)]
