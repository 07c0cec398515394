"""Follow-up of the people in the record store: pathways, overdue visits, alarms.

Reads records and applies the pathways and alarms in force; what is derived is kept nowhere but
for the alarms, so that it always says what the record says.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Engine

from clinical_ai.errors import KnowledgeError
from clinical_ai.imaging_facts import imaging_facts
from clinical_ai.pathways.alarm_store import Who, raise_alarms
from clinical_ai.pathways.alarms import Raised, home_alarms, red_flags
from clinical_ai.pathways.case import open_case
from clinical_ai.pathways.definition import AlarmRules, Pathway
from clinical_ai.pathways.durations import Duration
from clinical_ai.pathways.load import load_alarm_rules, load_pathways
from clinical_ai.pathways.schedule import Due
from clinical_ai.pathways.state import PathwayState, state_of_case
from clinical_ai.pathways.trends import Trend, home_trends
from clinical_ai.records.store import RecordStore, StoredPerson
from clinical_ai.risk.assess import assess_risk
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from pacs_bridge.database import writing

TREND_WINDOW = Duration(3, "month")
"""How far back a trend of home readings looks; our own choice."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The pathways by name, and the alarms on readings."""

    pathways: Mapping[str, Pathway]
    alarms: AlarmRules

    def chosen(self, name: str | None) -> "RulesInForce":
        """Return these rules with one pathway only, or all if `name` is None.

        Raises
        ------
        KnowledgeError
            If there is no such pathway.
        """
        if name is None:
            return self
        if name not in self.pathways:
            raise KnowledgeError(
                f"there is no pathway {name!r}; there are: {', '.join(self.pathways)}"
            )
        return RulesInForce({name: self.pathways[name]}, self.alarms)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one person stands.

    Parameters
    ----------
    states
        One for every pathway asked for.
    alarms
        Those that hold on the day, whether or not they were raised before.
    """

    who: StoredPerson
    states: tuple[PathwayState, ...]
    alarms: tuple[Raised, ...]
    trends: tuple[Trend, ...]


@dataclass(frozen=True, slots=True)
class Overdue:
    """A visit or test of a person that is past its day."""

    who: StoredPerson
    state: PathwayState
    due: Due


def rules_in_force(settings: Settings) -> RulesInForce:
    """Return the pathways and alarms of this installation.

    Raises
    ------
    PathwayFileError
        If a file of the site cannot be used.
    """
    return RulesInForce(
        load_pathways(settings.pathways_dir), load_alarm_rules(settings.pathways_dir)
    )


def standing(
    services: Services, rules: RulesInForce, who: StoredPerson, on: date
) -> Standing | None:
    """Return where a person stands on the day `on`; None if the record has gone.

    Results of our own readings count as imaging of the record, and the risk is that of the
    equations for the place of the site.
    """
    record = RecordStore(services.engine).record(who.person, origin=who.origin)
    if record is None:
        return None
    seen = (*record.imaging, *imaging_facts(services, who.person, who.origin))
    record = replace(record, imaging=tuple(sorted(seen, key=lambda f: f.on or date.min)))
    deceased = record.demographics.deceased
    profile = None if deceased else assess_risk(record, on, place=services.settings.risk)
    case = open_case(record, on, profile)
    states = tuple(state_of_case(pathway, case) for pathway in rules.pathways.values())
    return Standing(
        who,
        states,
        (*home_alarms(rules.alarms, case), *red_flags(states)),
        home_trends(case, TREND_WINDOW),
    )


def standings(
    services: Services,
    rules: RulesInForce,
    on: date,
    *,
    persons: Sequence[StoredPerson],
    progress: Progress | None = None,
) -> Iterator[Standing]:
    """Yield where each person stands.

    Parameters
    ----------
    progress
        Told how many persons are done, of how many.
    """
    for number, who in enumerate(persons, start=1):
        found = standing(services, rules, who, on)
        if found is not None:
            yield found
        if progress is not None:
            progress(number, len(persons))


def person_named(store: RecordStore, person: str, origin: str | None = None) -> StoredPerson:
    """Return a person of the store.

    Raises
    ------
    KnowledgeError
        If there is no such person.
    """
    who = store.person(person, origin=origin)
    if who is None:
        raise KnowledgeError(
            f"the record store knows no Patient {person!r}; see `clinical-ai records list`"
        )
    return who


def overdue(found: Iterable[Standing]) -> list[Overdue]:
    """Return what is overdue, the longest first, what was never recorded last."""
    rows = [
        Overdue(one.who, state, due)
        for one in found
        for state in one.states
        for due in state.overdue
    ]
    return sorted(rows, key=lambda o: (-o.due.days_overdue, o.who.person, o.due.rule.id))


def keep_alarms(engine: Engine, found: Iterable[Standing]) -> int:
    """Store the alarms that are new; returns how many."""
    new = 0
    for one in found:
        if one.alarms:
            with writing(engine) as connection:
                who = Who(one.who.person, one.who.origin)
                new += len(raise_alarms(connection, who, one.alarms))
    return new
