"""Cox models: truth, lifelines, strata, penalties, refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lifelines import CoxPHFitter

from risk_models.survival.aft import fit_weibull
from risk_models.survival.assumptions import GLOBAL, Transform, proportional_hazards_tests
from risk_models.survival.cox import Penalty, fit_cox
from risk_models.survival.cross_validation import choose_penalty
from risk_models.survival.data import survival_data
from risk_models.survival.errors import FitError, HorizonError, SurvivalDataError
from risk_models.survival.metrics.harrell_c import harrell_c
from tests.risk_models.survival.simulation import Weibull

TRUTH = Weibull()
DATA = TRUTH.cohort(1500, seed=1)


def test_finds_the_truth() -> None:
    fit = fit_cox(DATA)
    for coefficient, beta in zip(fit.coefficients, TRUTH.beta, strict=True):
        assert abs(coefficient.value - beta) < 3 * coefficient.standard_error
        assert coefficient.standard_error < 0.1
    risk = fit.prediction.risk(DATA.x, 6.0)[:, 0]
    assert np.abs(risk - TRUTH.risk(DATA.x, 6.0)).mean() < 0.02


@pytest.mark.parametrize("fit", [fit_cox, fit_weibull])
def test_the_unit_of_a_covariate_does_not_matter(fit) -> None:
    grams, tonnes = fit(DATA), fit(replace(DATA, x=DATA.x / 1e6 + 3))
    for small, large in zip(grams.coefficients, tonnes.coefficients, strict=True):
        assert large.value == pytest.approx(1e6 * small.value, rel=1e-5)
        assert large.standard_error == pytest.approx(1e6 * small.standard_error, rel=1e-5)
    risks = grams.prediction.risk(DATA.x, 5.0), tonnes.prediction.risk(DATA.x / 1e6 + 3, 5.0)
    assert risks[0] == pytest.approx(risks[1], abs=1e-6)


def test_where_it_starts_does_not_matter() -> None:
    free = fit_cox(DATA).prediction.coefficients
    start = np.array([0.5, -1.0, 1.0])
    assert fit_cox(DATA, start=start).prediction.coefficients == pytest.approx(free, abs=1e-10)


def test_weibull_finds_the_truth() -> None:
    fit = fit_weibull(DATA)
    assert fit.prediction.shape == pytest.approx(TRUTH.shape, rel=0.06)
    assert np.exp(fit.prediction.intercept) == pytest.approx(TRUTH.scale, rel=0.1)
    for coefficient, beta in zip(fit.coefficients, TRUTH.beta, strict=True):
        assert abs(coefficient.value + beta / TRUTH.shape) < 3 * coefficient.standard_error
    risk = fit.prediction.risk(DATA.x, [2.0, 6.0])
    assert np.abs(risk[:, 1] - TRUTH.risk(DATA.x, 6.0)).mean() < 0.02
    # Larger linear predictor is larger risk, as for Cox.
    assert harrell_c(DATA.time, DATA.event == 1, fit.prediction.linear_predictor(DATA.x)) > 0.6


def lifelines_fit(data, **options) -> CoxPHFitter:
    frame = pd.DataFrame(data.x, columns=list(data.covariates))
    frame["time"], frame["event"] = data.time, data.event
    fitter = CoxPHFitter()
    fitter.fit(frame, "time", "event", fit_options={"precision": 1e-12, "r_precision": 1e-12})
    return fitter


def test_predicts_what_lifelines_predicts() -> None:
    data = DATA.take(np.arange(300))
    # Whole days: tied times.
    data = replace(data, time=np.ceil(data.time * 4))
    times = np.unique(data.time[data.event == 1])
    fitter = lifelines_fit(data)
    theirs = fitter.predict_survival_function(
        pd.DataFrame(data.x, columns=list(data.covariates)), times=times
    ).to_numpy()
    ours = 1 - fit_cox(data).prediction.risk(data.x, times).T
    assert np.abs(ours - theirs).max() < 1e-10


def test_strata_have_their_own_baseline() -> None:
    slow = replace(TRUTH, scale=30.0).cohort(1000, seed=2)
    x = np.vstack([DATA.x, slow.x])
    frame = pl.DataFrame(x, schema=list(DATA.covariates)).with_columns(
        time=np.concatenate([DATA.time, slow.time]),
        event=np.concatenate([DATA.event, slow.event]),
        place=pl.Series(["town"] * len(DATA) + ["country"] * len(slow)),
    )
    data = survival_data(
        frame, duration="time", event="event", covariates=DATA.covariates, strata=["place"]
    )
    fit = fit_cox(data)
    assert [c.value for c in fit.coefficients] == pytest.approx(TRUTH.beta, abs=0.15)
    assert set(fit.prediction.baselines) == {"town", "country"}
    risk = fit.prediction.risk(data.x[:2], 5.0, np.array(["town", "country"]))
    assert risk[0, 0] > risk[1, 0] or data.x[0].sum() < data.x[1].sum()
    with pytest.raises(SurvivalDataError, match="strata"):
        fit.prediction.risk(data.x[:1], 5.0)
    with pytest.raises(SurvivalDataError, match="'sea'"):
        fit.prediction.risk(data.x[:1], 5.0, np.array(["sea"]))


def test_a_penalty_shrinks() -> None:
    free = np.abs(fit_cox(DATA).prediction.coefficients)
    ridge = np.abs(fit_cox(DATA, penalty=Penalty(1.0)).prediction.coefficients)
    lasso = np.abs(fit_cox(DATA, penalty=Penalty(1.0, l1_ratio=1.0)).prediction.coefficients)
    assert (ridge < free).all()
    assert (lasso == 0).all()
    some = fit_cox(DATA, penalty=Penalty(0.1, l1_ratio=1.0)).prediction.coefficients
    assert (np.abs(some) < free).all()
    assert some.any()


def test_cross_validation_asks_for_a_penalty_only_where_it_helps() -> None:
    random = np.random.default_rng(4)
    few = DATA.take(np.arange(100))
    names = tuple(f"noise{i}" for i in range(12))
    noisy = replace(
        few, covariates=few.covariates + names, x=np.hstack([few.x, random.normal(size=(100, 12))])
    )
    told: list[tuple[int, int]] = []
    choice = choose_penalty(
        noisy, strengths=(0.0, 0.1, 10.0), folds=3, seed=1, progress=lambda *at: told.append(at)
    )
    assert choice.penalty.strength == 0.1
    assert told[-1] == (9, 9)
    assert choice == choose_penalty(noisy, strengths=(0.0, 0.1, 10.0), folds=3, seed=1)


def test_hazards_that_cross_are_found() -> None:
    assert all(test.p > 0.01 for test in proportional_hazards_tests(DATA, fit_cox(DATA)))
    random = np.random.default_rng(6)
    group = np.repeat([0.0, 1.0], 400)
    time = 5 * random.exponential(size=800) ** np.where(group == 1, 1.0, 0.4)
    frame = pl.DataFrame({"time": time, "event": 1, "group": group, "x": random.normal(size=800)})
    data = survival_data(frame, duration="time", event="event", covariates=["group", "x"])
    for transform in Transform:
        tests = {t.name: t for t in proportional_hazards_tests(data, fit_cox(data), transform)}
        assert tests["group"].p < 1e-6
        assert tests["x"].p > 0.01
        assert tests[GLOBAL].p < 1e-5


def test_refusals() -> None:
    frame = pl.DataFrame(
        {"t": [1.0, 2, 3, 4], "e": [1, 0, 1, 0], "x": [1.0, None, 2, 3], "s": ["a", "b", "a", "b"]}
    )

    def data(**change: object):
        asked: dict = {"duration": "t", "event": "e", "covariates": ["x"]} | change
        return survival_data(frame, **asked)

    assert data().missing == {"x": 1}
    assert len(data().complete()) == 3
    for change, words in (
        ({"covariates": ["y"]}, "no column 'y'; there are: t, e"),
        ({"covariates": ["x", "x"]}, "named twice"),
        ({"covariates": ["s"]}, "s: holds text"),
        ({"event": "x", "covariates": []}, "x: .*rows are not 0"),
    ):
        with pytest.raises(SurvivalDataError, match=words):
            data(**change)
    with pytest.raises(SurvivalDataError, match="x 1; impute"):
        fit_cox(data())
    with pytest.raises(FitError, match="did not converge"):
        fit_cox(replace(DATA, covariates=("a", "b", "c"), x=DATA.x[:, [0, 0, 1]]))
    with pytest.raises(HorizonError, match="longest follow-up"):
        fit_cox(DATA).prediction.risk(DATA.x, 1e9)
    with pytest.raises(ValueError, match="strength -1"):
        Penalty(-1.0)


def test_samples_that_nothing_can_be_fitted_to() -> None:
    constant = replace(DATA, x=np.column_stack([DATA.x[:, :2], np.ones(len(DATA))]))
    quiet = replace(DATA, event=np.zeros(len(DATA), np.int64))
    for fit in (fit_cox, fit_weibull):
        with pytest.raises(FitError, match="x3: the same for everyone"):
            fit(constant)
        with pytest.raises(FitError, match="nobody has the event"):
            fit(quiet)
