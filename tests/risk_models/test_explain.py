"""Shares of factors, heart age and what-if."""

from typing import Any

import pytest
from hypothesis import given, settings

from risk_models import EQUATIONS, Refusal, Result, evaluate
from risk_models.explain import Explanation, NotExplained, explain
from risk_models.heart_age import HeartAge, heart_age
from risk_models.what_if import (
    STATIN_RATE_RATIO_PER_MMOL_L,
    LowerSystolic,
    StopSmoking,
    TakeStatin,
    WhatIf,
    what_if,
)
from tests.risk_models.people import Person, people

SMOKER = {
    "age": 55,
    "sex": "male",
    "systolic_bp": 150,
    "bp_treated": False,
    "total_cholesterol_mg_dl": 240,
    "hdl_cholesterol_mg_dl": 40,
    "current_smoker": True,
    "diabetes": False,
}


def explained(equation: str, record: dict[str, Any], outcome: str) -> Explanation:
    found = explain(equation, record, outcome)
    assert isinstance(found, Explanation)
    return found


@settings(max_examples=20, deadline=None)
@given(person=people(EQUATIONS["china_par_10y"].variants[0]))
def test_shares_add_up_to_the_risk_above_optimal(person: Person) -> None:
    found = explained("china_par_10y", person, "ascvd_10y")
    above = found.result.value - found.at_optimum
    assert sum(c.value for c in found.contributions) == pytest.approx(above, abs=1e-12)


@pytest.mark.parametrize(
    ("equation", "outcome"),
    [
        ("prevent_2023", "heart_failure_10y"),
        ("who_cvd_2019", "cvd_10y"),
        ("score2_diabetes", "cvd_10y"),
        ("ckb_cvd", "cvd_10y"),
        ("hypertension_onset", "hypertension_4y"),
        ("mesa_chd_cac_2015", "chd_10y"),
        ("framingham_stroke_2017", "stroke_10y"),
    ],
)
def test_other_equations_are_explained_too(equation: str, outcome: str) -> None:
    @settings(max_examples=5, deadline=None)
    @given(person=people(EQUATIONS[equation].variants[0]))
    def run(person: Person) -> None:
        found = explain(equation, person, outcome)
        if not isinstance(found, Refusal):
            assert isinstance(found, Explanation)
            above = found.result.value - found.at_optimum
            assert sum(c.value for c in found.contributions) == pytest.approx(above, abs=1e-12)

    run()


def test_two_factors_by_hand() -> None:
    """With two factors off optimal, each share is the mean of its effect first and last."""
    found = explained("framingham_cvd_2008", SMOKER, "cvd_10y")
    calm = {**SMOKER, "systolic_bp": 120}
    clean = {**SMOKER, "current_smoker": False}
    cholesterol = {**SMOKER, "total_cholesterol_mg_dl": 200}

    def risk(*records: dict[str, Any]) -> float:
        merged = dict(SMOKER)
        for record in records:
            merged |= {k: v for k, v in record.items() if v != SMOKER[k]}
        return evaluate("framingham_cvd_2008", merged).values["cvd_10y"]

    # Three factors differ: blood pressure, smoking, cholesterol.
    smoking = (
        2 * (risk() - risk(clean))
        + (risk(calm) - risk(calm, clean))
        + (risk(cholesterol) - risk(cholesterol, clean))
        + 2 * (risk(calm, cholesterol) - risk(calm, cholesterol, clean))
    ) / 6
    shares = {c.factor: c.value for c in found.contributions}
    assert shares["smoking"] == pytest.approx(smoking, abs=1e-12)
    assert shares["glucose"] == 0
    assert found.contributions[0].factor == "smoking"
    assert not found.profile.published


def test_a_point_score_of_a_nodule_has_no_optimal_level() -> None:
    record = {"area": 5, "peak": 200, "slice_thickness": 3}
    assert isinstance(explain("agatston", record, "score"), NotExplained)
    assert isinstance(explain("china_par_10y", {}, "ascvd_10y"), Refusal)


def test_heart_age_of_an_optimal_person_is_their_age() -> None:
    healthy = {**SMOKER, "systolic_bp": 120, "total_cholesterol_mg_dl": 200}
    healthy["current_smoker"] = False
    found = heart_age("framingham_cvd_2008", healthy)
    assert isinstance(found, HeartAge)
    assert found.years == pytest.approx(55, abs=0.01)
    assert found.bound is None


