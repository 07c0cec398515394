"""Flow of the 2019 cardiovascular risk guideline."""

from typing import Any

import pytest

from risk_models.errors import UnknownEquationError
from risk_models.guidelines import Classification, NotClassified, classify
from risk_models.guidelines.china_cvd_2019 import assess, lifetime_class, reassess_after

CHINA_PAR = {
    "cvd": False,
    "age": 40,
    "sex": "male",
    "systolic_bp": 145,
    "bp_treated": False,
    "total_cholesterol_mmol_l": 5.2,
    "hdl_cholesterol_mmol_l": 1.3,
    "waist": 80,
    "current_smoker": False,
    "diabetes": False,
    "north_of_yangtze": True,
    "urban": True,
    "family_history_ascvd": True,
}


def test_the_guidelines_own_example() -> None:
    answer = assess({**CHINA_PAR, "lifetime_risk": 37.8})
    assert isinstance(answer, Classification)
    assert (answer.category, answer.details["lifetime"]) == ("low", "lifetime high")
    assert [str(step) for step in answer.branch] == [
        "China-PAR 10-year risk",
        "below 5 %",
        "32.8 % or more",
    ]


def test_the_lifetime_equation_is_not_invented() -> None:
    answer = assess(CHINA_PAR)
    assert isinstance(answer, Classification)
    assert answer.details["lifetime"] is None
    assert any("not published" in str(note) for note in answer.notes)
    alone = lifetime_class({"age": 45})
    assert isinstance(alone, NotClassified)
    assert "not published" in str(alone.reason)


@pytest.mark.parametrize(
    ("record", "category"),
    [
        ({"cvd": True}, "very high"),
        ({"cvd": False, "age": 50, "ten_year_risk": 10}, "high"),
        ({"cvd": False, "age": 50, "ten_year_risk": 9.99, "lifetime_risk": 10}, "medium"),
        ({"cvd": False, "age": 60, "ten_year_risk": 4.99}, "low"),
        ({"cvd": False, "age": 19, "ten_year_risk": 4.99}, None),
        ({"cvd": None, "age": 50, "ten_year_risk": 4}, None),
        ({"cvd": False, "age": 50, "ten_year_risk": 400}, None),
        ({"cvd": False, "age": 50}, None),
        ({"cvd": False, "age": 50, "ten_year_risk": 4, "lifetime_risk": -1}, None),
    ],
)
def test_flow(record: dict[str, Any], category: str | None) -> None:
    answer = classify("china_cvd_guideline_2019_flow", record)
    found = answer.category if isinstance(answer, Classification) else None
    assert found == category


@pytest.mark.parametrize(
    ("age", "high", "factors", "expected"),
    [
        (30, True, True, "yearly"),
        (35, False, True, "1-2 years"),
        (35, False, False, "2-3 years"),
        (34, False, True, "3-5 years"),
        (34, False, False, None),
    ],
)
def test_reassessment(age: float, high: bool, factors: bool, expected: str | None) -> None:
    answer = reassess_after(age, high_risk=high, risk_factors=factors)
    found = answer.category if isinstance(answer, Classification) else None
    assert found == expected


def test_an_unknown_guideline_says_what_there_is() -> None:
    with pytest.raises(UnknownEquationError, match="china_lipid_2023"):
        classify("lung_rads", {})
