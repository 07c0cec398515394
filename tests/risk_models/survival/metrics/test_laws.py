"""What must hold of a metric whatever the data."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from risk_models.survival.competing import aalen_johansen
from risk_models.survival.metrics.brier import brier_score, index_of_prediction_accuracy
from risk_models.survival.metrics.calibration import observed_expected_ratio
from risk_models.survival.metrics.decision_curve import decision_curve
from risk_models.survival.metrics.harrell_c import harrell_c
from risk_models.survival.metrics.horizon import status_at
from risk_models.survival.metrics.time_dependent_auc import time_dependent_auc
from risk_models.survival.metrics.uno_c import uno_c

People = tuple[np.ndarray, np.ndarray, np.ndarray]
HORIZON = 5.0


@st.composite
def people(draw: st.DrawFn, causes: int = 2) -> People:
    """Few distinct times and risks, so that ties of every kind happen."""
    n = draw(st.integers(4, 40))
    time = np.array(draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)), float)
    event = np.array(draw(st.lists(st.integers(0, causes), min_size=n, max_size=n)))
    risk = np.array(draw(st.lists(st.integers(0, 20), min_size=n, max_size=n))) / 20
    assume(time.max() >= HORIZON)
    return time, event, risk


def brute_force_c(time: np.ndarray, event: np.ndarray, risk: np.ndarray) -> float:
    won = pairs = 0.0
    for i in np.flatnonzero(event):
        for j in range(len(time)):
            if time[j] > time[i] or (time[j] == time[i] and not event[j]):
                pairs += 1
                won += (risk[i] > risk[j]) + (risk[i] == risk[j]) / 2
    return won / pairs if pairs else float("nan")


@given(people(causes=1))
def test_harrell_c_is_the_share_of_pairs(given_people: People) -> None:
    time, event, risk = given_people
    expected = brute_force_c(time, event == 1, risk)
    assert harrell_c(time, event == 1, risk) == pytest.approx(expected, abs=1e-12, nan_ok=True)


DISCRIMINATION: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "harrell": lambda time, event, risk: harrell_c(time, event == 1, risk),
    "uno": lambda time, event, risk: uno_c(time, event == 1, risk, HORIZON),
    "auc": lambda time, event, risk: time_dependent_auc(time, event, risk, HORIZON),
}


@pytest.mark.parametrize("metric", DISCRIMINATION)
@given(given_people=people(causes=1))
def test_discrimination_depends_on_order_alone(metric: str, given_people: People) -> None:
    time, event, risk = given_people
    value = DISCRIMINATION[metric](time, event, risk)
    moved = DISCRIMINATION[metric](time, event, np.exp(3 * risk) - 7)
    turned = DISCRIMINATION[metric](time, event, -risk)
    assert moved == pytest.approx(value, abs=1e-12, nan_ok=True)
    assert turned == pytest.approx(1 - value, abs=1e-12, nan_ok=True)
    assert np.isnan(value) or 0 <= value <= 1 + 1e-12


@pytest.mark.parametrize("metric", DISCRIMINATION)
@given(given_people=people(causes=1))
def test_discrimination_of_equal_risks_is_one_half(metric: str, given_people: People) -> None:
    time, event, _ = given_people
    value = DISCRIMINATION[metric](time, event, np.full(len(time), 0.3))
    assert np.isnan(value) or value == pytest.approx(0.5)


@given(people(), st.randoms(use_true_random=False))
def test_order_of_people_does_not_matter(given_people: People, random) -> None:
    time, event, risk = given_people
    order = list(range(len(time)))
    random.shuffle(order)
    for metric in (
        lambda t, e, r: harrell_c(t, e == 1, r),
        lambda t, e, r: brier_score(t, e, r, HORIZON),
        lambda t, e, r: time_dependent_auc(t, e, r, HORIZON),
        lambda t, e, r: decision_curve(t, e, r, HORIZON, [0.2])[0].model,
    ):
        expected = metric(time, event, risk)
        found = metric(time[order], event[order], risk[order])
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(people())
def test_brier_is_between_0_and_the_sum_of_weights(given_people: People) -> None:
    time, event, risk = given_people
    score = brier_score(time, event, risk, HORIZON)
    weight = status_at(time, event, HORIZON).weight
    assert 0 <= score <= weight.mean() + 1e-12


@given(people())
def test_weights_give_back_aalen_johansen(given_people: People) -> None:
    """IPCW with Kaplan-Meier weights and Aalen-Johansen are one estimate in two guises."""
    time, event, _ = given_people
    status = status_at(time, event, HORIZON)
    observed = aalen_johansen(time, event).at(HORIZON)[0]
    assert np.mean(status.weight * status.outcome) == pytest.approx(observed, abs=1e-9)
    assert status.weight.mean() == pytest.approx(1, abs=1e-9)


@given(people())
def test_null_model_has_no_accuracy(given_people: People) -> None:
    time, event, _ = given_people
    observed = aalen_johansen(time, event).at(HORIZON)[0]
    assume(0 < observed < 1)
    risk = np.full(len(time), observed)
    assert index_of_prediction_accuracy(time, event, risk, HORIZON) == 0
    assert observed_expected_ratio(time, event, risk, HORIZON).value == pytest.approx(1)


@given(people())
@settings(max_examples=50)
def test_net_benefit_of_everyone_above_the_threshold_is_treat_all(given_people: People) -> None:
    time, event, _ = given_people
    point = decision_curve(time, event, np.full(len(time), 0.5), HORIZON, [0.1])[0]
    assert point.model == point.treat_all
    assert decision_curve(time, event, np.full(len(time), 0.05), HORIZON, [0.1])[0].model == 0
