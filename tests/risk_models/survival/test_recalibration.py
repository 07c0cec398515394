"""Recalibration of a risk that is wrong in a known way."""

import json
from dataclasses import replace

import numpy as np
import pytest

from risk_models import Refusal, Result, evaluate
from risk_models.survival.errors import SurvivalDataError
from risk_models.survival.metrics.calibration import calibration_slope, observed_expected_ratio
from risk_models.survival.metrics.cloglog import cloglog, inverse_cloglog
from risk_models.survival.recalibration import (
    Method,
    Recalibration,
    recalibrate,
    recalibrate_linear_predictor,
)
from tests.risk_models.survival.simulation import Weibull

H = 6.0
DATA = Weibull().cohort(5000, seed=21)
TRUE = Weibull().risk(DATA.x, H)


def fitted(risk: np.ndarray, method: Method) -> Recalibration:
    return recalibrate(
        DATA.time, DATA.event, risk, H, method,
        equation="china_par_10y", outcome="ascvd", horizon_years=10, cohort="simulated",
    )  # fmt: skip


def test_in_the_large_finds_a_shift() -> None:
    found = fitted(inverse_cloglog(cloglog(TRUE) - 0.8), Method.IN_THE_LARGE)
    assert found.intercept.low < 0.8 < found.intercept.high
    assert found.intercept.high - found.intercept.low < 0.2
    assert found.slope.value == 1


def test_both_undo_shift_and_spread() -> None:
    wrong = inverse_cloglog(1.6 * cloglog(TRUE) - 0.5)
    found = fitted(wrong, Method.BOTH)
    assert found.slope.low < 1 / 1.6 < found.slope.high
    assert np.abs(found.apply(wrong) - TRUE).mean() < 0.02
    mended = found.apply(wrong)
    assert calibration_slope(DATA.time, DATA.event, mended, H).value == pytest.approx(1, abs=1e-6)
    ratio = observed_expected_ratio(DATA.time, DATA.event, mended, H).value
    assert ratio == pytest.approx(1, abs=0.02)


def test_slope_keeps_the_middle() -> None:
    centre = cloglog(TRUE).mean()
    wrong = inverse_cloglog(centre + 2 * (cloglog(TRUE) - centre))
    found = fitted(wrong, Method.SLOPE)
    assert found.slope.value == pytest.approx(0.5, abs=0.05)
    middle = inverse_cloglog(np.array([found.centre]))
    assert found.apply(middle) == pytest.approx(middle)


def test_linear_predictor_gets_a_local_baseline() -> None:
    lp = DATA.x @ np.array(Weibull().beta)
    large = recalibrate_linear_predictor(DATA, lp, Method.IN_THE_LARGE)
    both = recalibrate_linear_predictor(DATA, 2 * lp, Method.BOTH)
    for model, predictor in ((large, lp), (both, 2 * lp)):
        assert np.abs(model.risk(predictor[:, None], H)[:, 0] - TRUE).mean() < 0.02
    assert both.coefficients[0] == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ValueError, match="use both"):
        recalibrate_linear_predictor(DATA, lp, Method.SLOPE)


def test_on_top_of_evaluate() -> None:
    person = {
        "age": 50, "sex": "male", "systolic_bp": 145, "bp_treated": False, "waist": 90,
        "total_cholesterol_mmol_l": 5.2, "hdl_cholesterol_mmol_l": 1.3, "current_smoker": True,
        "diabetes": False, "north_of_yangtze": True, "urban": True,
        "family_history_ascvd": False,
    }  # fmt: skip
    published = evaluate("china_par_10y", person)["ascvd_10y"]
    assert isinstance(published, Result)
    higher = fitted(inverse_cloglog(cloglog(TRUE) - 0.8), Method.IN_THE_LARGE)
    local = higher.on(published)
    assert isinstance(local, Result)
    assert 1 - local.value == pytest.approx((1 - published.value) ** np.exp(higher.intercept.value))
    assert "recalibrated (in the large) to simulated" in local.variant
    assert local.category is None
    refused = evaluate("china_par_10y", {**person, "age": None})["ascvd_10y"]
    assert isinstance(higher.on(refused), Refusal)
    with pytest.raises(SurvivalDataError, match="recalibration is of"):
        replace(higher, outcome="stroke").on(published)


def test_json_there_and_back() -> None:
    found = fitted(TRUE, Method.BOTH)
    assert Recalibration.from_dict(json.loads(json.dumps(found.as_dict()))) == found
