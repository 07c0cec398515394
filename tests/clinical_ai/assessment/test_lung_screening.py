"""Who would be screened, as far as the record tells."""

from dataclasses import replace

import pytest

from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.assessment.lung_screening import screening_criteria
from tests.clinical_ai.assessment.test_assess import finding, of, reading

SMOKER = AssessmentContext(
    age_years=60.5,
    smoking="current",
    pack_years=30,
    copd=False,
    lung_cancer_in_family=False,
    has_record=True,
)


@pytest.mark.parametrize(
    ("change", "uspstf", "china"),
    [
        ({}, "met", "met"),
        ({"pack_years": 25}, "met", "not met"),
        ({"age_years": 80.9}, "met", "not met"),
        ({"age_years": 49.9}, "not met", "not met"),
        ({"smoking": "never"}, "not met", "not met"),
        ({"smoking": "never", "lung_cancer_in_family": True}, "not met", "met"),
        ({"pack_years": None}, "pack-years", "pack-years"),
        ({"pack_years": None, "copd": True}, "pack-years", "met"),
        ({"smoking": "former"}, "years since", "years since"),
        ({"smoking": "former", "years_since_quitting": 15.0}, "met", "met"),
        ({"smoking": "former", "years_since_quitting": 15.1}, "not met", "not met"),
        ({"smoking": None}, "smoking", "smoking"),
        ({"smoking": "never", "copd": None}, "not met", "COPD"),
        ({"age_years": None}, "age", "age"),
        ({"age_years": None, "smoking": "never"}, "not met", "not met"),
    ],
)
def test_criteria(change, uspstf, china):
    said = [str(m) for m in screening_criteria(replace(SMOKER, **change))]
    for sentence, expected in zip(said, (uspstf, china), strict=True):
        verdict = sentence.split(": ", 1)[1]
        assert verdict.startswith(expected) or expected in verdict.split(": ")[-1], sentence
        if expected == "met":
            assert verdict == "met."


def test_lung_rads_says_it_only_with_a_record_and_fleischner_uses_the_risk_factors():
    known = assess(reading(finding(1, 7.0)), SMOKER)
    assert any("Screening criteria" in str(a) for a in of(known, "Lung-RADS", None)[0].assumptions)
    unknown = assess(reading(finding(1, 7.0)), replace(SMOKER, has_record=False))
    said = of(unknown, "Lung-RADS", None)[0].assumptions
    assert not any("Screening criteria" in str(a) for a in said)
    emphysema = replace(SMOKER, smoking="never", emphysema=True)
    (advice,) = of(assess(reading(finding(1, 7.0)), emphysema), "Fleischner", None)
    assert advice.category == "high risk"
    assert any("Emphysema listed" in str(a) for a in advice.assumptions)
