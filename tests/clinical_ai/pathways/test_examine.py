from datetime import date

import pytest

from clinical_ai.pathways.case import open_case
from clinical_ai.pathways.conditions import Condition
from clinical_ai.pathways.examine import examine
from clinical_ai.records.record import ImagingFact, Smoking
from clinical_ai.risk.profile import RiskProfile
from risk_models import evaluate
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


def met(condition, person, profile=None):
    return ask(condition, person, profile).met


def ask(condition, person, profile=None):
    return examine(Condition.model_validate(condition), open_case(person, ON, profile))


def sbp(**more):
    return {"kind": "systolic_bp", "unit": "mm[Hg]", **more}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [({"min": 140}, True), ({"above": 140}, False), ({"max": 140}, True), ({"below": 140}, False)],
)
def test_bounds_include_their_number_or_not(limits, expected):
    person = record(measurements=pressure(140, 80, date(2026, 6, 1)))
    assert met({"latest": sbp(**limits)}, person) is expected


def test_the_newest_value_up_to_the_day_counts_and_is_told():
    days = (date(2026, 1, 1), date(2026, 6, 1), date(2026, 7, 1))
    values = [m for v, d in zip((150, 130, 170), days, strict=True) for m in pressure(v, 80, d)]
    found = ask({"latest": sbp(below=140)}, record(measurements=values))
    assert found.met is True
    assert [(f.what, f.value, f.on) for f in found.facts] == [
        ("systolic_bp", "130 mm[Hg]", date(2026, 6, 1))
    ]


def test_what_is_not_measured_in_time_is_unknown_and_named():
    person = record(measurements=pressure(150, 90, date(2024, 1, 1)))
    found = ask({"latest": sbp(within="12 months", min=140)}, person)
    assert found.met is None
    assert [(m.what, m.needed) for m in found.missing] == [("systolic_bp", "within 12 months")]


def test_of_two_values_of_one_moment_the_one_outside_counts():
    at = date(2026, 6, 1)
    person = record(measurements=[measured("systolic_bp", v, at) for v in (150, 130)])
    assert met({"latest": sbp(below=140)}, person) is False


def test_a_mean_needs_readings_and_days_and_leaves_the_first_day_out():
    mean = sbp(home=True, within="7 days", readings=12, days=3, without_first_day=True, below=135)
    week = list(week_at_home(130, 80, ON))
    assert met({"mean": mean}, record(measurements=week)) is True
    assert met({"mean": mean}, record(measurements=week[-8:])) is None  # one day
    first = [m for m in week if m.at.date() == week[0].at.date()]
    high = [measured(m.kind, 230, m.at, home=True) for m in first if m.kind == "systolic_bp"]
    rest = [m for m in week if m not in first]
    assert met({"mean": mean}, record(measurements=[*high, *rest])) is True
    office = [measured(m.kind, m.value, m.at) for m in week]
    assert met({"mean": mean}, record(measurements=office)) is None


def test_a_count_needs_so_many_values_on_so_many_days():
    count = sbp(within="7 days", at_least=3, days=2, min=180)
    same_day = [measured("systolic_bp", 190, clock(date(2026, 6, 29), h)) for h in (8, 9, 10)]
    assert met({"count": count}, record(measurements=same_day)) is False
    more = [*same_day[:2], measured("systolic_bp", 181, clock(date(2026, 6, 30), 8))]
    assert met({"count": count}, record(measurements=more)) is True
    assert met({"count": count}, record()) is None


def test_a_reading_uploaded_twice_counts_once():
    one = measured("systolic_bp", 190, clock(date(2026, 6, 29), 8))
    count = {"count": sbp(within="7 days", at_least=2, min=180)}
    assert met(count, record(measurements=[one, one])) is False


def test_a_rise_looks_from_the_lowest_to_the_newest():
    rise = {"rise": {"kind": "weight", "unit": "kg", "within": "4 days", "by": 2}}
    values = [measured("weight", v, date(2026, 6, d)) for v, d in ((70.5, 27), (70, 28), (72, 30))]
    assert met(rise, record(measurements=values)) is True
    assert met(rise, record(measurements=values[:2])) is False
    assert met(rise, record(measurements=values[:1])) is None


def test_an_unlisted_disease_is_absent_only_in_a_complete_record():
    condition = {"problem": "diabetes"}
    assert met(condition, record()) is False
    assert met(condition, record(complete=False)) is None
    assert met({"not": condition}, record(complete=False)) is None
    assert met({"takes": ["statin"]}, record(complete=False)) is None


