"""From data to a file that scores: fitted, written, read, scored, refused."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lifelines import CoxPHFitter, WeibullAFTFitter

from risk_models import Refusal, Result
from risk_models.results import ProblemKind
from risk_models.survival.data import SurvivalData
from risk_models.survival.develop import Plan, develop
from risk_models.survival.errors import HorizonError, ModelFileError, SurvivalDataError
from risk_models.survival.model_card import LANGUAGES, model_card
from risk_models.survival.model_json import (
    Kind,
    Missing,
    ModelFile,
    TimeUnit,
    read_model,
    write_model,
)
from risk_models.survival.optimism import correct_optimism
from risk_models.survival.performance import METRICS
from risk_models.survival.scoring import score, score_columns
from risk_models.survival.validation import temporal_split, validate
from tests.risk_models.survival.simulation import FineGray, Weibull

DATA = Weibull().cohort(400, seed=31)
PLAN = Plan(
    name="stroke_here",
    outcome="stroke",
    population="simulated | people",
    horizon=5.0,
    time_unit=TimeUnit.YEARS,
    repeats=0,
)


def developed(data: SurvivalData = DATA, **change: object) -> ModelFile:
    plan = replace(PLAN, **change)  # type: ignore[arg-type]
    return develop(data, plan, code_version="1", created="2026-01-01", progress=lambda *told: None)


def table(data: SurvivalData) -> pl.DataFrame:
    return pl.DataFrame(data.x, schema=list(data.covariates))


def pandas_table(data: SurvivalData) -> pd.DataFrame:
    frame = pd.DataFrame(data.x, columns=list(data.covariates))
    return frame.assign(time=data.time, event=(data.event == 1).astype(int))


def test_file_scores_as_lifelines_predicts() -> None:
    model = read_model(write_model(developed()))
    fitter = CoxPHFitter()
    options = {"precision": 1e-12, "r_precision": 1e-12}
    fitter.fit(pandas_table(DATA), "time", "event", fit_options=options)
    # lifelines draws straight lines between event times; at event times there is no difference.
    times = np.unique(DATA.time[DATA.event == 1])[::20]
    theirs = fitter.predict_survival_function(pandas_table(DATA), times=times).to_numpy()
    for time, survival in zip(times, theirs, strict=True):
        ours = score_columns(model, table(DATA), float(time)).get_column("risk").to_numpy()
        assert np.abs(1 - survival - ours).max() < 1e-10


def test_weibull_file_scores_as_lifelines_predicts() -> None:
    model = read_model(write_model(developed(kind=Kind.WEIBULL)))
    # Fitted to the same standardised table: the optimiser ends 1e-7 elsewhere in other units.
    standardised = (DATA.x - DATA.x.mean(axis=0)) / DATA.x.std(axis=0, ddof=1)
    frame = pandas_table(replace(DATA, x=standardised))
    fitter = WeibullAFTFitter()
    fitter.fit(frame, "time", "event", fit_options={"ftol": 1e-14})
    theirs = fitter.predict_survival_function(frame, times=[2.5]).to_numpy()[0]
    ours = score_columns(model, table(DATA), 2.5).get_column("risk").to_numpy()
    assert np.abs(1 - theirs - ours).max() < 1e-10


def test_scoring_loads_neither_lifelines_nor_pandas(tmp_path) -> None:
    (tmp_path / "model.json").write_text(write_model(developed()))
    program = (
        "import sys\n"
        "from risk_models.survival.model_json import read_model\n"
        "from risk_models.survival.scoring import score\n"
        "model = read_model(open(sys.argv[1]).read())\n"
        "print(score(model, {'x1': 0.5, 'x2': True, 'x3': 0.25}).value)\n"
        "print(sorted({'lifelines', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model.json")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    value, modules = done.stdout.splitlines()
    assert 0 < float(value) < 1
    assert modules == "[]"


def test_one_person_and_a_table_give_the_same_bits() -> None:
    model = developed()
    people = table(DATA)
    risks = score_columns(model, people).get_column("risk").to_list()
    for row, risk in zip(people.head(100).to_dicts(), risks, strict=False):
        result = score(model, row)
        assert isinstance(result, Result)
        assert result.value == risk
    assert result.horizon_years == 5
    assert (result.equation, result.variant) == ("stroke_here", "cox")
    assert "400 people" in result.citation


def test_refuses_what_it_has_not_seen() -> None:
    model = developed()
    known = {"x1": 0.1, "x2": 1, "x3": 0.1}
    for change, name, kind in (
        ({"x1": 99.0}, "x1", ProblemKind.OUT_OF_RANGE),
        ({"x1": None}, "x1", ProblemKind.MISSING),
        ({"x1": float("nan")}, "x1", ProblemKind.MISSING),
        ({"x1": float("inf")}, "x1", ProblemKind.OUT_OF_RANGE),
        ({"x1": "tall"}, "x1", ProblemKind.NOT_ALLOWED),
        ({"x2": 0.5}, "x2", ProblemKind.NOT_ALLOWED),
    ):
        refused = score(model, {**known, **change})
        assert isinstance(refused, Refusal)
        assert [(problem.variable, problem.kind) for problem in refused.problems] == [(name, kind)]
    both = score(model, {"x2": 1, "x3": 50})
    assert isinstance(both, Refusal) and len(both.problems) == 2
    assert "(0, 1)" in str(score(model, {**known, "x2": 2}).problems[0])
    rows = score_columns(model, pl.DataFrame({"x1": [0.1, 99.0], "x2": [1, 1], "x3": [0.1, 0.1]}))
    assert rows.get_column("risk").is_null().to_list() == [False, True]
    assert rows.get_column("problems").to_list()[0] == ""
    assert "x1: out of range" in rows.get_column("problems").to_list()[1]
    with pytest.raises(HorizonError):
        score(model, known, horizon=1e6)


def test_strata_in_a_file() -> None:
    data = replace(
        DATA, strata=np.where(np.arange(400) % 2, "1", "2"), strata_columns=("hospital",)
    )
    model = read_model(write_model(developed(data)))
    person = {"x1": 0.1, "x2": 1, "x3": 0.1}
    first, second = (score(model, {**person, "hospital": place}) for place in (1, 2.0))
    assert isinstance(first, Result) and isinstance(second, Result)
    assert first.value != second.value
    refused = score(model, {**person, "hospital": 3})
    assert isinstance(refused, Refusal)
    assert str(refused.problems[0]) == "hospital: not an allowed value (1, 2)"


def test_missing_values_as_planned() -> None:
    x = DATA.x.copy()
    x[:40, 0] = np.nan
    holed = replace(DATA, x=x)
    with pytest.raises(SurvivalDataError, match="x1 40 of 400 people"):
        developed(holed)
    left_out = developed(holed, missing=Missing.LEFT_OUT)
    assert (left_out.development.n, left_out.development.left_out) == (360, 40)
    imputed = developed(holed, missing=Missing.IMPUTED, imputations=3)
    assert (imputed.development.n, imputed.development.imputations) == (400, 3)
    assert imputed.covariates[0].missing == 40
    assert imputed.covariates[0].standard_error > developed().covariates[0].standard_error
    assert imputed.covariates[0].largest == np.nanmax(x[:, 0])
    with pytest.raises(SurvivalDataError, match="Cox model only"):
        developed(holed, missing=Missing.IMPUTED, kind=Kind.WEIBULL)


def test_performance_and_cards() -> None:
    told: list[tuple[str, int, int]] = []
    plan = replace(PLAN, repeats=2, l1_ratio=0.0)
    few = DATA.take(np.arange(100))
    model = develop(
        few, plan, code_version="1", created="2026-01-01",
        progress=lambda *at: told.append(at),
    )  # fmt: skip
    assert set(model.performance) == set(METRICS)
    assert all(entry.low is None and entry.p is None for entry in model.covariates)
    assert {stage for stage, *_ in told} == {"penalty", "bootstrap"}
    assert told[-1] == ("bootstrap", 2, 2)
    assert developed(few, repeats=2, seed=5) == developed(few, repeats=2, seed=5)
    for one in (model, developed(FineGray().cohort(300, seed=2), kind=Kind.FINE_GRAY, horizon=1.0)):
        for language in LANGUAGES:
            card = model_card(one, language)
            assert "simulated \\| people" in card
            assert one.development.data_digest in card
    assert "风险比" in model_card(model, "zh")
    assert "hazard ratio" in model_card(model, "en")
    competing = developed(FineGray().cohort(300, seed=2), horizon=1.0)
    assert "Competing events were counted as censored" in model_card(competing, "en")


def test_files_that_are_none() -> None:
    good = json.loads(write_model(developed()))
    for change, words in (
        ({"version": 2}, "version"),
        ({"format": "other"}, "format"),
        ({"surprise": 1}, "surprise"),
        ({"baselines": {}}, "baselines or a Weibull"),
        ({"horizon": -1}, "horizon"),
    ):
        with pytest.raises(ModelFileError, match=words):
            read_model(json.dumps({**good, **change}))
    with pytest.raises(ModelFileError, match="not a model file"):
        read_model("{")
    good["baselines"][""]["times"].reverse()
    with pytest.raises(ModelFileError, match="times rising"):
        read_model(json.dumps(good))


def test_optimism_is_found_where_it_must_be() -> None:
    """Twelve covariates of noise for 80 people: apparently good, in truth a coin."""
    random = np.random.default_rng(3)
    few = DATA.take(np.arange(80))
    noise = replace(few, covariates=tuple(f"n{i}" for i in range(8)), x=random.normal(size=(80, 8)))
    from risk_models.survival.cox import fit_cox

    found = correct_optimism(noise, lambda d: fit_cox(d).prediction, 5.0, repeats=10, seed=1)
    c = found["harrell_c"]
    assert c.apparent.value > 0.6
    assert c.optimism > 0.05
    assert abs(c.corrected.value - 0.5) < 0.1
    assert found["calibration_slope"].corrected.value < 0.7


def test_validation_of_the_truth() -> None:
    new = Weibull().cohort(1500, seed=77)
    result = validate(new, Weibull().risk(new.x, 5.0), 5.0, repeats=10, seed=1)
    assert result.n == 1500
    assert result.observed.low < result.mean_predicted < result.observed.high
    assert result.metrics["ipa"].low < result.metrics["ipa"].value < result.metrics["ipa"].high
    assert len(result.groups) == 10


def test_temporal_split_ends_follow_up_at_the_cut() -> None:
    start = date(2010, 1, 1)
    frame = pl.DataFrame(
        {
            "entered": [start, start + timedelta(days=100), date(2012, 1, 1)],
            "time": [50.0, 2000.0, 10.0],
            "event": [1, 1, 1],
        }
    )
    early, late = temporal_split(
        frame, entered="entered", cut=date(2011, 1, 1), duration="time", event="event"
    )
    assert early.rows() == [(start, 50.0, 1), (start + timedelta(days=100), 265.0, 0)]
    assert late.height == 1
    with pytest.raises(SurvivalDataError, match="one side"):
        temporal_split(
            frame, entered="entered", cut=date(2001, 1, 1), duration="time", event="event"
        )
