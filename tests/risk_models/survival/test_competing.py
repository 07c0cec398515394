"""Competing risks: truth, a second implementation, standard errors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lifelines import AalenJohansenFitter, CoxTimeVaryingFitter

from risk_models.survival.competing import aalen_johansen
from risk_models.survival.data import SurvivalData
from risk_models.survival.errors import FitError, SurvivalDataError
from risk_models.survival.fine_gray import fit_fine_gray
from risk_models.survival.metrics.kaplan_meier import censoring_curve, kaplan_meier
from tests.risk_models.survival.simulation import FineGray, Weibull

TRUTH = FineGray()


def test_fine_gray_finds_the_truth() -> None:
    data = TRUTH.cohort(4000, seed=1)
    fit = fit_fine_gray(data)
    for coefficient, beta in zip(fit.coefficients, TRUTH.beta, strict=True):
        assert abs(coefficient.value - beta) < 3 * coefficient.standard_error
        assert coefficient.standard_error < 0.05
    found, true = fit.prediction.risk(data.x, 1.0)[:, 0], TRUTH.risk(data.x, 1.0)
    assert np.abs(found - true).mean() < 0.015
    assert (fit.n, fit.events, fit.competing) == (4000, data.events, int((data.event == 2).sum()))


def weighted_rows(data: SurvivalData) -> pd.DataFrame:
    """One row for each step of the weight, as R's finegray makes them."""
    free = censoring_curve(data.time, data.event > 0)
    times = np.unique(data.time[data.event == 1])
    rows = []
    for person in range(len(data)):
        x, end, event = data.x[person], data.time[person], data.event[person]
        rows.append([person, *x, 0.0, end, float(event == 1), 1.0])
        if event > 1:
            start, own = end, free.before(end)[0]
            for time in times[times > end]:
                rows.append([person, *x, start, time, 0.0, free.before(time)[0] / own])
                start = time
    return pd.DataFrame(rows, columns=["id", *data.covariates, "start", "stop", "event", "weight"])


def test_fine_gray_is_a_weighted_cox_fit() -> None:
    data = TRUTH.cohort(120, seed=8)
    fitter = CoxTimeVaryingFitter()
    fitter.fit(
        weighted_rows(data), "event", "start", "stop", weights_col="weight", id_col="id",
        robust=False, fit_options={"precision": 1e-10},
    )  # fmt: skip
    ours = fit_fine_gray(data).prediction.coefficients
    assert ours == pytest.approx(fitter.params_.to_numpy(), abs=1e-6)


def test_fine_gray_standard_errors_are_the_spread_over_repeats() -> None:
    fits = [fit_fine_gray(TRUTH.cohort(400, seed)) for seed in range(150)]
    values = np.array([fit.prediction.coefficients for fit in fits])
    stated = np.mean([np.diag(fit.covariance) for fit in fits], axis=0)
    assert np.sqrt(stated) == pytest.approx(values.std(axis=0, ddof=1), rel=0.2)
    assert values.mean(axis=0) == pytest.approx(TRUTH.beta, abs=0.03)
    error = np.sqrt([np.diag(fit.covariance) for fit in fits])
    covered = np.abs(values - TRUTH.beta) < 1.96 * error
    assert 0.89 < covered.mean() < 0.99


def test_fine_gray_refusals() -> None:
    with pytest.raises(SurvivalDataError, match="competing event"):
        fit_fine_gray(Weibull().cohort(50, seed=1))
    data = TRUTH.cohort(100, seed=1)
    with pytest.raises(FitError, match="x2: the same"):
        fit_fine_gray(replace(data, x=data.x * [1, 0]))
    with pytest.raises(FitError, match="follows from the others"):
        fit_fine_gray(replace(data, x=data.x[:, [0, 0]]))
    separated = (data.event == 1).astype(float)
    with pytest.raises(FitError, match="separates"):
        fit_fine_gray(replace(data, x=np.column_stack([data.x[:, 0], separated])))


def test_cumulative_incidence_intervals_cover() -> None:
    """Marginal truth by numerical average over many people."""
    many = np.random.default_rng(9).standard_normal((200_000, 2))
    true = TRUTH.risk(many, 1.0).mean()
    hits = 0
    for seed in range(200):
        data = TRUTH.cohort(150, seed)
        low, high = aalen_johansen(data.time, data.event).interval(1.0)
        hits += int(low[0] < true < high[0])
    assert 180 <= hits <= 199


def test_aalen_johansen_beside_lifelines() -> None:
    data = TRUTH.cohort(200, seed=3)
    fitter = AalenJohansenFitter(calculate_variance=True)
    fitter.fit(data.time, data.event, event_of_interest=1)
    ours = aalen_johansen(data.time, data.event)
    times = ours.times
    theirs = fitter.cumulative_density_.loc[times].to_numpy()[:, 0]
    assert ours.values == pytest.approx(theirs, abs=1e-10)
    variance = fitter.variance_.loc[times].to_numpy()
    assert ours.variance == pytest.approx(variance, rel=0.05, abs=1e-6)


def test_without_competing_events_it_is_kaplan_meier() -> None:
    data = Weibull().cohort(200, seed=3)
    curve, incidence = (
        kaplan_meier(data.time, data.event == 1),
        aalen_johansen(data.time, data.event),
    )
    assert 1 - curve.values == pytest.approx(incidence.values, abs=1e-12)
    assert curve.variance == pytest.approx(incidence.variance, rel=0.03, abs=1e-9)
