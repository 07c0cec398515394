"""The follow-up of everybody, looked at once and shown to all until somebody asks again.

Going through thousands of records takes minutes, so a page must not do it at each click. What
was found is kept in memory as two tables, one for each language.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from clinical_ai.follow_up import keep_alarms, overdue, rules_in_force, standings
from clinical_ai.follow_up_rows import overdue_row
from clinical_ai.records.store import RecordStore
from clinical_ai.services import Services
from clinical_ai.texts import LANGUAGE_NAMES, Language

Progress = Callable[[int, int], None]

_PERSONS_AT_A_TIME = 200  # bounds memory: a state holds all its facts
_SCHEMA = {
    "person": pl.String,
    "origin": pl.String,
    "name": pl.String,
    "district": pl.String,
    "pathway": pl.String,
    "stage": pl.String,
    "what": pl.String,
    "last": pl.String,
    "due": pl.String,
    "status": pl.String,
    "days_overdue": pl.Int64,
    "record_complete": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class FollowUpList:
    """What was overdue when all records were last gone through.

    Parameters
    ----------
    persons
        How many people were looked at.
    new_alarms
        Raised by it.
    overdue
        By language; a row for each visit or test, the longest overdue first.
    """

    on: date
    made_at: datetime
    persons: int
    new_alarms: int
    overdue: dict[Language, pl.DataFrame]


class FollowUpLists:
    """The newest list of a process; one is made at a time.

    Parameters
    ----------
    services
        Of the process.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._making = threading.Lock()
        self._newest: FollowUpList | None = None

    @property
    def newest(self) -> FollowUpList | None:
        """The newest list; None before the first."""
        return self._newest

    @property
    def is_being_made(self) -> bool:
        """Whether somebody is going through the records now."""
        return self._making.locked()

    def make(self, progress: Progress) -> FollowUpList | None:
        """Go through all records, and keep the alarms that are new.

        Returns
        -------
        FollowUpList or None
            None when somebody else is making one.

        Raises
        ------
        clinical_ai.errors.KnowledgeError
            If a pathway file of the site cannot be used.
        """
        if not self._making.acquire(blocking=False):
            return None
        try:
            self._newest = make_list(self._services, date.today(), progress)  # noqa: DTZ011
            return self._newest
        finally:
            self._making.release()


def make_list(services: Services, on: date, progress: Progress) -> FollowUpList:
    """Go through all records for the day `on`, and keep the alarms that are new."""
    rules = rules_in_force(services.settings)
    persons = RecordStore(services.engine).persons()
    frames: dict[Language, list[pl.DataFrame]] = {language: [] for language in LANGUAGE_NAMES}
    new_alarms = 0
    for begin in range(0, len(persons), _PERSONS_AT_A_TIME):
        some = persons[begin : begin + _PERSONS_AT_A_TIME]
        found = list(standings(services, rules, on, persons=some))
        new_alarms += keep_alarms(services.engine, found)
        for language, parts in frames.items():
            parts.append(_frame([overdue_row(o, language) for o in overdue(found)]))
        progress(begin + len(some), len(persons))
    return FollowUpList(
        on=on,
        made_at=datetime.now().astimezone(),
        persons=len(persons),
        new_alarms=new_alarms,
        overdue={language: _sorted(parts) for language, parts in frames.items()},
    )


def _frame(rows: Sequence[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame([{name: row[name] for name in _SCHEMA} for row in rows], schema=_SCHEMA)


def _sorted(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    whole = pl.concat([pl.DataFrame(schema=_SCHEMA), *parts])
    return whole.sort("days_overdue", "person", "what", descending=[True, False, False])
