"""The panel of equations, what is assumed, what is stale, and what stands beside."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.record_settings import RiskSettings
from clinical_ai.records.record import ImagingFact, Source
from clinical_ai.risk.assess import assess_risk
from clinical_ai.risk.enhancers import GRUNDY_2018
from clinical_ai.risk.stored import profile_from_json, profile_to_json
from risk_models import EQUATIONS, evaluate
from tests.support.clinical_records import (
    drug,
    healthy_measurements,
    measured,
    problem,
    record,
    relative,
    smokes,
)

DAY = date(2026, 11, 24)
PLACE = RiskSettings(
    north_of_yangtze=True,
    urban=True,
    score2_asia_pacific_region="Moderate",
    score2_region="Moderate",
)
HEALTHY = record(
    problems=(problem("gout"),), smoking=smokes("current"), measurements=healthy_measurements()
)


def image(kind: str, value: str, *, signed: bool = True, on: date = date(2026, 1, 1)):
    return ImagingFact(kind, value, on, Source("readings", "Reading/r"), signed=signed)


def asked(profile) -> set[str]:
    return {p.equation for p in profile.panel if p.asked}


def why(profile, equation: str) -> str:
    return next(str(p.why) for p in profile.panel if p.equation == equation)


def test_a_person_without_disease_has_the_primary_prevention_panel_and_numbers():
    profile = assess_risk(HEALTHY, DAY, place=PLACE)
    assert {
        "china_par_10y",
        "ckb_cvd",
        "prevent_2023",
        "who_cvd_2019",
        "score2_asia_pacific",
        "score2",
        "pce_2013",
        "framingham_stroke_2017",
        "hypertension_onset",
        "cdrs_2013",
        "ckd_epi_2021",
    } <= asked(profile)
    assert "score2_op" not in asked(profile)
    assert "it takes ages 70" in why(profile, "score2_op")
    assert "no atrial fibrillation" in why(profile, "cha2ds2_va")
    expected = evaluate(
        "china_par_10y",
        {
            "age": 60,
            "sex": "male",
            "systolic_bp": 130,
            "bp_treated": False,
            "total_cholesterol_mmol_l": 5.2,
            "hdl_cholesterol_mmol_l": 1.3,
            "waist": 88,
            "current_smoker": True,
            "diabetes": False,
            "north_of_yangtze": True,
            "urban": True,
            "family_history_ascvd": False,
        },
    )
    assert profile.evaluations["china_par_10y"] == expected
    assert expected.results


def test_every_equation_is_in_the_panel_once_with_a_reason():
    profile = assess_risk(HEALTHY, DAY)
    assert sorted(p.equation for p in profile.panel) == sorted(EQUATIONS)
    assert all(str(p.why) for p in profile.panel)
    assert set(profile.evaluations) == asked(profile)


def test_used_facts_have_date_source_and_age_and_only_those_that_entered_are_there():
    profile = assess_risk(HEALTHY, DAY, place=PLACE)
    pressure = profile.used["systolic_bp"]
    assert (pressure.value, pressure.on) == (130.0, date(2026, 6, 1))
    assert pressure.age_days == 176
    assert pressure.source == Source("local", "Observation/1")
    inputs = {
        v.name
        for name in profile.evaluations
        for variant in EQUATIONS[name].variants
        for v in variant.variables
    }
    assert set(profile.used) <= inputs
    assert profile.used["egfr"].on == date(2026, 6, 1)
    assert any("CKD-EPI" in str(a) for a in profile.assumptions)


def test_what_is_not_listed_is_assumed_only_beside_other_entries_and_said():
    said = {str(a) for a in assess_risk(HEALTHY, DAY, place=PLACE).assumptions}
    assert "Not listed in the record, taken as absent: diabetes." in said
    assert "Not listed in the record, taken as absent: treatment of blood pressure." in said
    assert "Smokes now: taken as smoking daily." in said
    bare = record(smoking=smokes("never"), measurements=healthy_measurements())
    silent = assess_risk(bare, DAY, place=PLACE)
    assert all("taken as absent" not in str(a) for a in silent.assumptions)
    (refusal,) = silent.evaluations["china_par_10y"].refusals
    assert {"diabetes", "bp_treated"} <= {p.variable for p in refusal.problems}


def test_an_incomplete_record_is_never_taken_as_absence():
    profile = assess_risk(replace(HEALTHY, complete=False), DAY, place=PLACE)
    assert all("taken as absent" not in str(a) for a in profile.assumptions)


def test_smoking_is_never_assumed():
    quiet = record(problems=(problem("gout"),), measurements=healthy_measurements())
    (refusal,) = assess_risk(quiet, DAY, place=PLACE).evaluations["china_par_10y"].refusals
    assert [p.variable for p in refusal.problems] == ["current_smoker"]


def test_old_values_are_named():
    old = record(
        problems=(problem("gout"),),
        smoking=smokes("never"),
        measurements=healthy_measurements(date(2020, 1, 1)),
    )
    profile = assess_risk(old, DAY, place=PLACE)
    assert {"systolic_bp", "total_cholesterol", "waist"} <= set(profile.stale)
    assert assess_risk(HEALTHY, DAY, place=PLACE).stale == ()


def test_nothing_after_the_day_is_used():
    profile = assess_risk(HEALTHY, date(2026, 5, 31), place=PLACE)
    assert "systolic_bp" not in profile.used


def test_a_diagnosis_of_a_later_day_is_not_known_yet():
    later = record(
        problems=(problem("gout"), problem("diabetes", "diabetes_type_2", onset=date(2026, 12, 1))),
        smoking=smokes("never"),
        measurements=(*healthy_measurements(), measured("uacr", 40.0)),
    )
    profile = assess_risk(later, DAY, place=PLACE)
    assert "age_at_diagnosis" not in profile.used
    assert "score2" in asked(profile)
    assert all(e.kind != "albuminuria" for e in profile.enhancers)


def test_disease_changes_the_panel():
    sick = record(
        problems=(
            problem("ascvd", "prevalent_cvd", "coronary_disease"),
            problem("atrial_fibrillation"),
            problem("diabetes", "diabetes_type_2", onset=date(2010, 1, 1)),
        ),
        medications=(drug("bp_treated"),),
        measurements=healthy_measurements(),
    )
    profile = assess_risk(sick, DAY, place=PLACE)
    assert not asked(profile) & {"china_par_10y", "prevent_2023", "score2", "pce_2013"}
    assert {"cha2ds2_va", "cha2ds2_vasc", "has_bled", "ckd_epi_2021"} <= asked(profile)
    assert "cardiovascular disease is listed" in why(profile, "china_par_10y")
    assert "diabetes is listed" in why(profile, "cdrs_2013")
    assert profile.evaluations["cha2ds2_va"].results


def test_score2_diabetes_is_for_type_2_with_the_age_at_diagnosis():
    diabetic = record(
        problems=(problem("diabetes", "diabetes_type_2", onset=date(2010, 5, 1)),),
        smoking=smokes("never"),
        measurements=(*healthy_measurements(), measured("hba1c", 7.5)),
    )
    profile = assess_risk(diabetic, DAY, place=PLACE)
    assert profile.evaluations["score2_diabetes"].results
    assert "without diabetes" in why(profile, "score2")
    assert profile.evaluations["prevent_2023"].variant == "hba1c"
    no_region = assess_risk(diabetic, DAY)
    assert "setting risk.score2_region" in why(no_region, "score2_diabetes")
    (enhancer,) = (e for e in profile.enhancers if e.kind == "diabetes_duration")
    assert enhancer.citation == GRUNDY_2018


def test_the_dead_have_no_risk():
    profile = assess_risk(record(deceased=True, measurements=healthy_measurements()), DAY)
    assert profile.evaluations == {}
    assert all("has died" in str(p.why) for p in profile.panel)


def test_imaging_stands_beside_and_changes_no_equation():
    facts = (
        image("dr_grade", "2", signed=False),
        image("aortic_calcification", "moderate"),
        image("coronary_artery_calcium", "mild"),
        image("lung_rads", "4A"),
    )
    plain = assess_risk(HEALTHY, DAY, place=PLACE)
    with_images = assess_risk(HEALTHY, DAY, facts, place=PLACE)
    assert with_images.evaluations == plain.evaluations
    kinds = {e.kind: e for e in with_images.enhancers}
    assert set(kinds) == {"dr_grade", "aortic_calcification", "coronary_artery_calcium"}
    assert kinds["dr_grade"].signed is False
    assert kinds["dr_grade"].source == Source("readings", "Reading/r")
    assert "no guideline" in str(kinds["aortic_calcification"].statement)


@pytest.mark.parametrize(("signed", "is_asked"), [(True, True), (False, False)])
def test_only_a_signed_calcium_score_enters_the_equation_published_with_it(signed, is_asked):
    fact = image("coronary_artery_calcium", "150", signed=signed)
    profile = assess_risk(HEALTHY, DAY, (fact,), place=PLACE)
    assert ("mesa_chd_cac_2015" in asked(profile)) is is_asked
    assert "100 or more" in str(profile.enhancers[0].statement)


@pytest.mark.parametrize(
    ("condition", "counts"),
    [
        (relative("ascvd", relation="FTH", age=54), True),
        (relative("ascvd", relation="FTH", age=55), False),
        (relative("myocardial_infarction", relation="MTH", age=64), True),
        (relative("ascvd", relation="FTH"), False),
        (relative("ascvd", relation="UNCLE", age=40), False),
        (relative("diabetes", relation="FTH", age=40), False),
    ],
)
def test_premature_disease_in_the_family(condition, counts):
    profile = assess_risk(record(family_history=(condition,)), DAY)
    assert any(e.kind == "family_history_ascvd" for e in profile.enhancers) is counts


def test_measured_enhancers():
    values = (
        measured("ldl_cholesterol", 4.5),
        measured("triglycerides", 180.0),
        measured("egfr", 45.0),
        measured("uacr", 40.0),
    )
    kinds = [
        e.kind
        for e in assess_risk(
            record(problems=(problem("diabetes"),), measurements=values), DAY
        ).enhancers
    ]
    assert kinds == ["ckd", "ldl_cholesterol", "triglycerides", "albuminuria"]


KINDS = st.sampled_from(
    ["diabetes", "ascvd", "atrial_fibrillation", "hypertension", "stroke", "gout", "emphysema"]
)
VALUES = {
    "systolic_bp": st.floats(40, 320),
    "diastolic_bp": st.floats(20, 200),
    "total_cholesterol": st.floats(0.5, 25),
    "hdl_cholesterol": st.floats(0.1, 6),
    "hba1c": st.floats(3, 20),
    "creatinine": st.floats(0.05, 25),
    "bmi": st.floats(8, 90),
    "waist": st.floats(30, 250),
}


@st.composite
def records(draw):
    days = st.dates(date(2000, 1, 1), date(2030, 1, 1))
    values = [
        measured(kind, draw(value), draw(days))
        for kind, value in VALUES.items()
        if draw(st.booleans())
    ]
    return record(
        born=draw(st.none() | st.dates(date(1900, 1, 1), date(2026, 1, 1))),
        sex=draw(st.sampled_from(["male", "female", "other", None])),
        problems=tuple(
            problem(*draw(st.lists(KINDS, max_size=3)), onset=draw(st.none() | days))
            for _ in range(draw(st.integers(0, 3)))
        ),
        smoking=draw(st.none() | st.sampled_from(["never", "former", "current"]).map(smokes)),
        measurements=tuple(sorted(values, key=lambda m: m.at)),
        complete=draw(st.booleans()),
    )


@given(records(), st.dates(date(2005, 1, 1), date(2028, 1, 1)))
def test_any_record_has_a_profile_that_survives_the_database(person, day):
    profile = assess_risk(person, day, place=PLACE)
    assert profile_from_json(profile_to_json(profile)) == profile
    for fact in profile.used.values():
        assert fact.age_days is None or fact.age_days >= 0
        assert fact.on is None or fact.on <= day
    for evaluation in profile.evaluations.values():
        for refusal in evaluation.refusals:
            assert refusal.problems
    if not person.complete:
        assert not any("taken as absent" in str(a) for a in profile.assumptions)
