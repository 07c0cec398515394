"""The tables of the follow-up page, and the list behind it."""

import threading
from contextlib import closing
from datetime import date, timedelta

import pytest

from clinical_ai.follow_up import rules_in_force, standing
from clinical_ai.pathways.alarm_store import open_alarms
from clinical_ai.records.store import RecordStore
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.texts import Texts
from tests.ui.hospital import people
from ui.follow_up_list import FollowUpLists, make_list
from ui.screens.follow_up import alarm_table, chosen_rows, overdue_table
from ui.screens.person_pathways import due_table, goal_table, home_points

ON = date(2026, 6, 30)


@pytest.fixture
def services(tmp_path):
    with closing(open_services(Settings(data_dir=tmp_path / "data"))) as opened:
        RecordStore(opened.engine).put(people(ON), origin="local")
        yield opened


def test_all_records_are_looked_through_and_alarms_raised_once(services):
    told = []
    first = make_list(services, ON, lambda done, total: told.append((done, total)))
    assert (first.persons, told) == (2, [(2, 2)])
    assert first.new_alarms >= 1
    again = make_list(services, ON, lambda _done, _total: None)
    assert again.new_alarms == 0
    assert again.overdue["en"].equals(first.overdue["en"])


def test_the_list_is_in_both_languages_and_in_the_same_order(services):
    made = make_list(services, ON, lambda _done, _total: None)
    english, chinese = made.overdue["en"], made.overdue["zh"]
    assert english.height == chinese.height > 0
    assert english["days_overdue"].to_list() == sorted(english["days_overdue"], reverse=True)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese["what"][0])


def test_filters_narrow_the_list(services):
    rows = make_list(services, ON, lambda _done, _total: None).overdue["en"]
    assert chosen_rows(rows, [], [], []).height == rows.height
    assert set(chosen_rows(rows, [], ["Haidian"], [])["person"]) <= {"home"}
    late = chosen_rows(rows, ["hypertension"], [], ["overdue"])
    assert late.height > 0
    assert set(late["status"]) == {"overdue"}
    cells = overdue_table(late, Texts("en"))
    assert len({len(column) for column in cells.values()}) == 1


def test_while_one_goes_through_the_records_another_is_told_so(services):
    lists = FollowUpLists(services)
    begun, may_end = threading.Event(), threading.Event()

    def slowly(_done, _total):
        begun.set()
        assert may_end.wait(30)

    first = threading.Thread(target=lists.make, args=(slowly,))
    first.start()
    assert begun.wait(30)
    assert lists.is_being_made
    assert lists.make(lambda _done, _total: None) is None
    may_end.set()
    first.join()
    assert lists.newest is not None
    assert not lists.is_being_made


@pytest.mark.parametrize("language", ["zh", "en"])
def test_tables_of_a_person(services, language):
    texts = Texts(language)
    make_list(services, ON, lambda _done, _total: None)
    with services.engine.connect() as connection:
        alarms = open_alarms(connection)
    assert len(next(iter(alarm_table(alarms, texts).values()))) == len(alarms)
    store = RecordStore(services.engine)
    found = standing(
        services, rules_in_force(services.settings), store.person("home", origin="local"), ON
    )
    (state,) = [s for s in found.states if s.place == "on"]
    assert state.pathway.pathway == "hypertension"
    goals = goal_table(state.goals, texts)
    assert {len(cells) for cells in goals.values()} == {len(state.goals)}
    assert {len(c) for c in due_table(state.schedule, texts).values()} == {len(state.schedule)}


def test_points_of_a_chart_are_one_a_day_and_not_from_the_future(services):
    record = RecordStore(services.engine).record("home")
    points = home_points(record, "systolic_bp", ON)
    days = points["day"].to_list()
    assert days == sorted(set(days))
    assert days[-1] <= ON
    earlier = home_points(record, "systolic_bp", ON - timedelta(days=3))
    assert 0 < earlier.height < points.height
