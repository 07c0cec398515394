"""Alarms on a case: which rules hold now, on which facts. Whether they are new is asked later."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from clinical_ai.pathways.case import Case
from clinical_ai.pathways.definition import Alarm, AlarmRules, Source
from clinical_ai.pathways.examine import Fact, examine
from clinical_ai.pathways.state import PathwayState

HOME = "home"


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm that holds.

    Parameters
    ----------
    rule
        ``home.RULE`` for readings, ``PATHWAY.RULE`` for a red flag of a pathway.
    newest
        Day of the newest fact that it rests on.
    """

    rule: str
    alarm: Alarm
    source: Source
    facts: tuple[Fact, ...]
    newest: date


def home_alarms(rules: AlarmRules, case: Case) -> tuple[Raised, ...]:
    """Return the alarms of the readings of a case; none for one who has died."""
    if case.record.demographics.deceased:
        return ()
    found = []
    for alarm in rules.alarms:
        examined = examine(alarm.when, case)
        if examined.met:
            source = rules.sources[alarm.source]
            found.append(_raised(HOME, alarm, source, examined.facts, case.on))
    return tuple(found)


def red_flags(states: Iterable[PathwayState]) -> tuple[Raised, ...]:
    """Return the red flags of the pathways that a patient is on."""
    return tuple(
        _raised(
            one.pathway.pathway,
            flag.rule,
            one.pathway.sources[flag.rule.source],
            flag.facts,
            one.on,
        )
        for one in states
        for flag in one.red_flags
    )


def _raised(where: str, alarm: Alarm, source: Source, facts: Sequence[Fact], on: date) -> Raised:
    dated = [f.on for f in facts if f.on is not None]
    return Raised(f"{where}.{alarm.id}", alarm, source, tuple(facts), max(dated, default=on))
