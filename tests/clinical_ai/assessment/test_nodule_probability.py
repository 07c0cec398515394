"""Brock and Mayo beside Lung-RADS: the numbers of the equations, and what is not known."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai import codes
from clinical_ai.assessment.after_review import after_review
from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.assessment.nodule_probability import (
    BROCK,
    CAUTIONS,
    MAYO,
    NOT_CALCULATED,
    SCHEMES,
    counted_again,
    probabilities,
)
from clinical_ai.findings import Measurement, reading_from_json, to_json
from risk_models import EQUATIONS, evaluate
from tests.clinical_ai.assessment.test_assess import finding, of, reading

CASES = json.loads(
    (Path(__file__).parents[2] / "risk_models" / "data" / "brock_pancan.json").read_text()
)["cases"]
RECORD = AssessmentContext(
    age_years=62,
    sex="M",
    smoking="current",
    known_cancer=False,
    immunosuppressed=False,
    emphysema=False,
    lung_cancer_in_family=False,
    has_record=True,
)


def sized(number: int, mm: float, composition=codes.SOLID):
    nodule = finding(number, mm, composition)
    return replace(
        nodule,
        measurements=(*nodule.measurements, Measurement(codes.LONG_AXIS, mm, codes.MILLIMETER)),
    )


def ends(category: str) -> tuple[float, float]:
    numbers = [float(n) for n in category.removesuffix(" %").split("–")]
    return numbers[0], numbers[-1]


@pytest.mark.parametrize("case", CASES)
def test_the_reference_cases_of_brock_lie_at_an_end_of_the_range_or_within(case):
    given_ = case["input"]
    kinds = {"solid": codes.SOLID, "nonsolid": codes.GROUND_GLASS, "part_solid": codes.PART_SOLID}
    context = replace(
        RECORD,
        age_years=given_["age"],
        sex="F" if given_["female"] else "M",
        emphysema=bool(given_["emphysema"]),
        lung_cancer_in_family=bool(given_["family_history_lung_cancer"]),
    )
    nodule = sized(1, given_["size_mm"], kinds[given_["type"]])
    brock = probabilities(nodule, given_["nodule_count"], context)[0]
    low, high = ends(brock.category)
    expected = case["expected"]["probability_percent"]
    assert low - 0.05 <= expected <= high + 0.05
    unknown = (given_["upper_lobe"], given_["spiculation"])
    if unknown == (0, 0):
        assert low == pytest.approx(expected, abs=0.05)
    if unknown == (1, 1):
        assert high == pytest.approx(expected, abs=0.05)
    assert "McWilliams" in brock.citation
    said = " ".join(map(str, brock.assumptions))
    assert "upper lobe" in said
    assert "spiculation" in said


def test_without_a_record_a_reading_has_no_probability():
    plain = assess(reading(sized(1, 8)), replace(RECORD, has_record=False))
    assert not {a.scheme for a in plain.assessments} & set(SCHEMES)


def test_with_a_record_each_finding_has_brock_and_a_single_one_mayo():
    one = assess(reading(sized(1, 8)), RECORD)
    assert len(of(one, BROCK, "1")) == len(of(one, MAYO, "1")) == 1
    two = assess(reading(sized(1, 8), sized(2, 9)), RECORD)
    assert len(of(two, BROCK, "2")) == 1
    assert not of(two, MAYO, "1")
    assert reading_from_json(to_json(two)) == two


def test_missing_age_or_sex_is_named_and_nothing_is_calculated():
    (brock,) = (
        a
        for a in probabilities(sized(1, 8), 1, replace(RECORD, sex="O", age_years=None))
        if a.scheme == BROCK
    )
    assert brock.category == NOT_CALCULATED
    said = [str(note) for note in brock.assumptions]
    assert any(note.startswith("Not calculated: age") for note in said)
    assert any(note.startswith("Not calculated: sex") for note in said)


def test_recent_cancer_is_outside_of_mayo():
    recent = replace(RECORD, known_cancer=True, years_since_cancer=2.0)
    assert [a.scheme for a in probabilities(sized(1, 8), 1, recent)] == [BROCK]
    old = replace(RECORD, known_cancer=True, years_since_cancer=9.0)
    assert probabilities(sized(1, 8), 1, old)[1].inputs["cancer_history_over_5_years"] is True


@given(
    mm=st.floats(1, 40),
    emphysema=st.sampled_from((None, False, True)),
    family=st.sampled_from((None, False, True)),
    age=st.integers(18, 95),
    count=st.integers(1, 30),
)
def test_what_is_unknown_widens_the_range_and_every_value_lies_in_it(
    mm, emphysema, family, age, count
):
    context = replace(RECORD, age_years=age, emphysema=emphysema, lung_cancer_in_family=family)
    brock = probabilities(sized(1, mm), count, context)[0]
    low, high = ends(brock.category)
    exact = evaluate(
        "brock_pancan",
        {
            "age": age,
            "sex": "male",
            "family_history_lung_cancer": bool(family),
            "emphysema": bool(emphysema),
            "nodule_size": mm,
            "nodule_type": "solid",
            "upper_lobe": True,
            "nodule_count": count,
            "spiculation": False,
        },
    )["lung_cancer"]
    assert low - 0.051 <= exact.percent <= high + 0.051


def test_rejecting_a_finding_counts_the_nodules_again():
    done = assess(reading(sized(1, 8), sized(2, 9), sized(3, 5)), RECORD)
    kept = after_review(done, {"1", "2"})
    fresh = assess(reading(sized(1, 8), sized(2, 9)), RECORD)
    for number in ("1", "2"):
        assert of(kept, BROCK, number) == of(fresh, BROCK, number)
    assert not of(kept, BROCK, "3")


def test_counted_for_more_than_one_mayo_has_nothing_to_say():
    mayo = probabilities(sized(1, 8), 1, RECORD)[1]
    assert counted_again(mayo, 1) == mayo
    assert counted_again(mayo, 2) is None


def test_the_cautions_of_these_equations_are_in_our_catalogues():
    for name in ("brock_pancan", "mayo_nodule"):
        for variant in EQUATIONS[name].variants:
            assert {rule.message.template for rule in variant.cautions} <= set(CAUTIONS)


def test_what_was_taken_as_absent_is_said():
    context = replace(RECORD, taken_as_absent=frozenset({"emphysema"}))
    said = map(str, probabilities(sized(1, 8), 1, context)[0].assumptions)
    assert "Not listed in the record, taken as absent: emphysema." in said
