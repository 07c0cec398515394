"""Where a patient stands on a pathway, derived from the record and nothing else."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Generic, Literal, TypeVar

from clinical_ai.pathways.case import Case, open_case
from clinical_ai.pathways.definition import (
    Advice,
    Alarm,
    Done,
    Exit,
    Goal,
    Pathway,
    Scheduled,
    Stage,
)
from clinical_ai.pathways.examine import Examined, Fact, Missing, examine
from clinical_ai.pathways.plausible import SetAside
from clinical_ai.pathways.schedule import Due, due
from clinical_ai.records.record import ClinicalRecord
from clinical_ai.risk.profile import RiskProfile

Place = Literal["on", "off", "left", "unknown"]
GoalStatus = Literal["met", "not met", "not measured"]
R = TypeVar("R", Exit, Alarm)
_STATUS: Mapping[bool | None, GoalStatus] = {True: "met", False: "not met", None: "not measured"}


@dataclass(frozen=True, slots=True)
class GoalState:
    """A goal that applies to the patient, and whether it is met."""

    goal: Goal
    status: GoalStatus
    facts: tuple[Fact, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Holding(Generic[R]):
    """An exit or red flag that holds, with the facts."""

    rule: R
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class PathwayState:
    """Where a patient stands on one pathway on one day.

    Parameters
    ----------
    place
        ``on`` the pathway; ``off``: entry is not fulfilled; ``left``: an exit holds, or the
        patient has died; ``unknown``: the record does not tell whether entry is fulfilled.
    stage
        None unless on the pathway, and where no stage can be told.
    why
        The facts that put the patient on the pathway, and into the stage.
    schedule
        Visits and tests of the stage, the longest overdue first.
    missing
        What the record would have to tell for what could not be decided.
    complete
        False when a source of the record did not answer, so that nothing can be called overdue
        with confidence.
    """

    pathway: Pathway
    person: str
    on: date
    place: Place
    stage: Stage | None
    why: tuple[Fact, ...]
    goals: tuple[GoalState, ...]
    schedule: tuple[Due, ...]
    advice: tuple[Advice, ...]
    exits: tuple[Holding[Exit], ...]
    red_flags: tuple[Holding[Alarm], ...]
    missing: tuple[Missing, ...]
    set_aside: tuple[SetAside, ...]
    complete: bool

    @property
    def overdue(self) -> tuple[Due, ...]:
        """Visits and tests past their day, those never recorded among them."""
        return tuple(one for one in self.schedule if one.status in ("overdue", "never recorded"))


def state(
    pathway: Pathway, record: ClinicalRecord, on: date, profile: RiskProfile | None = None
) -> PathwayState:
    """Return where a patient stands on `pathway` on the day `on`.

    Parameters
    ----------
    profile
        What the risk equations say, for conditions that ask; without it those are unknown.
    """
    return state_of_case(pathway, open_case(record, on, profile))


def state_of_case(pathway: Pathway, case: Case) -> PathwayState:
    """Return where the patient of a case stands; one case serves several pathways."""
    if case.record.demographics.deceased:
        return _elsewhere(pathway, case, "left", Examined(True))
    entry = examine(pathway.entry, case)
    if entry.met is not True:
        return _elsewhere(pathway, case, "off" if entry.met is False else "unknown", entry)
    undecided: list[Missing] = []
    goals = tuple(_goals(pathway.goals, case, undecided))
    case = replace(case, goals=_groups(pathway.goals, goals))
    exits = _holding(pathway.exits, case, undecided)
    if exits:
        return replace(_elsewhere(pathway, case, "left", entry), exits=exits)
    stage, found = _stage(pathway.stages, case, undecided)
    flags = _holding(pathway.red_flags, case, [])  # a flag not measured is nothing to ask for
    since = min((f.on for f in entry.facts if f.on is not None), default=None)
    schedule, advice = _plan(pathway, case, stage, since, undecided)
    return PathwayState(
        pathway=pathway,
        person=case.record.person,
        on=case.on,
        place="on",
        stage=stage,
        why=tuple(dict.fromkeys((*entry.facts, *found.facts))),
        goals=goals,
        schedule=schedule,
        advice=advice,
        exits=(),
        red_flags=flags,
        missing=_distinct(undecided),
        set_aside=case.set_aside,
        complete=case.record.complete,
    )


def _elsewhere(pathway: Pathway, case: Case, place: Place, entry: Examined) -> PathwayState:
    return PathwayState(
        pathway=pathway,
        person=case.record.person,
        on=case.on,
        place=place,
        stage=None,
        why=entry.facts,
        goals=(),
        schedule=(),
        advice=(),
        exits=(),
        red_flags=(),
        missing=entry.missing,
        set_aside=case.set_aside,
        complete=case.record.complete,
    )


def _goals(goals: Iterable[Goal], case: Case, undecided: list[Missing]) -> Iterable[GoalState]:
    for goal in goals:
        if not _applies(goal, case, undecided):
            continue
        found = examine(goal.target, case)
        undecided.extend(found.missing)
        yield GoalState(goal, _STATUS[found.met], found.facts, found.missing)


def _groups(goals: Iterable[Goal], states: Iterable[GoalState]) -> dict[str, bool | None]:
    """By group: false if any goal of it is not met, true if one is met, else not known."""
    by_group: defaultdict[str, set[GoalStatus]] = defaultdict(set)
    for one in states:
        by_group[one.goal.group].add(one.status)
    return {
        goal.group: (
            False
            if "not met" in by_group[goal.group]
            else True
            if "met" in by_group[goal.group]
            else None
        )
        for goal in goals
    }


def _stage(
    stages: Iterable[Stage], case: Case, undecided: list[Missing]
) -> tuple[Stage | None, Examined]:
    stage: Stage | None = None
    why = Examined(False)
    for one in stages:
        found = examine(one.enter, case)
        if found.met:
            stage, why = one, found
        undecided.extend(found.missing)
    return stage, why


def _holding(rules: Iterable[R], case: Case, undecided: list[Missing]) -> tuple[Holding[R], ...]:
    holding = []
    for rule in rules:
        found = examine(rule.when, case)
        undecided.extend(found.missing)
        if found.met:
            holding.append(Holding(rule, found.facts))
    return tuple(holding)


def _plan(
    pathway: Pathway,
    case: Case,
    stage: Stage | None,
    since: date | None,
    undecided: list[Missing],
) -> tuple[tuple[Due, ...], tuple[Advice, ...]]:
    planned = _soonest(
        due(kind, rule, case, since)
        for kind, rule in pathway.scheduled()
        if _in(rule.in_stages, stage) and _applies(rule, case, undecided)
    )
    advice = tuple(
        one
        for one in pathway.advice
        if _in(one.in_stages, stage) and _applies(one, case, undecided)
    )
    return tuple(sorted(planned, key=lambda d: (-d.days_overdue, d.due, d.rule.id))), advice


def _soonest(planned: Iterable[Due]) -> list[Due]:
    """Of rules that the same facts answer, such as a usual and a closer visit, the soonest."""
    kept: dict[tuple[str, Done], Due] = {}
    for one in planned:
        key = (one.kind, one.rule.done_by)
        if key not in kept or one.due < kept[key].due:
            kept[key] = one
    return list(kept.values())


def _in(stages: tuple[str, ...], stage: Stage | None) -> bool:
    return stage is not None and (not stages or stage.id in stages)


def _applies(rule: Goal | Scheduled | Advice, case: Case, undecided: list[Missing]) -> bool:
    if rule.applies is None:
        return True
    found = examine(rule.applies, case)
    undecided.extend(found.missing)
    return found.met is True


def _distinct(missing: Iterable[Missing]) -> tuple[Missing, ...]:
    return tuple(dict.fromkeys(missing))
