"""Blood pressure grades, stratification, drugs and targets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_models.guidelines import Answer, Classification, NotClassified, classify
from risk_models.guidelines.china_blood_pressure import (
    COLUMNS_2024,
    ROW,
    ROWS_2024,
    drug_treatment,
    grade,
    is_hypertension,
    stratify,
    target,
)
from risk_models.guidelines.china_bp_risk_factors import risk_factors
from risk_models.results import ProblemKind

FEW = "1-2 risk factors"


def category(answer: Answer) -> str | None:
    return answer.category if isinstance(answer, Classification) else None


@pytest.mark.parametrize(
    ("systolic", "diastolic", "expected"),
    [
        (119, 79, "normal"),
        (119.9, 79.9, "normal"),
        (120, 79, "high_normal"),
        (119, 80, "high_normal"),
        (139.9, 89.9, "high_normal"),
        (140, 80, "grade1"),
        (130, 90, "grade1"),
        (160, 80, "grade2"),
        (130, 100, "grade2"),
        (180, 80, "grade3"),
        (130, 110, "grade3"),
    ],
)
def test_grades_at_their_limits(systolic: float, diastolic: float, expected: str) -> None:
    for edition in ("2018", "2024"):
        answer = grade({"systolic_bp": systolic, "diastolic_bp": diastolic}, edition)
        assert category(answer) == expected
        assert edition in answer.guideline.citation


@given(st.integers(61, 280), st.integers(30, 60))
def test_isolated_systolic_only_with_low_diastolic(systolic: int, diastolic: int) -> None:
    answer = grade({"systolic_bp": systolic, "diastolic_bp": diastolic})
    assert isinstance(answer, Classification)
    assert answer.details["isolated_systolic"] is (systolic >= 140)


@pytest.mark.parametrize(
    "record", [{}, {"systolic_bp": 140}, {"systolic_bp": 1200, "diastolic_bp": 80}]
)
def test_bad_pressures_have_no_grade(record: dict[str, Any]) -> None:
    answer = grade(record)
    assert isinstance(answer, NotClassified)
    assert answer.problems


def test_swapped_pressures_are_noticed() -> None:
    answer = grade({"systolic_bp": 80, "diastolic_bp": 120})
    assert isinstance(answer, NotClassified)
    assert answer.problems[0].kind is ProblemKind.NOT_ALLOWED


@pytest.mark.parametrize("row", ROWS_2024)
def test_risk_never_falls_along_the_table(row: str) -> None:
    order = ["low", "medium", "medium/high", "high", "high/very high", "very high"]
    levels = [order.index(cell) for cell in ROWS_2024[row]]
    assert levels == sorted(levels, reverse=True)


def test_high_normal_starts_at_85_in_the_table() -> None:
    assert COLUMNS_2024[-1] == (130, 85)
    answer = stratify({"systolic_bp": 125, "diastolic_bp": 82, "row": FEW})
    assert isinstance(answer, NotClassified)
    assert "starts at 130" in str(answer.reason)
    assert category(stratify({"systolic_bp": 125, "diastolic_bp": 85, "row": FEW})) == "low"


def test_the_table_of_2018_has_no_source() -> None:
    answer = stratify({"systolic_bp": 150, "diastolic_bp": 95, "row": FEW}, "2018")
    assert isinstance(answer, NotClassified)
    assert "not found" in str(answer.reason)


BACKGROUND = {
    "systolic_bp": 150,
    "diastolic_bp": 95,
    "risk_factor_count": 0,
    "target_organ_damage": False,
    "clinical_disease": False,
    "ckd_stage": 0,
    "diabetes_status": "none",
}


@pytest.mark.parametrize(
    ("facts", "row"),
    [
        ({}, 0),
        ({"risk_factor_count": 1}, 1),
        ({"risk_factor_count": 2}, 1),
        ({"risk_factor_count": 3}, 2),
        ({"target_organ_damage": True}, 2),
        ({"ckd_stage": 3}, 2),
        ({"ckd_stage": 2}, 0),
        ({"diabetes_status": "without complications"}, 2),
        ({"diabetes_status": "with complications"}, 3),
        ({"ckd_stage": 4}, 3),
        ({"clinical_disease": True, "risk_factor_count": None}, 3),
    ],
)
def test_the_row_follows_from_the_facts(facts: dict[str, Any], row: int) -> None:
    answer = stratify({**BACKGROUND, **facts})
    assert isinstance(answer, Classification)
    assert answer.details["row"] == ROW.options[row]
    assert len(answer.branch) == 2


def test_an_undecided_row_names_what_is_missing() -> None:
    answer = stratify({**BACKGROUND, "ckd_stage": None})
    assert isinstance(answer, NotClassified)
    assert [p.variable for p in answer.problems] == ["ckd_stage"]
    assert isinstance(stratify({**BACKGROUND, "row": "many"}), NotClassified)


def test_cells_of_two_levels_and_of_none_are_marked() -> None:
    two = stratify({"systolic_bp": 165, "diastolic_bp": 95, "row": FEW})
    assert isinstance(two, Classification)
    assert two.category == "medium/high"
    assert "local policy" in str(two.notes[0])
    none = stratify({"systolic_bp": 132, "diastolic_bp": 80, "row": "no other risk factor"})
    assert isinstance(none, Classification)
    assert "prints no level" in str(none.notes[0])


@pytest.mark.parametrize(
    ("pressure", "risk", "expected"),
    [
        ((160, 80), "low", "at once"),
        ((150, 95), "high", "at once"),
        ((150, 95), "low", "lifestyle for 4-12 weeks, then drug"),
        ((135, 80), "high/very high", "at once"),
        ((135, 80), "medium", "lifestyle"),
        ((150, 95), "medium/high", "local policy"),
        ((120, 80), "high", None),
        ((150, 95), "dreadful", None),
        ((1500, 95), "low", None),
    ],
)
def test_start_of_drugs(pressure: tuple[float, float], risk: str, expected: str | None) -> None:
    assert category(drug_treatment(*pressure, risk)) == expected


@pytest.mark.parametrize(
    ("age", "risk", "disease", "expected"),
    [
        (80, "low", False, "<150/90, if tolerated <140/90"),
        (65, "very high", True, "<140/90"),
        (50, "high", False, "<130/80"),
        (50, "low", True, "<130/80"),
        (50, "low", False, "<140/90"),
    ],
)
def test_targets(age: float, risk: str, disease: bool, expected: str) -> None:
    assert target(age, risk, clinical_disease=disease).category == expected


def test_thresholds_by_setting() -> None:
    assert is_hypertension("office", 140, 70)
    assert not is_hypertension("office", 139, 89)
    assert is_hypertension("home", 135, 70)
    assert is_hypertension("ambulatory_night", 110, 70)
    assert not is_hypertension("ambulatory_24h", 129, 79)


def test_risk_factors_known_and_unknown() -> None:
    found = risk_factors(
        {
            "age": 56,
            "sex": "male",
            "current_smoker": False,
            "waist": 92,
            "hdl_cholesterol_mmol_l": 0.9,
            "uric_acid_mg_dl": 6.0,
            "resting_heart_rate": 400,
        }
    )
    assert found.present == (
        "age over 55 (men) or 65 (women)",
        "dyslipidaemia",
        "abdominal obesity or obesity",
    )
    assert found.absent == ("high uric acid",)
    assert "smoking or passive smoking" in found.unknown  # passive smoking is not known
    assert [p.variable for p in found.problems] == ["resting_heart_rate"]
    assert (found.at_least, found.at_most) == (3, 8)
    assert risk_factors({}).at_least == 0
    woman = risk_factors({"age": 65.5, "sex": "female", "fasting_glucose_mmol_l": 6.5})
    assert set(woman.present) == {"age over 55 (men) or 65 (women)", "impaired glucose"}


def test_classify_chooses_the_rule_by_the_fields() -> None:
    assert category(classify("china_bp_2018_2024", {"sbp": 150, "dbp": 92})) == "grade1"
    assert category(classify("china_bp_2018_2024", BACKGROUND)) == "low"
