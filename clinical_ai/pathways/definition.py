"""A care pathway as its file declares it: sources, stages, goals, visits, exits, red flags."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from clinical_ai.pathways.conditions import (
    Condition,
    ImagingKind,
    Measure,
    ProcedureKind,
    Span,
    Strict,
    filled,
    in_file,
    wrong,
)
from clinical_ai.texts import Language

Phase = Literal["prediction", "early_intervention", "follow_up", "rehabilitation"]
Level = Literal["urgent", "soon", "info"]
IntervalBy = Literal["source", "site"]
AdviceKind = Literal["education", "lifestyle", "rehabilitation"]

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
SourceRef = Annotated[str, AfterValidator(lambda v, i: in_file(v, i, "sources", "source"))]
StageRef = Annotated[str, AfterValidator(lambda v, i: in_file(v, i, "stages", "stage"))]


class Text(Strict):
    """Words for people in both languages."""

    en: Words
    zh: Words

    def in_language(self, language: Language) -> str:
        """Return the words in one language."""
        return self.zh if language == "zh" else self.en


class Source(Strict):
    """A publication that rules cite; `note` says how sure the wording is, where that matters."""

    citation: Words
    doi: Annotated[str, StringConstraints(pattern=r"^10\.[0-9]{4,9}/\S+$")] | None = None
    note: Words | None = None


class Rule(Strict):
    """What every rule has: an id, words, and the source it is taken from.

    Parameters
    ----------
    also
        Further sources.
    note
        What the source leaves open and how it was settled here.
    """

    id: Id
    title: Text
    source: SourceRef
    also: tuple[SourceRef, ...] = ()
    note: Words | None = None


class Stage(Rule):
    """A stage; a patient is in the last stage of the file whose `enter` holds."""

    phase: Phase
    enter: Condition


class Goal(Rule):
    """Something to be reached.

    Parameters
    ----------
    group
        Name under which conditions ask for it with ``goals_met``.
    applies
        For whom; for everybody on the pathway if left out.
    target
        Met when it holds; not measured when the record does not tell.
    """

    group: Id
    applies: Condition | None = None
    target: Condition


class Done(Strict):
    """What in a record shows that a visit or test took place; any of them does."""

    measured: tuple[Measure, ...] = ()
    home: bool | None = None
    procedure: tuple[ProcedureKind, ...] = ()
    imaging: tuple[ImagingKind, ...] = ()

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not (self.measured or self.procedure or self.imaging):
            raise wrong("write measured, procedure or imaging: a list of kinds")
        return self


class Scheduled(Rule):
    """A visit or test that comes back.

    Parameters
    ----------
    in_stages
        Written ``in``; every stage if left out.
    every
        Longest time between two.
    interval_by
        ``source`` where the cited source gives the interval, ``site`` where it gives none and
        this is a default that the site may change.
    """

    in_stages: tuple[StageRef, ...] = Field(default=(), alias="in")
    applies: Condition | None = None
    every: Span
    interval_by: IntervalBy
    done_by: Done


class Advice(Rule):
    """Education, a way of life, or rehabilitation to be talked through with the patient."""

    kind: AdviceKind
    in_stages: tuple[StageRef, ...] = Field(default=(), alias="in")
    applies: Condition | None = None


class Exit(Rule):
    """Why a patient leaves the pathway."""

    when: Condition


class Alarm(Rule):
    """A red flag of a pathway, or an alarm on readings: what to look for and what to do.

    Parameters
    ----------
    quiet
        The same alarm is not raised again within this long after an acknowledged one.
    """

    when: Condition
    level: Level
    action: Text
    quiet: Span | None = None


class Pathway(Strict):
    """One pathway file."""

    version: Literal["1"]
    pathway: Id
    title: Text
    scope: Text
    sources: Annotated[dict[Id, Source], AfterValidator(filled)]
    entry: Condition
    entry_source: SourceRef
    stages: Annotated[tuple[Stage, ...], AfterValidator(filled)]
    goals: tuple[Goal, ...] = ()
    visits: tuple[Scheduled, ...] = ()
    tests: tuple[Scheduled, ...] = ()
    advice: tuple[Advice, ...] = ()
    exits: tuple[Exit, ...] = ()
    red_flags: tuple[Alarm, ...] = ()

    lists: ClassVar[tuple[str, ...]] = (
        "stages",
        "goals",
        "visits",
        "tests",
        "advice",
        "exits",
        "red_flags",
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        check_distinct(self.rules())
        return self

    def rules(self) -> Iterator[tuple[str, int, Rule]]:
        """Yield every rule with the list it is in and its place there."""
        for name in self.lists:
            for number, rule in enumerate(getattr(self, name)):
                yield name, number, rule

    def scheduled(self) -> Iterator[tuple[Literal["visit", "test"], Scheduled]]:
        """Yield visits and tests."""
        for one in self.visits:
            yield "visit", one
        for one in self.tests:
            yield "test", one


class AlarmRules(Strict):
    """The file of alarms on readings from home, which hold whatever pathway a person is on."""

    version: Literal["1"]
    title: Text
    sources: Annotated[dict[Id, Source], AfterValidator(filled)]
    alarms: Annotated[tuple[Alarm, ...], AfterValidator(filled)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        check_distinct(("alarms", number, rule) for number, rule in enumerate(self.alarms))
        return self


def check_distinct(rules: Iterator[tuple[str, int, Rule]]) -> None:
    """Raise the error of a validator where an id stands twice."""
    seen: set[str] = set()
    for name, number, rule in rules:
        if rule.id in seen:
            raise wrong(
                f"the id {rule.id!r} stands here a second time; every id of a file is different",
                name,
                number,
                "id",
            )
        seen.add(rule.id)
