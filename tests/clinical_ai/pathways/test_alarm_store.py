from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from clinical_ai.errors import KnowledgeError
from clinical_ai.pathways.alarm_store import Who, acknowledge, open_alarms, raise_alarms
from clinical_ai.pathways.alarms import home_alarms
from clinical_ai.pathways.case import open_case
from clinical_ai.pathways.load import load_alarm_rules
from clinical_ai.store.migrate import migrate
from clinical_ai.store.tables import audit_event
from pacs_bridge.database import open_engine, writing
from tests.support.people import measured, record

RULES = load_alarm_rules()
TODAY = datetime.now(UTC).astimezone().date()


@pytest.fixture
def engine(database_url):
    engine = open_engine(database_url)
    migrate(engine)
    yield engine
    engine.dispose()


def low_glucose(*days: date):
    values = [measured("glucose", 2.5, day, home=True) for day in days]
    return home_alarms(RULES, open_case(record(measurements=values), max(days)))


def raised(engine, *days: date, person="p1"):
    with writing(engine) as connection:
        return raise_alarms(connection, Who(person, "local"), low_glucose(*days))


def test_an_alarm_is_raised_once_and_renewed_while_it_is_open(engine):
    (number,) = raised(engine, TODAY)
    assert raised(engine, TODAY) == ()
    assert raised(engine, TODAY, TODAY + timedelta(days=1)) == ()
    assert len(raised(engine, TODAY, person="p2")) == 1
    with engine.connect() as connection:
        (alarm,) = open_alarms(connection, who=Who("p1", "local"))
    assert (alarm.number, alarm.rule, alarm.level) == (number, "home.glucose_below_3_0", "urgent")
    assert (alarm.first, alarm.newest) == (TODAY, TODAY + timedelta(days=1))
    assert alarm.title.zh and alarm.facts[-1].value == "2.5 mmol/L"


def test_a_person_by_name_acknowledges_it_and_only_newer_facts_raise_it_again(engine):
    (number,) = raised(engine, TODAY)
    with writing(engine) as connection:
        seen = acknowledge(connection, number, "smith", "called; took sugar")
    assert (seen.acknowledged_by, seen.note) == ("smith", "called; took sugar")
    assert raised(engine, TODAY) == ()
    quiet = TODAY + timedelta(days=1)  # the rule is quiet for a day
    assert raised(engine, TODAY, quiet) == ()
    (again,) = raised(engine, quiet, TODAY + timedelta(days=2))
    assert again != number
    with engine.connect() as connection:
        assert [a.number for a in open_alarms(connection)] == [again]
        assert len(open_alarms(connection, all_alarms=True)) == 2


def test_both_leave_audit_events_without_values(engine):
    (number,) = raised(engine, TODAY)
    with writing(engine) as connection:
        acknowledge(connection, number, "smith")
    with engine.connect() as connection:
        rows = connection.execute(select(audit_event)).all()
    assert [(r.username, r.action) for r in rows] == [
        ("system", "alarm-raised"),
        ("smith", "alarm-acknowledged"),
    ]
    assert not any("2.5" in r.detail or "p1" in r.detail for r in rows)


def test_an_acknowledgement_needs_a_person_an_alarm_and_happens_once(engine):
    (number,) = raised(engine, TODAY)
    with writing(engine) as connection:
        with pytest.raises(KnowledgeError, match="there is no alarm 9999"):
            acknowledge(connection, 9999, "smith")
        with pytest.raises(KnowledgeError, match="give the user name"):
            acknowledge(connection, number, "  ")
        with pytest.raises(KnowledgeError, match="at most 1000"):
            acknowledge(connection, number, "smith", "x" * 1001)
        acknowledge(connection, number, "smith")
        with pytest.raises(KnowledgeError, match=f"alarm {number} was acknowledged by smith"):
            acknowledge(connection, number, "jones")


def test_those_who_look_at_once_raise_one(engine):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: raised(engine, TODAY), range(8)))
    assert sum(len(numbers) for numbers in found) == 1
    with engine.connect() as connection:
        assert len(open_alarms(connection)) == 1


def test_urgent_and_new_alarms_come_first(engine):
    slow = [measured("heart_rate", 47, TODAY - timedelta(days=d), home=True) for d in range(3)]
    with writing(engine) as connection:
        raise_alarms(
            connection,
            Who("p3", "local"),
            home_alarms(RULES, open_case(record(measurements=slow), TODAY)),
        )
    raised(engine, TODAY - timedelta(days=5), person="p1")
    raised(engine, TODAY, person="p2")
    with engine.connect() as connection:
        assert [a.who.person for a in open_alarms(connection)] == ["p2", "p1", "p3"]