def test_a_resolved_problem_counts_only_with_ever():
    person = record(problems=[problem("stroke", active=False, onset=date(2020, 1, 1))])
    assert met({"problem": "stroke"}, person) is False
    assert met({"problem": {"kind": "stroke", "ever": True}}, person) is True


@pytest.mark.parametrize(
    ("onset", "expected"), [(date(2026, 3, 1), True), (date(2025, 1, 1), False), (None, None)]
)
def test_time_since_an_event_needs_its_date(onset, expected):
    person = record(problems=[problem("stroke", onset=onset)])
    assert met({"problem": {"kind": "stroke", "within": "6 months"}}, person) is expected


def test_an_old_event_does_not_hide_a_new_one():
    events = [problem("stroke", onset=d) for d in (date(2010, 1, 1), date(2026, 6, 1))]
    person = record(problems=events)
    assert met({"problem": {"kind": "stroke", "within": "6 months"}}, person) is True
    assert met({"problem": {"kind": "stroke", "before": "1 year"}}, person) is True


def test_age_sex_smoking_drugs_and_procedures():
    person = record(
        medications=[medication("statin"), medication("insulin", active=False)],
        procedures=[procedure("pci", "coronary_revascularisation", on=date(2026, 1, 1))],
    )
    assert met({"age": {"min": 66, "below": 67}, "sex": "female"}, person) is True
    assert met({"age": {"min": 18}}, record(born=None)) is None
    assert met({"sex": "male"}, record(sex=None)) is None
    assert met({"smoking": "current"}, person) is None
    assert met({"takes": "statin"}, person) is True
    assert met({"takes": "insulin"}, person) is False
    assert met({"procedure": {"kind": "pci", "within": "1 year"}}, person) is True


def test_smoking_as_last_stated():
    from dataclasses import replace

    person = replace(record(), smoking=Smoking("former", date(2025, 1, 1), HERE))
    assert met({"smoking": ["never", "former"]}, person) is True
    assert met({"smoking": "current"}, person) is False


def test_of_the_newest_images_either_side_counts():
    images = [
        ImagingFact("dr_grade", v, d, HERE, side)
        for v, d, side in (
            ("4", date(2020, 1, 1), "L"),
            ("1", date(2026, 1, 1), "L"),
            ("2", date(2026, 1, 1), "R"),
        )
    ]
    person = record(imaging=images)
    assert met({"imaging": {"kind": "dr_grade", "value": ["2", "3"]}}, person) is True
    assert met({"imaging": {"kind": "dr_grade", "value": ["4"]}}, person) is False
    assert met({"imaging": "dr_grade"}, record()) is None


PERSON = {
    "age": 60,
    "sex": "male",
    "total_cholesterol_mmol_l": 5.2,
    "hdl_cholesterol_mmol_l": 1.0,
    "systolic_bp_mmhg": 180,
    "waist_cm": 95,
    "bp_treated": True,
    "current_smoker": True,
    "diabetes": True,
    "north_of_yangtze": True,
    "urban": True,
    "family_history_ascvd": True,
}


def profile(values):
    found = evaluate("china_par_10y", values)
    return RiskProfile("p1", ON, {"china_par_10y": found}, {}, (), ())


def test_a_risk_is_asked_of_the_profile_and_what_it_lacks_is_named():
    high = {"risk": {"equation": "china_par_10y", "outcome": "ascvd_10y", "value": {"min": 0.1}}}
    assert ask(high, record()).missing[0].what == "risk:china_par_10y"
    refused = ask(high, record(), profile({"age": 60}))
    assert refused.met is None
    assert "sex" in {m.what for m in refused.missing}
    found = ask(high, record(), profile(PERSON))
    assert found.met is True
    assert found.facts[0].what == "risk:china_par_10y"
    assert met({"risk": {**high["risk"], "outcome": "none"}}, record(), profile(PERSON)) is None


def test_unknown_parts_leave_open_what_they_could_change():
    true, false = {"age": {"min": 18}}, {"age": {"min": 99}}
    unknown = {"measured": {"kind": "hba1c"}, "latest": sbp(min=140)}
    person = record(measurements=[measured("hba1c", 7, ON)])
    for parts, conjunction, disjunction in (
        ((true, unknown), None, True),
        ((false, unknown), False, None),
        ((true, false), False, True),
        ((unknown, unknown), None, None),
    ):
        assert met({"all": list(parts)}, person) is conjunction
        assert met({"any": list(parts)}, person) is disjunction
    assert met({"not": unknown}, person) is None
    assert ask({"all": [true, unknown]}, person).missing
    assert not ask({"all": [false, unknown]}, person).missing
