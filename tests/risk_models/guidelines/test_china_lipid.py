"""ASCVD risk and lipid targets, China 2023."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.guidelines import Classification, NotClassified, classify
from risk_models.guidelines.china_lipid import MATRIX, ascvd_risk, matrix_risk

HEALTHY = {
    "ascvd": False,
    "age": 40,
    "sex": "male",
    "total_cholesterol_mmol_l": 4.0,
    "ldl_cholesterol_mmol_l": 2.5,
    "hdl_cholesterol_mmol_l": 1.3,
    "diabetes": False,
    "ckd_stage": 0,
    "hypertension": False,
    "current_smoker": False,
}


def classified(**facts: Any) -> Classification:
    answer = ascvd_risk({**HEALTHY, **facts})
    assert isinstance(answer, Classification)
    return answer


@pytest.mark.parametrize(
    ("facts", "category", "ldl"),
    [
        ({}, "low", 3.4),
        ({"ldl_cholesterol_mmol_l": 4.9}, "high", 2.6),
        ({"total_cholesterol_mmol_l": 7.2}, "high", 2.6),
        ({"diabetes": True}, "high", 1.8),
        ({"diabetes": True, "age": 39}, "low", 2.6),
        ({"ckd_stage": 3}, "high", 2.6),
        ({"hypertension": True, "current_smoker": True, "age": 60}, "medium", 2.6),
        (
            {
                "hypertension": True,
                "current_smoker": True,
                "age": 60,
                "ldl_cholesterol_mmol_l": 2.6,
            },
            "high",
            2.6,
        ),
    ],
)
def test_primary_prevention(facts: dict[str, Any], category: str, ldl: float) -> None:
    answer = classified(**facts)
    assert answer.category == category
    assert answer.details["ldl_target_mmol_l"] == ldl
    assert answer.details["non_hdl_target_mmol_l"] == pytest.approx(ldl + 0.8)
    assert answer.branch


@pytest.mark.parametrize(
    ("events", "factors", "diabetes", "category", "ldl"),
    [
        (2, 0, False, "super high", 1.4),
        (1, 2, False, "super high", 1.4),
        (1, 1, False, "very high", 1.8),
        (0, 8, False, "very high", 1.8),
        (0, 8, True, "very high", 1.4),
    ],
)
def test_secondary_prevention(
    events: int, factors: int, diabetes: bool, category: str, ldl: float
) -> None:
    answer = classified(
        ascvd=True,
        severe_ascvd_events=events,
        ascvd_high_risk_factors=factors,
        diabetes=diabetes,
    )
    assert (answer.category, answer.details["ldl_target_mmol_l"]) == (category, ldl)
    assert answer.details["ldl_fall_over_half"] is True


MEDIUM = {
    "age": 50,
    "hypertension": True,
    "ldl_cholesterol_mmol_l": 3.0,
    "systolic_bp": 150,
    "diastolic_bp": 95,
    "bmi": 24,
}


def test_lifetime_factors_raise_medium_to_high_under_55() -> None:
    assert classified(**MEDIUM).category == "medium"
    assert classified(**MEDIUM | {"bmi": 28, "systolic_bp": 160}).category == "high"
    older = classified(**MEDIUM | {"age": 55, "bmi": 28, "systolic_bp": 160})
    assert older.category == "medium"


def test_lifetime_factors_that_are_missing_matter_only_if_they_could_decide() -> None:
    record = {**HEALTHY, **MEDIUM, "bmi": None}
    assert isinstance(ascvd_risk(record), Classification)  # one unknown cannot make two
    answer = ascvd_risk({**record, "systolic_bp": None})
    assert isinstance(answer, NotClassified)
    assert {p.variable for p in answer.problems} == {"systolic_bp", "bmi"}


def test_what_is_missing_is_named() -> None:
    answer = ascvd_risk({**HEALTHY, "hdl_cholesterol_mmol_l": None})
    assert isinstance(answer, NotClassified)
    assert [p.variable for p in answer.problems] == ["hdl_cholesterol"]
    assert isinstance(ascvd_risk({}), NotClassified)
    assert isinstance(ascvd_risk({"ascvd": True}), NotClassified)


def test_a_condition_that_is_high_at_sight_needs_nothing_else() -> None:
    answer = ascvd_risk({"ascvd": False, "ldl_cholesterol_mmol_l": 5.0})
    assert isinstance(answer, Classification)
    assert answer.category == "high"


def test_kidney_failure_is_not_placed_by_the_source() -> None:
    answer = ascvd_risk({**HEALTHY, "ckd_stage": 5})
    assert isinstance(answer, NotClassified)
    assert "stages 3 and 4" in str(answer.reason)


def test_below_the_matrix_there_is_no_category() -> None:
    low = {"total_cholesterol_mmol_l": 3.0, "ldl_cholesterol_mmol_l": 1.7}
    answer = ascvd_risk({**HEALTHY, **low})
    assert isinstance(answer, NotClassified)
    assert "starts at" in str(answer.reason)


@given(st.booleans(), st.integers(0, 3), st.integers(1, 3))
def test_the_matrix_never_falls(hypertension: bool, count: int, stratum: int) -> None:
    order = ["low", "medium", "high"]
    here = order.index(MATRIX[hypertension][count][stratum - 1])
    if count < 3:
        assert order.index(MATRIX[hypertension][count + 1][stratum - 1]) >= here
    if stratum < 3:
        assert order.index(MATRIX[hypertension][count][stratum]) >= here
    assert order.index(MATRIX[True][count][stratum - 1]) >= here


@settings(max_examples=30)
@given(st.one_of(st.none(), st.integers(-5, 9), st.text(max_size=3), st.floats()))
def test_bad_cells_are_refused(value: object) -> None:
    answer = matrix_risk({"hypertension": True, "risk_factors": 1, "stratum": value})
    assert isinstance(answer, Classification) is (value in (1, 2, 3) or value in ("1", "2", "3"))


def test_classify_takes_the_short_names() -> None:
    answer = classify("china_lipid_2023", {"hypertension": 1, "rf": 3, "stratum": 1})
    assert isinstance(answer, Classification)
    assert answer.category == "high"
    assert isinstance(classify("china_lipid_2023", HEALTHY), Classification)
