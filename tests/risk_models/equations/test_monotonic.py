"""Risks move the way their publications say they do."""

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models import EQUATIONS, evaluate, evaluate_columns
from tests.risk_models.people import people

RISES = [
    # equation, variant, outcome, input (field), step
    ("china_par_10y", "official_site", "ascvd_10y", "systolic_bp", 5.0),
    ("china_par_10y", "official_site", "ascvd_10y", "total_cholesterol_mg_dl", 10.0),
    # Not CKB by blood pressure: its published age x SBP term lets risk fall in old age.
    ("pce_2013", "published", "ascvd_10y", "systolic_bp", 5.0),
    ("framingham_cvd_2008", "lab", "cvd_10y", "age", 1.0),
    ("framingham_cvd_2008", "lab", "cvd_10y", "systolic_bp", 5.0),
    ("framingham_cvd_2008", "lab", "cvd_10y", "total_cholesterol_mg_dl", 10.0),
    ("framingham_cvd_2008", "bmi", "cvd_10y", "bmi", 1.0),
    ("mesa_chd_cac_2015", "with_cac", "chd_10y", "coronary_artery_calcium", 10.0),
    ("mesa_chd_cac_2015", "with_cac", "chd_10y", "age", 1.0),
    ("hypertension_onset", "published", "hypertension_4y", "bmi", 1.0),
    ("hypertension_onset", "published", "hypertension_4y", "systolic_bp", 5.0),
    ("cdrs_2013", "guideline_table", "points", "waist", 5.0),
    ("findrisc", "published", "points", "bmi", 2.0),
    ("cha2ds2_vasc", "published", "points", "age", 5.0),
    ("mayo_nodule", "published", "lung_cancer", "nodule_diameter", 1.0),
    ("brock_pancan", "full_2b", "lung_cancer", "nodule_size", 1.0),
]
FALLS = [
    ("china_par_10y", "official_site", "ascvd_10y", "hdl_cholesterol_mg_dl", 5.0),
    ("framingham_cvd_2008", "lab", "cvd_10y", "hdl_cholesterol_mg_dl", 5.0),
    ("mesa_chd_cac_2015", "without_cac", "chd_10y", "hdl_cholesterol_mg_dl", 5.0),
    ("ckd_epi_2021", "published", "egfr", "age", 1.0),
    ("ckd_epi_2021", "published", "egfr", "creatinine_mg_dl", 0.1),
    ("ckd_epi_2009", "not_black", "egfr", "creatinine_mg_dl", 0.1),
]


def moves(
    case: tuple[str, str, str, str, float], person: dict[str, object]
) -> tuple[float, float] | None:
    equation, variant, outcome, field, step = case
    more = {**person, field: person[field] + step}  # type: ignore[operator]
    before = evaluate(equation, person, variant).values.get(outcome)
    after = evaluate(equation, more, variant).values.get(outcome)
    return None if before is None or after is None else (before, after)


def check(case: tuple[str, str, str, str, float], right: Callable[[float, float], bool]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(person=people(EQUATIONS[case[0]].variant(case[1])))
    def run(person: dict[str, object]) -> None:
        found = moves(case, person)
        assert found is None or right(*found)

    run()


@pytest.mark.parametrize("case", RISES, ids=lambda case: f"{case[0]}-{case[3]}")
def test_rises(case: tuple[str, str, str, str, float]) -> None:
    check(case, lambda before, after: after >= before)


@pytest.mark.parametrize("case", FALLS, ids=lambda case: f"{case[0]}-{case[3]}")
def test_falls(case: tuple[str, str, str, str, float]) -> None:
    check(case, lambda before, after: after <= before)


@pytest.mark.parametrize(
    ("equation", "field"),
    [
        ("prevent_2023", "current_smoker"),
        ("prevent_2023", "diabetes"),
        ("who_cvd_2019", "diabetes"),
        ("score2", "current_smoker"),
        ("pce_2013", "diabetes"),
        ("framingham_stroke_2017", "current_smoker"),
    ],
)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_bad_habit_or_disease_never_lowers_the_ten_year_risk(
    equation: str, field: str, data: st.DataObject
) -> None:
    person = data.draw(people(EQUATIONS[equation].variants[0]))
    # Within the ages the equations were made for; interactions with age turn signs beyond.
    person["age"] = min(float(person["age"]), 69.0)
    crowd = pl.DataFrame([{**person, field: False}, {**person, field: True}])
    outcome = EQUATIONS[equation].variants[0].outcomes[0].key
    before, after = evaluate_columns(equation, crowd)[f"{equation}.{outcome}"]
    assert after >= before


@settings(max_examples=25, deadline=None)
@given(person=people(EQUATIONS["china_par_10y"].variants[0]))
def test_china_par_rises_with_age_where_its_interactions_allow(person: dict[str, object]) -> None:
    # Pressure, smoking and family history each count less with age: with all three high the
    # published equation falls with age.
    person |= {"current_smoker": False, "family_history_ascvd": False}
    person["systolic_bp"] = min(float(str(person["systolic_bp"])), 180.0)
    ages = [{**person, "age": float(age)} for age in range(20, 86)]
    risks = evaluate_columns("china_par_10y", pl.DataFrame(ages))["china_par_10y.ascvd_10y"]
    assert risks.is_sorted()


def test_lower_blood_pressure_means_less_risk_at_ordinary_levels() -> None:
    person = {"age": 55.0, "sex": "female", "region": "High", "diabetes": False}
    person |= {"total_cholesterol_mmol_l": 5.5, "hdl_cholesterol_mmol_l": 1.3}
    person |= {"current_smoker": False}
    crowd = pl.DataFrame([{**person, "systolic_bp": float(p)} for p in range(100, 200, 5)])
    for equation in ("score2", "score2_asia_pacific"):
        risks = evaluate_columns(equation, crowd)[f"{equation}.cvd_10y"]
        assert risks.is_sorted()
