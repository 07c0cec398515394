"""Calibration where the true risk is known."""

import numpy as np
import pytest

from risk_models.survival.errors import FitError, HorizonError
from risk_models.survival.metrics.brier import index_of_prediction_accuracy
from risk_models.survival.metrics.calibration import (
    calibration_groups,
    calibration_slope,
    integrated_calibration_index,
    observed_expected_ratio,
    observed_risk,
)
from risk_models.survival.metrics.cloglog import cloglog, inverse_cloglog
from risk_models.survival.metrics.decision_curve import decision_curve
from tests.risk_models.survival.simulation import FineGray, Weibull

H = 6.0
DATA = Weibull().cohort(6000, seed=3)
TRUE = Weibull().risk(DATA.x, H)


def test_true_risks_are_calibrated() -> None:
    ratio = observed_expected_ratio(DATA.time, DATA.event, TRUE, H)
    slope = calibration_slope(DATA.time, DATA.event, TRUE, H)
    assert ratio.low < 1 < ratio.high
    assert ratio.high - ratio.low < 0.15
    assert slope.low < 1 < slope.high
    assert slope.high - slope.low < 0.2
    assert integrated_calibration_index(DATA.time, DATA.event, TRUE, H) < 0.02
    groups = calibration_groups(DATA.time, DATA.event, TRUE, H)
    assert len(groups) == 10
    assert sum(group.n for group in groups) == len(DATA)
    inside = [group.observed.low < group.predicted < group.observed.high for group in groups]
    assert sum(inside) >= 8


def test_too_extreme_and_too_low_risks_are_found() -> None:
    extreme = inverse_cloglog(2 * cloglog(TRUE))
    assert calibration_slope(DATA.time, DATA.event, extreme, H).value == pytest.approx(
        0.5, abs=0.05
    )
    assert integrated_calibration_index(DATA.time, DATA.event, extreme, H) > 0.05
    low = observed_expected_ratio(DATA.time, DATA.event, TRUE / 2, H)
    assert low.value == pytest.approx(2, abs=0.15)
    truth = index_of_prediction_accuracy(DATA.time, DATA.event, TRUE, H)
    assert truth > index_of_prediction_accuracy(DATA.time, DATA.event, extreme, H)
    assert truth > index_of_prediction_accuracy(DATA.time, DATA.event, TRUE / 2, H)


def test_competing_events_are_no_censoring() -> None:
    truth = FineGray()
    data = truth.cohort(6000, seed=5)
    risk = truth.risk(data.x, 1.0)
    ratio = observed_expected_ratio(data.time, data.event, risk, 1.0)
    assert ratio.low < 1 < ratio.high
    as_censored = np.where(data.event == 1, 1, 0)
    assert observed_expected_ratio(data.time, as_censored, risk, 1.0).low > 1.1
    slope = calibration_slope(data.time, data.event, risk, 1.0)
    assert slope.low < 1 < slope.high


def test_decision_curve_prefers_the_truth() -> None:
    thresholds = [0.1, 0.2, 0.3, 0.5]
    true = decision_curve(DATA.time, DATA.event, TRUE, H, thresholds)
    noise = np.random.default_rng(1).permutation(TRUE)
    useless = decision_curve(DATA.time, DATA.event, noise, H, thresholds)
    for good, bad in zip(true, useless, strict=True):
        assert good.model > max(bad.model, good.treat_all, 0) - 0.01
        assert good.model > bad.model


def test_beyond_the_follow_up() -> None:
    with pytest.raises(HorizonError, match="within the follow-up"):
        observed_risk(DATA.time, DATA.event, 1e6)
    with pytest.raises(FitError, match="equal"):
        calibration_slope(DATA.time, DATA.event, np.full(len(DATA), 0.2), H)
    with pytest.raises(ValueError, match="threshold 1"):
        decision_curve(DATA.time, DATA.event, TRUE, H, [1.0])


def test_no_event_still_has_an_upper_bound() -> None:
    found = observed_risk(np.full(100, 9.0), np.zeros(100, np.int64), 5.0)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.0362, abs=1e-4)  # Clopper-Pearson of 0 in 100
