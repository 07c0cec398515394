"""Our figures against scikit-learn, and calibration on data of known temperature."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from clinical_ai.training.statistics import (
    auc,
    bootstrap,
    expected_calibration_error,
    fit_temperature,
    sensitivity_specificity,
    sigmoid,
    threshold_at_specificity,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=4, max_size=60))
def test_auc_equals_scikit_learn_with_ties(pairs: list[tuple[bool, int]]) -> None:
    labels = np.array([p[0] for p in pairs], dtype=np.float64)
    scores = np.array([p[1] for p in pairs], dtype=np.float64)
    if labels.min() == labels.max():
        with pytest.raises(ValueError, match="both classes"):
            auc(labels, scores)
    else:
        assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))


def drawn(n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Labels that follow their logits exactly."""
    random = np.random.default_rng(0)
    logits = random.normal(-1.0, 2.0, n)
    return (random.random(n) < sigmoid(logits)).astype(np.float64), logits


def test_temperature_is_recovered_and_lowers_the_calibration_error() -> None:
    labels, logits = drawn()
    assert fit_temperature(labels, 2.5 * logits) == pytest.approx(2.5, rel=0.05)
    assert expected_calibration_error(labels, sigmoid(logits)) < 0.02  # sampling alone
    assert expected_calibration_error(labels, sigmoid(2.5 * logits)) > 0.05


def test_the_threshold_keeps_its_specificity() -> None:
    labels, logits = drawn()
    threshold = threshold_at_specificity(labels, logits, 0.9)
    sensitivity, specificity = sensitivity_specificity(labels, logits, threshold)
    assert specificity == pytest.approx(0.9, abs=0.001)
    assert 0.1 < sensitivity < 1.0


def test_alike_cases_widen_the_interval() -> None:
    labels, logits = drawn(400)
    alone = bootstrap(auc, labels, logits, np.arange(400), resamples=200)
    copies = [np.tile(a, 4) for a in (labels, logits)]
    together = bootstrap(auc, *copies, np.tile(np.arange(400), 4), resamples=200)
    naive = bootstrap(auc, *copies, np.arange(1600), resamples=200)
    assert alone.low < alone.estimate < alone.high
    assert together.high - together.low > 1.5 * (naive.high - naive.low)
