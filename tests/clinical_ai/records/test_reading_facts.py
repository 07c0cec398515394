"""What of a record enters the guidelines of a reading."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.records.reading_facts import reading_facts
from tests.support.clinical_records import measured, problem, record, relative, smokes

DAY = date(2026, 11, 24)
IMAGES = AssessmentContext(age_years=60.4, sex="M", prior_studies=2)


def facts(person, known=IMAGES, day=DAY):
    return reading_facts(person, day, known, origin="local")


def test_everything_that_is_stated_is_used_with_its_date_and_source():
    person = record(
        smoking=smokes("former", 30.0, date(2020, 11, 24)),
        problems=(
            problem("cancer", onset=date(2015, 1, 1), active=False),
            problem("emphysema", "copd"),
            problem("diabetes", onset=date(2011, 1, 1)),
        ),
        family_history=(relative("lung_cancer", relation="SIS"),),
        measurements=(measured("hba1c", 7.5), measured("hba1c", 8.1, date(2026, 9, 1))),
    )
    context, used = facts(person)
    assert context.has_record
    assert (context.age_years, context.sex, context.prior_studies) == (60.4, "M", 2)
    assert (context.smoking, context.pack_years) == ("former", 30.0)
    assert context.years_since_quitting == pytest.approx(6.0)
    assert context.known_cancer is context.emphysema is context.copd is True
    assert context.years_since_cancer == pytest.approx(11.9)
    assert context.lung_cancer_in_family is True
    assert context.diabetes_years == pytest.approx(15.9)
    assert context.hba1c_percent == 8.1
    assert context.immunosuppressed is False
    assert context.taken_as_absent == {"immunosuppressed"}
    by_name = {fact.field: fact for fact in used}
    assert by_name["hba1c_percent"].on == date(2026, 9, 1)
    assert by_name["smoking"].reference == "Observation/7"
    assert "immunosuppressed" not in by_name


def test_a_silent_record_says_nothing():
    context, used = facts(record())
    assert used == ()
    assert context.smoking is context.known_cancer is context.emphysema is None
    assert context.lung_cancer_in_family is None
    assert context.taken_as_absent == frozenset()


def test_what_came_after_the_examination_is_not_used():
    person = record(
        smoking=smokes("current", at=date(2027, 1, 1)),
        problems=(problem("cancer", onset=date(2027, 1, 1)),),
        measurements=(measured("hba1c", 8.0, date(2027, 1, 1)),),
    )
    context, used = facts(person)
    assert used == ()
    assert context.known_cancer is None


def test_age_and_sex_are_those_of_the_record_only_where_the_images_lack_them():
    context, used = facts(record(sex="female"), AssessmentContext())
    assert (context.age_years, context.sex) == (60.0, "F")
    assert {f.field: f.reference for f in used} == {"age_years": "Patient/p1", "sex": "Patient/p1"}
    context, _ = facts(record(sex="female"), AssessmentContext(sex="O"))
    assert context.sex == "F"
    context, _ = facts(record(sex=None), AssessmentContext(sex="O"))
    assert context.sex == "O"


@pytest.mark.parametrize(
    ("relation", "expected"),
    [("FTH", True), ("NSIS", True), ("DAU", True), ("UNCLE", False), ("", None), ("FAMMEMB", None)],
)
def test_lung_cancer_counts_of_the_first_degree(relation, expected):
    context, _ = facts(record(family_history=(relative("lung_cancer", relation=relation),)))
    assert context.lung_cancer_in_family is expected


def test_cancer_once_resolved_stays_known_but_emphysema_must_be_active():
    context, _ = facts(record(problems=(problem("cancer", "emphysema", active=False),)))
    assert context.known_cancer is True
    assert context.emphysema is False


@given(st.booleans(), st.lists(st.sampled_from(["cancer", "copd", "gout"]), max_size=3))
def test_absence_is_only_taken_from_a_complete_record_that_lists_something(complete, kinds):
    person = record(problems=tuple(problem(k) for k in kinds), complete=complete)
    context, _ = facts(person)
    if not kinds or not complete:
        assert context.taken_as_absent == frozenset()
    for name in context.taken_as_absent:
        assert getattr(context, name) is False