def test_heart_age_solves_the_equation() -> None:
    person = {**SMOKER, "age": 45, "current_smoker": False}
    levels = {"systolic_bp": 125.0, "total_cholesterol": 180.0, "hdl_cholesterol": 45.0}
    found = heart_age("framingham_cvd_2008", person, levels=levels)
    assert isinstance(found, HeartAge)
    same = {**person, "age": found.years, "systolic_bp": 125}
    same |= {"total_cholesterol_mg_dl": 180, "hdl_cholesterol_mg_dl": 45}
    risk = evaluate("framingham_cvd_2008", same).values["cvd_10y"]
    assert risk == pytest.approx(found.result.value, rel=1e-3)
    assert found.years > 45


def test_heart_age_has_ends_and_limits() -> None:
    above = heart_age("framingham_cvd_2008", {**SMOKER, "age": 74})
    assert isinstance(above, HeartAge)
    assert (above.years, above.bound) == (74, "above")
    fit = {**SMOKER, "age": 30, "systolic_bp": 95, "current_smoker": False}
    below = heart_age("framingham_cvd_2008", {**fit, "total_cholesterol_mg_dl": 120})
    assert isinstance(below, HeartAge)
    assert (below.years, below.bound) == (30, "below")
    assert isinstance(heart_age("china_par_10y", {}), NotExplained)
    assert isinstance(heart_age("framingham_cvd_2008", {}), Refusal)
    with pytest.raises(ValueError, match="reference levels"):
        heart_age("framingham_cvd_2008", SMOKER, levels={"systolic_bp": 1.0})


def changed(change: StopSmoking | LowerSystolic | TakeStatin, **more: Any) -> WhatIf:
    found = what_if("framingham_cvd_2008", {**SMOKER, **more}, "cvd_10y", change)
    assert isinstance(found, WhatIf)
    return found


def test_stopping_smoking_is_the_same_person_as_a_non_smoker() -> None:
    other = evaluate("framingham_cvd_2008", {**SMOKER, "current_smoker": False})
    found = changed(StopSmoking())
    assert found.after == other.values["cvd_10y"]
    assert found.absolute_fall is not None
    assert found.absolute_fall > 0
    assert "not the proven effect" in str(found.assumption)
    nothing = changed(StopSmoking(), current_smoker=False)
    assert nothing.after is None
    assert str(nothing.reason) == "The person does not smoke."


def test_lower_pressure() -> None:
    other = evaluate("framingham_cvd_2008", {**SMOKER, "systolic_bp": 130})
    assert changed(LowerSystolic()).after == other.values["cvd_10y"]
    assert changed(LowerSystolic(), systolic_bp=70).after is None  # 50 is not accepted
    with pytest.raises(ValueError, match="above 0"):
        changed(LowerSystolic(0))


def test_a_statin_acts_by_the_trials_ratio_and_not_by_the_equation() -> None:
    found = changed(TakeStatin(2.0))
    before = found.before.value
    expected = 1 - (1 - before) ** (STATIN_RATE_RATIO_PER_MMOL_L**2)
    assert found.after == pytest.approx(expected)
    with pytest.raises(ValueError, match="above 0"):
        changed(TakeStatin(-1))


def test_a_statin_says_nothing_of_heart_failure() -> None:
    record = {**SMOKER, "statin": False, "egfr": 90, "bmi": 25}
    found = what_if("prevent_2023", record, "heart_failure_10y", TakeStatin())
    assert isinstance(found, WhatIf)
    assert found.after is None
    taking = what_if("prevent_2023", {**record, "statin": True}, "ascvd_10y", TakeStatin())
    assert isinstance(taking, WhatIf)
    assert taking.after is None
    assert isinstance(evaluate("prevent_2023", record)["ascvd_10y"], Result)


def test_what_if_keeps_units() -> None:
    record = {k: v for k, v in SMOKER.items() if "cholesterol" not in k}
    record |= {"total_cholesterol_mmol_l": 6.2, "hdl_cholesterol_mmol_l": 1.0, "region": "High"}
    found = what_if("score2", record, "cvd_10y", StopSmoking())
    assert isinstance(found, WhatIf)
    other = evaluate("score2", {**record, "current_smoker": False})
    assert found.after == other.values["cvd_10y"]
