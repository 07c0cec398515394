"""Metrics beside the numbers of another library."""

import json
from pathlib import Path

import numpy as np
import pytest

from risk_models.survival.metrics.brier import brier_score
from risk_models.survival.metrics.harrell_c import harrell_c
from risk_models.survival.metrics.time_dependent_auc import time_dependent_auc
from risk_models.survival.metrics.uno_c import uno_c

ORACLE = json.loads((Path(__file__).parents[1] / "data" / "scikit_survival.json").read_text())
TIME, EVENT, RISK = (np.array(ORACLE[name]) for name in ("time", "event", "risk"))


def test_harrell_c() -> None:
    assert harrell_c(TIME, EVENT == 1, RISK) == pytest.approx(ORACLE["harrell_c"], abs=1e-12)


@pytest.mark.parametrize("horizon", ORACLE["horizons"])
def test_at_a_horizon(horizon: str) -> None:
    expected, h = ORACLE["horizons"][horizon], float(horizon)
    assert uno_c(TIME, EVENT == 1, RISK, h) == pytest.approx(expected["uno_c"], abs=1e-12)
    assert time_dependent_auc(TIME, EVENT, RISK, h) == pytest.approx(expected["auc"], abs=1e-12)
    assert brier_score(TIME, EVENT, RISK, h) == pytest.approx(expected["brier"], abs=1e-12)
