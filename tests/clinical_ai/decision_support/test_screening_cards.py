"""What is due, at its edges: day and age, type of diabetes, smoking history."""

from datetime import date, timedelta

import pytest

from clinical_ai.decision_support.cards import Writer, cards
from tests.clinical_ai.decision_support.people import (
    TODAY,
    as_cards,
    diabetes,
    image,
    measured,
    person,
    problem,
    procedure,
    relative,
    seen,
    smoker,
)

YEARLY = {"retinal-photo", "urine-albumin", "kidney-function", "foot-examination"}


def test_diabetes_asks_for_eyes_kidneys_and_feet_and_proposes_each():
    record = person(60, problems=(diabetes(),))
    assert seen(record).keys() >= YEARLY
    made = as_cards(record)
    for kind in YEARLY:
        (suggestion,) = made[kind]["suggestions"]
        (action,) = suggestion["actions"]
        resource = action["resource"]
        assert action["type"] == "create"
        assert (resource["status"], resource["intent"]) == ("draft", "proposal")
        assert resource["subject"] == {"reference": "Patient/p1"}
        assert resource["code"]["coding"][0]["system"].startswith("http")
        assert made[kind]["selectionBehavior"] == "any"
        assert {r["code"] for r in made[kind]["overrideReasons"]} >= {"done-elsewhere"}


@pytest.mark.parametrize(("days", "due"), [(365, False), (366, True)])
def test_a_year_after_the_last_one(days, due):
    on = TODAY - timedelta(days=days)
    record = person(
        60,
        problems=(diabetes(),),
        measurements=(measured("uacr", 10, on), measured("creatinine", 1.0, on)),
        procedures=(procedure("retinal_photo", on), procedure("foot_exam", on)),
    )
    assert (YEARLY & seen(record).keys()) == (YEARLY if due else set())


def test_our_own_reading_of_the_retina_counts_and_is_named_with_its_signature():
    recent = person(60, problems=(diabetes(),), imaging=(image("dr_grade", "1", TODAY),))
    assert "retinal-photo" not in seen(recent)
    old = date(2024, 1, 1)
    record = person(
        60, problems=(diabetes(),), imaging=(image("dr_grade", "2", old, signed=False),)
    )
    detail = as_cards(record)["retinal-photo"]["detail"]
    assert "not signed by a clinician" in detail
    assert "the interval is shorter" in detail


@pytest.mark.parametrize(("years", "due"), [(4, False), (6, True)])
def test_type_1_starts_with_eyes_and_albumin_after_five_years(years, due):
    onset = TODAY.replace(year=TODAY.year - years)
    record = person(30, problems=(problem("diabetes", "diabetes_type_1", onset=onset),))
    assert ("retinal-photo" in seen(record)) is due
    assert ("urine-albumin" in seen(record)) is due
    assert "kidney-function" in seen(record)


def test_what_lies_in_the_future_was_not_done():
    record = person(
        60, problems=(diabetes(),), procedures=(procedure("retinal_photo", date(2027, 1, 1)),)
    )
    assert "retinal-photo" in seen(record)


@pytest.mark.parametrize(
    ("sex", "age", "last", "due"),
    [
        ("female", 39, None, False),
        ("female", 40, None, True),
        ("female", 74, None, True),
        ("female", 75, None, False),
        ("male", 50, None, False),
        (None, 50, None, False),
        ("female", 50, TODAY - timedelta(days=730), False),
        ("female", 50, TODAY - timedelta(days=731), True),
    ],
)
def test_mammography(sex, age, last, due):
    done = () if last is None else (procedure("mammogram", last),)
    assert ("mammography" in seen(person(age, sex, procedures=done))) is due


def test_after_breast_cancer_it_is_no_screening():
    record = person(50, "female", problems=(problem("breast_cancer", active=False),))
    assert "mammography" not in seen(record)


@pytest.mark.parametrize(
    ("age", "smoking", "more", "kind"),
    [
        (60, smoker(pack_years=30), {}, "lung-screening"),
        (60, smoker(pack_years=20), {}, "lung-screening"),  # USPSTF alone
        (60, smoker(pack_years=19), {}, None),
        (49, smoker(pack_years=40), {}, None),
        (80, smoker(pack_years=40), {}, "lung-screening"),
        (81, smoker(pack_years=40), {}, None),
        (60, smoker("never"), {}, None),
        (60, smoker("never"), {"family_history": (relative("lung_cancer"),)}, "lung-screening"),
        (60, smoker("never"), {"family_history": (relative("lung_cancer", "COUSN"),)}, None),
        (60, smoker("never"), {"problems": (problem("copd"),)}, "lung-screening"),
        (60, smoker("former", 40, date(2012, 1, 1)), {}, "lung-screening"),
        (60, smoker("former", 40, date(2010, 1, 1)), {}, None),
        (60, smoker("former", 40), {}, "lung-screening-missing-data"),
        (60, smoker(), {}, "lung-screening-missing-data"),
        (60, None, {}, "lung-screening-missing-data"),
        (60, smoker(pack_years=40), {"problems": (problem("lung_cancer"),)}, None),
        (60, smoker(pack_years=40), {"procedures": (procedure("low_dose_ct", TODAY),)}, None),
    ],
)
def test_lung_screening(age, smoking, more, kind):
    found = seen(person(age, smoking=smoking, **more))
    assert {k for k in found if k.startswith("lung-screening")} == ({kind} if kind else set())


def test_missing_smoking_data_are_named_with_the_cure_in_both_languages():
    record = person(60, smoking=smoker("former"))
    english = as_cards(record)["lung-screening-missing-data"]["detail"]
    assert "Pack-years are not recorded: ask, and record them." in english
    assert "The day smoking was stopped is not recorded" in english
    advice = seen(record)["lung-screening-missing-data"]
    ((_, chinese),) = cards([advice], Writer("zh"), "p1")
    assert "未记录包年数" in chinese["detail"]
