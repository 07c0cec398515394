from datetime import date, timedelta

import pytest

from clinical_ai.pathways.alarms import home_alarms, red_flags
from clinical_ai.pathways.case import open_case
from clinical_ai.pathways.load import load_alarm_rules, load_pathways
from clinical_ai.pathways.state import state
from tests.support.people import clock, measured, pressure, problem, record, week_at_home

ON = date(2026, 6, 30)
RULES = load_alarm_rules()


def alarms(*values, problems=(), complete=True, on=ON):
    person = record(measurements=values, problems=problems, complete=complete)
    return {
        a.rule.removeprefix("home."): a.alarm.level
        for a in home_alarms(RULES, open_case(person, on))
    }


def at(hour, day=ON):
    return clock(day, hour)


def home(kind, value, hour=8, day=ON):
    return measured(kind, value, at(hour, day), home=True)


def test_two_very_high_pressures_are_urgent_one_is_to_be_repeated():
    assert alarms(*pressure(186, 100, at(8), home=True)) == {"home_bp_crisis_once": "soon"}
    both = (*pressure(186, 100, at(8), home=True), *pressure(182, 100, at(9), home=True))
    assert alarms(*both) == {"home_bp_crisis": "urgent"}
    assert alarms(*pressure(150, 112, at(8), home=True)) == {"home_bp_crisis_once": "soon"}


@pytest.mark.parametrize("mean", [(134, 84), (135, 80), (130, 85)])
def test_a_mean_of_a_week_at_or_above_135_85_alarms(mean):
    expected = {} if mean == (134, 84) else {"home_bp_above_goal": "soon"}
    assert alarms(*week_at_home(*mean, ON)) == expected


def test_few_readings_make_no_mean():
    assert alarms(*week_at_home(150, 95, ON)[-12:]) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3.95, {}),
        (3.9, {}),
        (3.5, {"glucose_below_3_9": "soon"}),
        (3.0, {"glucose_below_3_9": "soon"}),
        (2.9, {"glucose_below_3_0": "urgent"}),
        (16.7, {"glucose_high": "urgent"}),
    ],
)
def test_glucose(value, expected):
    ill = [problem("diabetes")]
    assert alarms(home("glucose", value), problems=ill) == expected
    assert alarms(home("fasting_glucose", value), problems=ill) == expected


def test_low_glucose_without_diabetes_alarms_only_below_3_0():
    assert alarms(home("glucose", 3.5)) == {}
    assert alarms(home("glucose", 2.5)) == {"glucose_below_3_0": "urgent"}


def test_saturation_needs_two_readings_and_is_lower_in_copd():
    assert alarms(home("spo2", 86)) == {}
    two = (home("spo2", 89, 8), home("spo2", 88, 9))
    assert alarms(*two) == {"spo2_low": "urgent"}
    assert alarms(*two, problems=[problem("copd")]) == {}
    lower = (home("spo2", 87, 8), home("spo2", 86, 9))
    assert alarms(*lower, problems=[problem("copd")]) == {"spo2_low": "urgent"}
    # Nobody knows whether this is COPD: the lower limit holds for certain.
    assert alarms(*lower, complete=False) == {"spo2_low": "urgent"}


def test_heart_rate():
    assert alarms(home("heart_rate", 38, 8)) == {}
    assert alarms(home("heart_rate", 38, 8), home("heart_rate", 40, 9)) == {
        "heart_rate_extreme": "urgent"
    }
    assert alarms(home("heart_rate", 131, 8), home("heart_rate", 150, 9)) == {
        "heart_rate_extreme": "urgent"
    }
    slow = [home("heart_rate", 47, day=ON - timedelta(days=d)) for d in range(3)]
    assert alarms(*slow) == {"heart_rate_slow": "soon"}
    assert alarms(*slow[:2]) == {}


def test_sudden_weight_gain_matters_in_heart_failure():
    weights = (home("weight", 70, day=date(2026, 6, 28)), home("weight", 72.1))
    assert alarms(*weights) == {}
    assert alarms(*weights, problems=[problem("heart_failure")]) == {"weight_gain": "urgent"}
    slow = (home("weight", 70, day=date(2026, 6, 20)), home("weight", 72.1))
    assert alarms(*slow, problems=[problem("heart_failure")]) == {}


@pytest.mark.parametrize(
    "reading",
    [
        home("systolic_bp", 500),
        home("spo2", 1),
        home("spo2", 120),
        home("glucose", 0.1),
        home("glucose", 600),
        home("heart_rate", 0),
        home("weight", 7200),
    ],
)
def test_no_alarm_from_a_value_that_cannot_be_true_however_often_it_comes(reading):
    often = [measured(reading.kind, reading.value, at(h), home=True) for h in range(8, 12)]
    ill = [problem("diabetes"), problem("heart_failure")]
    assert alarms(home("weight", 70, day=date(2026, 6, 28)), *often, problems=ill) == {}


def test_a_swapped_pair_does_not_alarm():
    assert (
        alarms(*pressure(110, 190, at(8), home=True), *pressure(112, 195, at(9), home=True)) == {}
    )


def test_old_readings_do_not_alarm_and_neither_do_the_dead():
    assert alarms(home("glucose", 2.5, day=date(2026, 6, 20))) == {}
    dead = record(measurements=[home("glucose", 2.5)], deceased=True)
    assert home_alarms(RULES, open_case(dead, ON)) == ()


def test_red_flags_of_pathways_are_alarms_with_their_source():
    person = record(problems=[problem("hypertension")], measurements=pressure(190, 100, ON))
    states = [state(p, person, ON) for p in load_pathways().values()]
    (flag,) = red_flags(states)
    assert flag.rule == "hypertension.bp_180_110"
    assert flag.newest == ON
    assert "国家基本公共卫生服务规范" in flag.source.citation
