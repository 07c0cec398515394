"""Diabetes and its early stages."""

from typing import Any

import pytest

from risk_models.guidelines import Classification, NotClassified, classify
from risk_models.guidelines.diabetes_diagnosis import classify_glycaemia


@pytest.mark.parametrize(
    ("record", "category"),
    [
        ({"fasting_glucose_mmol_l": 6.09}, "normal"),
        ({"fasting_glucose_mmol_l": 6.1}, "ifg"),
        ({"fasting_glucose_mmol_l": 7.0}, "diabetes"),
        ({"fasting_glucose_mg_dl": 126.2}, "diabetes"),
        ({"glucose_2h_mmol_l": 7.8}, "igt"),
        ({"glucose_2h_mmol_l": 11.09}, "igt"),
        ({"fasting_glucose_mmol_l": 6.5, "glucose_2h_mmol_l": 8}, "ifg and igt"),
        ({"fasting_glucose_mmol_l": 5, "glucose_2h_mmol_l": 12}, "diabetes"),
        ({"hba1c_percent": 5.69}, "normal"),
        ({"hba1c_percent": 5.7}, "attention"),
        ({"hba1c_percent": 6.5}, "diabetes"),
        ({"hba1c_mmol_mol": 48}, "diabetes"),
        ({"hba1c_percent": 6.0, "fasting_glucose_mmol_l": 6.3}, "ifg"),
    ],
)
def test_limits(record: dict[str, Any], category: str) -> None:
    answer = classify_glycaemia(record)
    assert isinstance(answer, Classification)
    assert answer.category == category
    assert answer.branch


def test_normal_says_what_was_not_measured() -> None:
    answer = classify_glycaemia({"hba1c_percent": 5})
    assert isinstance(answer, Classification)
    assert [str(note) for note in answer.notes] == [
        "not known: fasting_glucose",
        "not known: glucose_2h",
    ]


@pytest.mark.parametrize(
    "record",
    [{}, {"fpg": 100}, {"fpg": "high"}, {"hba1c": 48}, {"fpg": 5, "ogtt": -1}],
)
def test_no_category_without_a_good_value(record: dict[str, Any]) -> None:
    answer = classify("diabetes_diagnosis", record)
    assert isinstance(answer, NotClassified)
    assert answer.problems
