"""States of hand-made people, and two years of one of them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_ai.pathways.alarms import home_alarms
from clinical_ai.pathways.case import open_case
from clinical_ai.pathways.durations import Duration
from clinical_ai.pathways.load import load_alarm_rules, load_pathways
from clinical_ai.pathways.state import state
from clinical_ai.pathways.trends import home_trends
from clinical_ai.records.record import ClinicalRecord, ImagingFact, Measured
from tests.support.people import (
    HERE,
    clock,
    measured,
    medication,
    pressure,
    problem,
    procedure,
    record,
    week_at_home,
)

ON = date(2026, 6, 30)
PATHWAYS = load_pathways()
HYPERTENSION = PATHWAYS["hypertension"]
DIABETES = PATHWAYS["diabetes"]


def where(pathway: str, person: ClinicalRecord, on: date = ON):
    found = state(PATHWAYS[pathway], person, on)
    return found.place, found.stage.id if found.stage else None


def test_stages_of_hypertension():
    assert where("hypertension", record()) == ("unknown", None)
    normal = record(measurements=pressure(118, 76, ON))
    assert where("hypertension", normal) == ("off", None)
    raised = record(measurements=pressure(134, 80, ON))
    assert where("hypertension", raised) == ("on", "high_normal")
    once = record(measurements=pressure(150, 80, ON))
    assert where("hypertension", once) == ("on", "to_confirm")
    ill = problem("hypertension", onset=date(2020, 1, 1))
    assert where("hypertension", record(problems=[ill])) == ("on", "not_at_goal")
    bad = record(problems=[ill], measurements=pressure(150, 95, ON))
    assert where("hypertension", bad) == ("on", "not_at_goal")
    good = record(problems=[ill], measurements=pressure(128, 78, ON))
    assert where("hypertension", good) == ("on", "at_goal")
    after = record(problems=[ill, problem("stroke", onset=date(2024, 1, 1))])
    assert where("hypertension", after) == ("on", "after_event")
    assert where(
        "hypertension", replace(good, demographics=replace(good.demographics, deceased=True))
    ) == ("left", None)
    assert where(
        "hypertension",
        replace(good, demographics=replace(good.demographics, birth_date=date(2015, 1, 1))),
    ) == ("off", None)


def test_high_pressure_at_home_awaits_a_diagnosis_too():
    masked = record(measurements=[*pressure(132, 80, date(2026, 5, 1)), *week_at_home(142, 88, ON)])
    assert where("hypertension", masked) == ("on", "to_confirm")


@pytest.mark.parametrize(
    ("born", "others", "systolic", "diastolic", "goal", "status"),
    [
        (date(1940, 1, 1), (), 148, 88, "office_bp_80", "met"),
        (date(1940, 1, 1), (), 152, 88, "office_bp_80", "not met"),
        (date(1956, 1, 1), (), 139, 89, "office_bp_65_79", "met"),
        (date(1956, 1, 1), ("diabetes",), 139, 89, "office_bp_65_79", "met"),
        (date(1970, 1, 1), ("diabetes",), 132, 78, "office_bp_disease", "not met"),
        (date(1970, 1, 1), ("diabetes",), 129, 79, "office_bp_disease", "met"),
        (date(1970, 1, 1), (), 139, 90, "office_bp", "not met"),
        (date(1970, 1, 1), (), 139, 89, "office_bp", "met"),
    ],
)
def test_the_goal_of_office_pressure_follows_age_and_disease(
    born, others, systolic, diastolic, goal, status
):
    person = record(
        born=born,
        problems=[problem(kind, onset=date(2020, 1, 1)) for kind in ("hypertension", *others)],
        measurements=pressure(systolic, diastolic, ON),
    )
    found = state(HYPERTENSION, person, ON)
    assert [(g.goal.id, g.status) for g in found.goals] == [(goal, status)]


def test_facts_with_dates_say_why():
    person = record(
        problems=[problem("hypertension", onset=date(2020, 1, 1))],
        measurements=pressure(128, 78, date(2026, 6, 1)),
    )
    found = state(HYPERTENSION, person, ON)
    assert [(f.what, f.on) for f in found.why] == [
        ("age", None),
        ("hypertension", date(2020, 1, 1)),
    ]
    (goal,) = found.goals
    assert {(f.what, f.value, f.on) for f in goal.facts} == {
        ("systolic_bp", "128 mm[Hg]", date(2026, 6, 1)),
        ("diastolic_bp", "78 mm[Hg]", date(2026, 6, 1)),
    }


def test_visits_are_counted_from_the_last_and_what_was_never_done_says_so():
    person = record(
        problems=[problem("hypertension", onset=date(2020, 1, 1))],
        measurements=[
            *pressure(128, 78, date(2026, 2, 28)),
            measured("creatinine", 1.0, date(2026, 1, 1)),
        ],
    )
    by_id = {d.rule.id: d for d in state(HYPERTENSION, person, ON).schedule}
    visit = by_id["visit_at_goal"]
    assert (visit.last, visit.due, visit.status, visit.days_overdue) == (
        date(2026, 2, 28), date(2026, 5, 28), "overdue", 33,
    )  # fmt: skip
    assert by_id["renal_function"].status == "planned"
    assert by_id["lipids"].last is None
    assert (by_id["lipids"].due, by_id["lipids"].status) == (date(2021, 1, 1), "never recorded")


def test_a_patient_not_at_goal_is_seen_within_weeks():
    person = record(
        problems=[problem("hypertension", onset=date(2020, 1, 1))],
        measurements=pressure(165, 100, date(2026, 6, 10)),
    )
    visit = next(d for d in state(HYPERTENSION, person, ON).schedule if d.kind == "visit")
    assert (visit.rule.id, visit.due, visit.status) == (
        "visit_not_at_goal", date(2026, 7, 8), "due",
    )  # fmt: skip


def test_of_two_visits_that_one_measurement_answers_the_sooner_counts():
    person = record(
        problems=[problem(k, onset=date(2020, 1, 1)) for k in ("hypertension", "stroke")],
        measurements=pressure(165, 100, date(2026, 6, 10)),
    )
    visits = [d for d in state(HYPERTENSION, person, ON).schedule if d.kind == "visit"]
    assert [(d.rule.id, d.due) for d in visits] == [("visit_event_not_at_goal", date(2026, 7, 8))]
    unknown = record(problems=person.problems)
    visits = [d for d in state(HYPERTENSION, unknown, ON).schedule if d.kind == "visit"]
    assert [d.rule.id for d in visits] == ["visit_at_goal"]


@pytest.mark.parametrize(("value", "due"), [(6.5, date(2026, 12, 1)), (8.5, date(2026, 9, 1))])
def test_hba1c_with_complications_is_sooner_when_not_at_goal(value, due):
    ill = problem("diabetes", "diabetic_retinopathy", onset=date(2015, 1, 1))
    person = record(problems=[ill], measurements=[measured("hba1c", value, date(2026, 6, 1))])
    found = state(DIABETES, person, ON).schedule
    assert [d.due for d in found if d.rule.title.en == "HbA1c"] == [due]


def test_a_disease_begins_with_its_first_code_not_with_that_of_a_complication():
    ill = [problem("diabetes", onset=d) for d in (date(2007, 4, 19), date(2026, 3, 1))]
    found = state(DIABETES, record(problems=ill), ON)
    assert [f.on for f in found.why if f.what == "diabetes"] == [date(2007, 4, 19)]
    eyes = next(d for d in found.schedule if d.rule.id == "eyes")
    assert eyes.status == "never recorded"


def test_an_emergency_is_a_red_flag_for_two_weeks():
    person = record(
        problems=[problem("hypertension")], measurements=pressure(184, 100, date(2026, 6, 25))
    )
    assert [f.rule.id for f in state(HYPERTENSION, person, ON).red_flags] == ["bp_180_110"]
    assert state(HYPERTENSION, person, date(2026, 7, 20)).red_flags == ()


def test_stages_of_diabetes():
    glucose = record(measurements=[measured("fasting_glucose", 6.5, ON)])
    assert where("diabetes", glucose) == ("on", "at_risk")
    high = record(measurements=[measured("fasting_glucose", 7.4, ON)])
    assert where("diabetes", high) == ("on", "to_confirm")
    ill = problem("diabetes", "diabetes_type_2", onset=date(2019, 1, 1))
    assert where("diabetes", record(problems=[ill])) == ("on", "not_at_goal")
    good = record(problems=[ill], measurements=[measured("hba1c", 6.4, ON)])
    assert where("diabetes", good) == ("on", "at_goal")
    eyes = record(problems=[ill], imaging=[ImagingFact("dr_grade", "3", ON, HERE, "L", True)])
    assert where("diabetes", eyes) == ("on", "complications")
    first = problem("diabetes", "diabetes_type_1", onset=date(2019, 1, 1))
    assert where("diabetes", record(problems=[first])) == ("off", None)


def test_a_retinal_photograph_or_our_reading_of_one_answers_the_yearly_check():
    ill = problem("diabetes", onset=date(2015, 1, 1))

    def eyes(**more):
        found = state(DIABETES, record(problems=[ill], **more), ON)
        return next(d for d in found.schedule if d.rule.id == "eyes").status

    assert eyes() == "never recorded"
    assert eyes(procedures=[procedure("retinal_photo", on=date(2026, 1, 1))]) == "planned"
    assert eyes(imaging=[ImagingFact("dr_grade", "0", date(2026, 1, 1), HERE)]) == "planned"


def test_stages_of_dyslipidaemia():
    high = record(measurements=[measured("ldl_cholesterol", 3.8, ON)])
    assert where("dyslipidaemia", high) == ("on", "untreated")
    diabetes = record(problems=[problem("diabetes")])
    assert where("dyslipidaemia", diabetes) == ("on", "should_be_treated")
    drug = medication("statin", "lipid_lowering_drug")
    treated = record(problems=[problem("ascvd")], medications=[drug])
    assert where("dyslipidaemia", treated) == ("on", "not_at_goal")
    good = replace(treated, measurements=(measured("ldl_cholesterol", 1.5, ON),))
    assert where("dyslipidaemia", good) == ("on", "at_goal")


def test_after_a_stroke_rehabilitation_comes_first_and_then_the_long_follow_up():
    event = problem("stroke", "stroke_ischaemic", "ascvd", onset=date(2026, 3, 1))
    person = record(problems=[event], medications=[medication("antiplatelet")])
    assert where("stroke", person) == ("on", "rehabilitation")
    assert where("stroke", person, date(2026, 10, 1)) == ("on", "follow_up")
    goals = {g.goal.id: g.status for g in state(PATHWAYS["stroke"], person, ON).goals}
    assert goals == {
        "blood_pressure": "not measured",
        "ldl": "not measured",
        "antithrombotic": "met",
        "statin": "not met",
    }


def test_after_an_infarction():
    event = problem("myocardial_infarction", "coronary_disease", onset=date(2026, 1, 1))
    assert where("post_mi", record(problems=[event])) == ("on", "rehabilitation")
    assert where("post_mi", record(problems=[event]), date(2028, 1, 1)) == ("on", "follow_up")
    assert where("post_mi", record(problems=[problem("coronary_disease")])) == (
        "on",
        "coronary_disease",
    )
    stent = record(procedures=[procedure("coronary_revascularisation", on=ON)])
    assert where("post_mi", stent) == ("on", "coronary_disease")


def test_two_years_of_one_person():
    """From high-normal pressure to the goal, through a stroke, to rehabilitation and follow-up."""
    born = date(1962, 3, 3)
    history: list[tuple[date, Measured]] = []
    problems = []
    seen: list[tuple[date, str]] = []
    start = date(2024, 1, 1)

    def visit(day, systolic, diastolic):
        history.extend((m.at.date(), m) for m in pressure(systolic, diastolic, day))

    def week(last, systolic, diastolic):
        history.extend((m.at.date(), m) for m in week_at_home(systolic, diastolic, last))

    visit(date(2024, 1, 10), 134, 82)
    visit(date(2024, 7, 1), 152, 94)  # found at the half-yearly measurement
    visit(date(2024, 7, 20), 149, 93)
    problems.append(problem("hypertension", onset=date(2024, 7, 20)))
    week(date(2024, 8, 18), 147, 91)
    visit(date(2024, 8, 20), 146, 90)
    week(date(2024, 10, 5), 138, 86)
    visit(date(2024, 11, 15), 132, 82)
    week(date(2024, 11, 30), 128, 79)
    visit(date(2025, 2, 10), 130, 80)
    problems.append(problem("stroke", "stroke_ischaemic", "ascvd", onset=date(2025, 6, 1)))
    visit(date(2025, 6, 20), 128, 76)

    def known(day):
        return record(
            born=born,
            measurements=[m for on, m in history if on <= day],
            problems=[p for p in problems if p.onset <= day],
        )

    for number in range(0, 731, 10):
        day = start + timedelta(days=number)
        found = state(HYPERTENSION, known(day), day)
        name = found.stage.id if found.stage else found.place
        if not seen or seen[-1][1] != name:
            seen.append((day, name))
    assert [name for _, name in seen] == [
        "unknown", "high_normal", "to_confirm", "not_at_goal", "at_goal", "after_event",
    ]  # fmt: skip
    by_name = {name: day for day, name in seen}
    for name, day in (
        ("to_confirm", date(2024, 7, 1)),
        ("not_at_goal", date(2024, 7, 20)),
        ("at_goal", date(2024, 11, 15)),
        ("after_event", date(2025, 6, 1)),
    ):
        assert day <= by_name[name] < day + timedelta(days=10)

    assert where("stroke", known(date(2025, 7, 1)), date(2025, 7, 1)) == ("on", "rehabilitation")
    assert where("stroke", known(date(2025, 12, 20)), date(2025, 12, 20)) == ("on", "follow_up")

    # The alarm on the bad week at home, none on the good one.
    rules = load_alarm_rules()
    for day, expected in (
        (date(2024, 8, 18), ["home.home_bp_above_goal"]),
        (date(2024, 11, 30), []),
    ):
        case = open_case(known(day), day)
        assert [a.rule for a in home_alarms(rules, case)] == expected
    late = open_case(known(date(2024, 11, 30)), date(2024, 11, 30))
    assert {t.kind: t.direction for t in home_trends(late, Duration(1, "year"))} == {
        "systolic_bp": "falling",
        "diastolic_bp": "falling",
    }


# --- any record

MOMENTS = st.datetimes(clock(date(2023, 1, 1), 0), clock(date(2027, 1, 1), 0))
DAYS = st.none() | st.dates(date(1950, 1, 1), date(2030, 1, 1))
KINDS = [
    "systolic_bp",
    "diastolic_bp",
    "hba1c",
    "fasting_glucose",
    "glucose",
    "ldl_cholesterol",
    "weight",
    "spo2",
    "heart_rate",
    "unheard_of",
]
READINGS = st.builds(
    Measured,
    kind=st.sampled_from(KINDS),
    value=st.floats(),
    unit=st.sampled_from(["mm[Hg]", "mmol/L", "%", "kg", "/min", ""]),
    at=MOMENTS,
    source=st.just(HERE),
    home=st.booleans(),
)
PROBLEM_KINDS = [
    "hypertension",
    "diabetes",
    "diabetes_type_1",
    "prediabetes",
    "stroke",
    "stroke_ischaemic",
    "tia",
    "ascvd",
    "x",
    "myocardial_infarction",
    "coronary_disease",
    "atrial_fibrillation",
    "heart_failure",
    "copd",
]
PROBLEMS = st.builds(
    lambda kinds, onset, active: problem(*kinds, onset=onset, active=active),
    st.lists(st.sampled_from(PROBLEM_KINDS), max_size=3, unique=True),
    DAYS,
    st.booleans(),
)
RECORDS = st.builds(
    record,
    born=DAYS,
    sex=st.none() | st.sampled_from(["male", "female", "other"]),
    measurements=st.lists(READINGS, max_size=12),
    problems=st.lists(PROBLEMS, max_size=4),
    medications=st.lists(
        st.builds(
            lambda k, a: medication(k, active=a),
            st.sampled_from(["statin", "lipid_lowering_drug", "antiplatelet"]),
            st.booleans(),
        ),
        max_size=3,
    ),
    procedures=st.lists(
        st.builds(
            lambda k, on: procedure(k, on=on),
            st.sampled_from(["pci", "retinal_photo", "foot_exam"]),
            DAYS,
        ),
        max_size=2,
    ),
    imaging=st.lists(
        st.builds(ImagingFact, st.just("dr_grade"), st.text(max_size=3), DAYS, st.just(HERE)),
        max_size=2,
    ),
    deceased=st.booleans(),
    complete=st.booleans(),
)


@given(RECORDS, st.dates(date(1, 1, 1), date.max))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_state_is_given_for_any_record_on_any_day(person, on):
    case = open_case(person, on)
    home_trends(case, Duration(1, "year"))
    home_alarms(load_alarm_rules(), case)
    for pathway in PATHWAYS.values():
        found = state(pathway, person, on)
        assert (found.stage is None) or found.place == "on"
        assert all(d.status != "overdue" or d.due < on for d in found.schedule)
        assert all((g.status == "not measured") == bool(g.missing) for g in found.goals)


OFFICE = st.tuples(st.integers(100, 200), st.integers(60, 99), st.dates(date(2026, 1, 1), ON))


@given(st.lists(OFFICE, max_size=6), st.dates(date(2026, 1, 1), ON), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_reading_out_of_goal_never_meets_a_goal(history, day, at_home):
    """Neither at the visit nor among enough readings at home."""
    ill = problem("hypertension", onset=date(2020, 1, 1))
    office = [m for s, d, on in history for m in pressure(s, min(d, s - 20), on)]
    home = list(week_at_home(history[0][0], 80, ON)) if history else []
    more = pressure(171, 101, clock(day, 23), home=at_home)
    before = {
        g.goal.id: g.status for g in goals(record(problems=[ill], measurements=[*office, *home]))
    }
    after = {
        g.goal.id: g.status
        for g in goals(record(problems=[ill], measurements=[*office, *home, *more]))
    }
    for name, status in after.items():
        assert status != "met" or before.get(name) == "met"
    if not at_home and all(on < day for _, _, on in history):
        assert after["office_bp_65_79"] == "not met"


def goals(person):
    return state(HYPERTENSION, person, ON).goals
