import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from clinical_ai.cli import app
from risk_models.cohort.errors import InputFileError, MappingError
from risk_models.survival.errors import ModelFileError, SurvivalDataError
from tests.risk_models.survival.simulation import Weibull


def write(path, seed):
    data = Weibull().cohort(300, seed)
    frame = pl.DataFrame(data.x, schema=["age", "smoker", "bp"]).with_columns(
        sex=pl.Series(np.where(np.arange(300) % 2, "男", "女")),
        time=data.time,
        event=data.event == 1,  # written as true and false
    )
    path.write_bytes(frame.write_csv().encode("gbk"))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "old.csv", 1)
    write(tmp_path / "new.csv", 2)
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["cohort", *words], catch_exceptions=False)


FIT = ("fit", "old.csv", "--event", "event", "--duration", "time", "--out", "model.json",
       "--horizon", "5", "--time-unit", "years")  # fmt: skip
VALIDATE = ("validate", "model.json", "new.csv", "--event", "event", "--duration", "time")


def test_fit_and_validate(run, tmp_path):
    done = run(*FIT, "--covariates", "age, smoker,male", "--derive", "male: sex = '男'",
               "--where", "age < 1", "--bootstrap", "2")  # fmt: skip
    assert done.exit_code == 0
    assert "harrell_c" in done.output and "male" in done.output
    assert "风险比" in (tmp_path / "model.zh.md").read_text("utf-8")
    assert "hazard ratio" in (tmp_path / "model.en.md").read_text("utf-8")
    derived = ("--derive", "male: sex = '男'", "--bootstrap", "2")
    shown = run(*VALIDATE, *derived)
    assert shown.exit_code == 0
    assert "net benefit" in shown.output and "not scored" in shown.stderr
    told = json.loads(run(*VALIDATE, *derived, "--horizon", "3", "--json").stdout)
    assert told["horizon"] == 3
    assert told["n"] + told["refused"] == 300
    assert 0.5 < told["metrics"]["harrell_c"]["value"] < 1


def test_fit_as_json(run):
    done = run(*FIT, "--covariates", "age,smoker,bp", "--model", "weibull", "--bootstrap", "0",
               "--json")  # fmt: skip
    assert json.loads(done.stdout)["kind"] == "weibull"


def test_what_cannot_work_says_why(run, tmp_path):
    with pytest.raises(SurvivalDataError, match="sex: holds text"):
        run(*FIT, "--covariates", "sex")
    with pytest.raises(MappingError, match="write SQL"):
        run(*FIT, "--covariates", "age", "--where", "age >")
    with pytest.raises(MappingError, match="no row"):
        run(*FIT, "--covariates", "age", "--where", "age > 1000")
    assert run(*FIT, "--covariates", "age", "--derive", "male").exit_code == 2
    with pytest.raises(InputFileError, match="no such file"):
        run(*VALIDATE)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ModelFileError, match="not a model file"):
        run(*VALIDATE)
