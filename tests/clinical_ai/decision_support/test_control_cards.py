"""Risk factors against their goals: the goal at its edge, old values, missing values."""

from datetime import date

import pytest

from tests.clinical_ai.decision_support.people import (
    as_cards,
    diabetes,
    drug,
    measured,
    person,
    pressure,
    problem,
    seen,
)

LIPIDS = (measured("total_cholesterol", 5.0), measured("hdl_cholesterol", 1.2))


@pytest.mark.parametrize(
    ("age", "problems", "systolic", "diastolic", "says"),
    [
        (50, ("hypertension",), 140, 80, "warning"),
        (50, ("hypertension",), 139, 89, None),
        (50, ("hypertension",), 139, 90, "warning"),
        (50, ("hypertension",), 180, 80, "critical"),
        (50, ("hypertension",), 150, 110, "critical"),
        (50, ("hypertension", "stroke"), 131, 70, "warning"),  # goal < 130/80
        (50, ("hypertension", "stroke"), 129, 79, None),
        (50, ("hypertension", "diabetes"), 139, 79, None),  # medium/high: not decided
        (50, ("hypertension", "diabetes"), 140, 79, "warning"),
        (70, ("hypertension", "stroke"), 138, 79, None),  # age goes before disease
        (82, ("hypertension",), 149, 89, None),  # goal < 150/90
        (82, ("hypertension",), 150, 89, "warning"),
        (50, (), 141, 80, "warning"),  # raised, nobody has called it so
        (50, (), 139, 80, None),
    ],
)
def test_blood_pressure_against_the_goal_of_2024(age, problems, systolic, diastolic, says):
    record = person(
        age,
        problems=tuple(problem(kind) for kind in problems),
        measurements=pressure(systolic, diastolic),
    )
    found = seen(record).get("blood-pressure")
    assert (found.indicator if found else None) == says


def test_a_raised_pressure_without_diagnosis_says_so_and_shows_values_from_home_apart():
    record = person(
        50, measurements=(*pressure(150, 95), *pressure(128, 79, date(2026, 2, 20), home=True))
    )
    detail = as_cards(record)["blood-pressure"]["detail"]
    assert "not in the problem list" in detail
    assert "Systolic pressure: 150 mmHg (2026-02-01, 29 days old)" in detail
    assert "Systolic pressure at home: 128 mmHg (2026-02-20, 10 days old)" in detail
    assert "135/85" in detail


def test_values_from_home_never_stand_in_for_those_of_the_office():
    record = person(
        50, problems=(problem("hypertension"),), measurements=pressure(170, 99, home=True)
    )
    found = seen(record)
    assert "blood-pressure" not in found
    assert "blood-pressure-missing" in found


def test_diastolic_and_systolic_are_of_the_same_moment():
    early, late = pressure(150, 95, date(2026, 1, 1)), pressure(120, 70)
    record = person(50, problems=(problem("hypertension"),), measurements=(*early, late[0]))
    assert "blood-pressure-missing" in seen(record)


@pytest.mark.parametrize(
    ("problems", "egfr", "goal"),
    [
        ((), 90, "<140/90"),
        (("diabetes",), 90, "<130/80"),  # from 140/90 with diabetes: high
        (("diabetes", "diabetic_retinopathy"), 90, "<130/80"),
        ((), 29, "<130/80"),  # kidney disease stage 4: very high
        (("heart_failure",), 90, "<130/80"),
    ],
)
def test_the_goal_follows_the_least_risk_that_the_record_allows(problems, egfr, goal):
    record = person(
        50,
        problems=tuple(problem(kind) for kind in ("hypertension", *problems)),
        measurements=(*pressure(150, 85), measured("egfr", egfr)),
    )
    assert as_cards(record)["blood-pressure"]["summary"].endswith(f"goal {goal}")


@pytest.mark.parametrize(
    ("record", "value", "goal"),
    [
        (person(60, problems=(problem("ascvd", "coronary_disease"),)), 1.8, "1.8"),
        (person(60, problems=(problem("ascvd"), diabetes())), 1.4, "1.4"),
        (person(60, problems=(diabetes(),)), 1.8, "1.8"),  # high risk at sight, from 40
        (person(60), 5.0, "2.6"),  # from 4.9: high at sight
    ],
)
def test_ldl_goals_of_2023(record, value, goal):
    for ldl, there in ((value, True), (value - 0.05, goal == "2.6")):
        measurements = (*LIPIDS, measured("ldl_cholesterol", ldl))
        found = as_cards(person(60, problems=record.problems, measurements=measurements))
        assert ("ldl-cholesterol" in found) is there
    assert (
        f"goal below {goal}"
        in as_cards(
            person(
                60, problems=record.problems, measurements=(*LIPIDS, measured("ldl_cholesterol", 6))
            )
        )["ldl-cholesterol"]["summary"]
    )


def test_ldl_card_says_what_was_assumed_and_whether_a_statin_is_listed():
    record = person(
        60, problems=(problem("ascvd"),), measurements=(measured("ldl_cholesterol", 3.0),)
    )
    detail = as_cards(record)["ldl-cholesterol"]["detail"]
    assert "No statin is in the medication list" in detail
    assert "Severe events were not counted" in detail
    treated = person(
        60,
        problems=(problem("ascvd"),),
        medications=(drug("statin"),),
        measurements=(measured("ldl_cholesterol", 3.0),),
    )
    assert "A statin is in the medication list" in as_cards(treated)["ldl-cholesterol"]["detail"]


@pytest.mark.parametrize(("value", "there"), [(7.0, True), (6.9, False)])
def test_hba1c_against_the_general_goal(value, there):
    record = person(60, problems=(diabetes(),), measurements=(measured("hba1c", value),))
    assert ("hba1c" in seen(record)) is there
    assert "hba1c" not in seen(person(60, measurements=(measured("hba1c", value),)))


def test_old_values_are_named_as_missing_not_compared():
    old = date(2025, 3, 1)  # 366 days
    record = person(
        60,
        problems=(diabetes(), problem("hypertension")),
        measurements=(
            *pressure(190, 120, old),
            measured("hba1c", 12.0, old),
            measured("ldl_cholesterol", 6.0, old),
        ),
    )
    found = seen(record)
    assert {"blood-pressure-missing", "hba1c-missing", "ldl-missing"} <= found.keys()
    assert not {"blood-pressure", "hba1c", "ldl-cholesterol"} & found.keys()


def test_children_get_no_goals_of_adults():
    assert not seen(person(12, problems=(diabetes(),), measurements=pressure(150, 95)))
