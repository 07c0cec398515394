"""The public way in: results, refusals, variants, short names, panels, cautions."""

from dataclasses import FrozenInstanceError

import polars as pl
import pytest

from risk_models import (
    EQUATIONS,
    PANELS,
    Refusal,
    Result,
    Unit,
    evaluate,
    evaluate_columns,
    score,
    score_panel,
)
from risk_models.errors import UnknownEquationError
from risk_models.results import CautionCode, ProblemKind

CHINA_PAR = {
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


def test_a_result_carries_what_is_needed_to_defend_it() -> None:
    result = evaluate("china_par_10y", CHINA_PAR)["ascvd_10y"]
    assert isinstance(result, Result)
    assert (result.equation, result.variant) == ("china_par_10y", "official_site")
    assert (result.outcome, result.horizon_years, result.unit) == ("ascvd", 10, Unit.PROBABILITY)
    assert round(result.percent, 1) == 4.7  # worked example of the 2019 guideline
    assert result.category == "low"
    assert result.inputs["total_cholesterol"] == pytest.approx(5.2 / 0.0259)
    assert result.inputs["sex"] == "male"
    assert result.inputs["urban"] is True
    assert "10.1161/CIRCULATIONAHA.116.022367" in result.citation
    assert [caution.code for caution in result.warnings] == [CautionCode.DERIVED_COEFFICIENTS]
    with pytest.raises(FrozenInstanceError):
        result.value = 0.0  # type: ignore[misc]


def test_points_have_no_percentage() -> None:
    record = dict.fromkeys((v.name for v in EQUATIONS["has_bled"].variants[0].variables), False)
    result = evaluate("has_bled", record)["points"]
    assert isinstance(result, Result)
    assert result.value == 0
    with pytest.raises(TypeError, match="not a probability"):
        _ = result.percent


def test_inputs_of_men_are_not_asked_of_women() -> None:
    woman = {k: v for k, v in CHINA_PAR.items() if k not in ("urban", "family_history_ascvd")}
    woman["sex"] = "female"
    assert evaluate("china_par_10y", woman).results
    man = {**woman, "sex": "male"}
    (refusal,) = evaluate("china_par_10y", man).refusals
    assert [p.variable for p in refusal.problems] == ["urban", "family_history_ascvd"]


PREVENT = {
    "age": 50,
    "sex": "female",
    "systolic_bp": 160,
    "bp_treated": True,
    "total_cholesterol_mg_dl": 200,
    "hdl_cholesterol_mg_dl": 45,
    "statin": False,
    "diabetes": True,
    "current_smoker": False,
    "egfr": 90,
    "bmi": 35,
}


def test_an_outcome_asks_only_for_its_own_inputs() -> None:
    without_bmi = {k: v for k, v in PREVENT.items() if k != "bmi"}
    evaluation = evaluate("prevent_2023", without_bmi)
    assert {refusal.outcome for refusal in evaluation.refusals} == {"heart_failure"}
    assert evaluation.values["ascvd_10y"] == evaluate("prevent_2023", PREVENT).values["ascvd_10y"]
    without_lipids = {k: v for k, v in PREVENT.items() if "cholesterol" not in k}
    assert {r.outcome for r in evaluate("prevent_2023", without_lipids).results} == {
        "heart_failure"
    }


def test_the_full_model_goes_on_without_what_may_be_missing() -> None:
    evaluation = evaluate("prevent_2023", {**PREVENT, "hba1c_percent": 9.2}, "full")
    assert len(evaluation.results) == 10
    result = evaluation["total_cvd_10y"]
    assert isinstance(result, Result)
    assert result.inputs["uacr"] is None
    wrong = evaluate("prevent_2023", {**PREVENT, "uacr_mg_g": -1}, "full")
    assert wrong.results == ()  # a bad value is not the same as none


def test_thirty_years_past_sixty_is_an_extrapolation() -> None:
    result = evaluate("prevent_2023", {**PREVENT, "age": 60})["ascvd_30y"]
    assert isinstance(result, Result)
    assert CautionCode.AGE_OUTSIDE_PUBLICATION in {c.code for c in result.warnings}
    ten = evaluate("prevent_2023", {**PREVENT, "age": 60})["ascvd_10y"]
    assert isinstance(ten, Result)
    assert CautionCode.AGE_OUTSIDE_PUBLICATION not in {c.code for c in ten.warnings}
    assert evaluate("prevent_2023", {**PREVENT, "age": 80}).results == ()


def test_ages_are_completed_years() -> None:
    def accepts(age: float) -> bool:
        return bool(evaluate("prevent_2023", {**PREVENT, "age": age}).results)

    assert [accepts(age) for age in (29.99, 30, 79.99, 80)] == [False, True, True, False]


def test_diabetes_in_score2_is_outside_its_population() -> None:
    record = {
        "age": 55,
        "sex": "female",
        "region": "Low",
        "sbp": 140,
        "tc": 5.5,
        "hdl": 1.3,
        "smoker": 0,
        "diabetes": 1,
    }
    result = score("score2", record)["cvd_10y"]
    assert isinstance(result, Result)
    assert CautionCode.OUTSIDE_POPULATION in {c.code for c in result.warnings}


def test_points_beyond_the_printed_table() -> None:
    record = {"age": 54, "sbp": 100, "treated": 0, "diabetes": 0, "smoker": 0}
    record |= {"cvd": 0, "af": 0, "lvh": 0}
    evaluation = score("framingham_stroke_1994_men", record)
    assert evaluation.values == {"points": 0}
    refusal = evaluation["stroke_10y"]
    assert isinstance(refusal, Refusal)
    assert refusal.problems[0].kind is ProblemKind.NOT_DEFINED
    top = score(
        "framingham_stroke_1994_men",
        {**record, "age": 85, "sbp": 200, "diabetes": 1, "smoker": 1, "cvd": 1, "af": 1, "lvh": 1},
    )["stroke_10y"]
    assert isinstance(top, Result)
    assert CautionCode.BOUND_ONLY in {c.code for c in top.warnings}


def test_a_woman_is_refused_by_the_table_for_men() -> None:
    record = {"sex": "female", "age": 60, "sbp": 120, "treated": 0, "diabetes": 0, "smoker": 0}
    record |= {"cvd": 0, "af": 0, "lvh": 0}
    assert score("framingham_stroke_1994_men", record).results == ()


def test_impossible_lipids_have_no_ldl() -> None:
    evaluation = score("ldl_friedewald", {"tc": 100, "hdl": 120, "tg": 100})
    assert evaluation.results == ()
    problem = evaluation.refusals[0].problems[0]
    assert problem.kind is ProblemKind.NOT_DEFINED


def test_friedewald_in_mmol_l_uses_its_own_divisor() -> None:
    record = {"tc": 5.2, "hdl": 1.3, "tg": 1.7, "unit": "mmol/L"}
    values = score("ldl_friedewald", record).values
    assert values["ldl_cholesterol"] == pytest.approx(5.2 - 1.3 - 1.7 / 2.2)
    sampson = score("ldl_sampson", record)["ldl_cholesterol"]
    assert isinstance(sampson, Result)
    assert sampson.unit is Unit.MMOL_L
    assert 3.0 < sampson.value < 3.3
    unknown = score("ldl_friedewald", {**record, "unit": "mg%"})
    assert unknown.refusals[0].problems[0].kind is ProblemKind.UNIT_NOT_STATED


def test_triglycerides_of_400_have_no_martin_hopkins_row() -> None:
    record = {"tc": 250, "hdl": 40, "tg": 400}
    assert {e.equation for e in score_panel("ldl_equations", record) if e.results} == {
        "ldl_friedewald",  # non-HDL cholesterol only
        "ldl_sampson",
        "ldl_martin_hopkins",
    }
    friedewald = score("ldl_friedewald", record)
    assert set(friedewald.values) == {"non_hdl_cholesterol"}
    assert "below 400" in str(friedewald.refusals[0].problems[0].valid)


def test_a_shrinking_or_unchanged_nodule() -> None:
    shrinking = score("growth_vdt", {"v1_mm3": 200, "v2_mm3": 100, "days": 90})["doubling_time"]
    assert isinstance(shrinking, Result)
    assert shrinking.value == pytest.approx(-90)
    assert shrinking.category is None
    same = score("growth_vdt", {"v1_mm3": 200, "v2_mm3": 200, "days": 90})["doubling_time"]
    assert isinstance(same, Refusal)


def test_a_diameter_counts_three_times() -> None:
    by_volume = score("growth_vdt", {"v1_mm3": 8, "v2_mm3": 27, "days": 100}).values
    by_diameter = score("growth_vdt", {"d1_mm": 2, "d2_mm": 3, "days": 100}).values
    assert by_diameter["doubling_time"] == pytest.approx(by_volume["doubling_time"])


def test_the_record_may_name_the_variant() -> None:
    assert score("framingham_cvd_2008", {"model": "bmi"}).variant == "bmi"
    assert score("mesa_chd_cac_2015", {"cac": 10}).variant == "with_cac"
    assert score("mesa_chd_cac_2015", {"cac": None}).variant == "without_cac"
    assert score("mesa_chd_cac_2015", {"cac": 10}, "without_cac").variant == "without_cac"


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(UnknownEquationError, match="there are: china_par_10y"):
        evaluate("qrisk", {})
    with pytest.raises(UnknownEquationError, match="choose one of: base"):
        evaluate("prevent_2023", {}, "lite")
    with pytest.raises(UnknownEquationError, match="af_scores"):
        score_panel("all", {})
    with pytest.raises(UnknownEquationError):
        evaluate_columns("qrisk", pl.DataFrame())


def test_panels_name_equations_that_exist() -> None:
    assert {name for names in PANELS.values() for name in names} <= set(EQUATIONS)


@pytest.mark.parametrize("equation", EQUATIONS.values(), ids=lambda e: e.identifier)
def test_the_registry_is_complete(equation: object) -> None:
    from risk_models.equations.definition import Equation

    assert isinstance(equation, Equation)
    assert equation.citation and equation.population and equation.age_range
    assert equation.checked_against
    known = {v.name for variant in equation.variants for v in variant.variables}
    for short in equation.short_names.values():
        # SCORE2's four equations share one list.
        assert short.variable in known or short.variable == "hba1c"
    for variant in equation.variants:
        keys = {outcome.key for outcome in variant.outcomes}
        assert len(keys) == len(variant.outcomes)
        for rule in variant.cautions:
            assert rule.outcomes is None or rule.outcomes <= keys
        for outcome in variant.outcomes:
            assert outcome.needs is None or outcome.needs <= {v.name for v in variant.variables}


def test_china_has_its_own_parameters_and_the_chart_of_east_asia() -> None:
    from risk_models.equations.who_cvd import region_of_country

    assert region_of_country("CHN") == "East Asia"
    assert region_of_country("XXX") is None
    record = {"age": 60, "sex": "male", "sbp": 140, "tc_mmol_l": 5.2, "diabetes": 0}
    record |= {"current_smoker": 1, "model": "lab"}
    east_asia = score("who_cvd_2019", {**record, "region": "East Asia"})["cvd_10y"]
    china = score("who_cvd_2019", {**record, "region": "China"})["cvd_10y"]
    assert isinstance(east_asia, Result)
    assert isinstance(china, Result)
    assert east_asia.value != china.value
    assert CautionCode.ONE_SOURCE in {c.code for c in china.warnings}
    assert CautionCode.ONE_SOURCE not in {c.code for c in east_asia.warnings}


def test_the_profile_at_the_centre_gives_the_baseline_risk() -> None:
    record = {"age": 55, "sbp": 120, "dbp": 80, "bp_treated": 0, "daily_smoker": 0}
    record |= {"diabetes": 0, "waist": 80, "sex": "female"}
    found = score("ckb_cvd", record).values
    assert found["ischaemic_stroke_10y"] == pytest.approx(1 - 0.9103525, abs=1e-12)


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (0, "none"),
        (0.5, "minimal"),
        (10, "minimal"),
        (100, "mild"),
        (400, "moderate"),
        (401, "severe"),
    ],
)
def test_classes_of_a_total_calcium_score(total: float, expected: str) -> None:
    from risk_models.equations.agatston import agatston_class

    assert agatston_class(total) == expected
    with pytest.raises(ValueError, match="cannot be -1"):
        agatston_class(-1)
