import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from risk_models.cohort.engines import people_files
from risk_models.cohort.errors import EngineError
from risk_models.cohort.run import read_counts
from tests.risk_models.cohort.tables import issues, person, scored, write_csv

ROOT = Path(__file__).parents[3]
HAS_RAY = importlib.util.find_spec("ray") is not None


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="Ray (extra [cluster]) is not installed")
def test_ray_gives_the_same_to_the_last_bit(tmp_path):
    rows = [person(n, 收缩压=str(100 + n % 90), 性别="男女"[n % 2]) for n in range(400)]
    rows += [person(n, 体检日期="2025-06-01", 腰围=str(70 + n % 40)) for n in range(0, 400, 7)]
    rows[17]["收缩压"] = "1200"
    path = write_csv(tmp_path / "people.csv", rows)
    here = scored(path, tmp_path / "local", "china_par_10y", "prevent_2023")
    done = subprocess.run(
        [sys.executable, "-m", "tests.risk_models.cohort.ray_run", path, tmp_path / "ray", "90"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    there = scored_of(tmp_path / "ray")
    assert here.equals(there)  # every bit of every score, problem and caution
    assert issues(tmp_path / "local").equals(issues(tmp_path / "ray"))
    assert len(people_files(tmp_path / "ray" / "records")) > 4
    one, other = read_counts(tmp_path / "local"), read_counts(tmp_path / "ray")
    assert one.cube.equals(other.cube) and one.risks.equals(other.risks)


def scored_of(out):
    import polars as pl

    return pl.read_parquet(out / "scores.parquet").sort("person_id")


def test_ray_that_is_not_installed_says_how(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    path = write_csv(tmp_path / "people.csv", [person(1)])
    with pytest.raises(EngineError, match=r"clinical-ai\[cluster\]"):
        scored(path, tmp_path / "out", engine="ray")


def test_an_engine_that_does_not_exist_is_named(tmp_path):
    path = write_csv(tmp_path / "people.csv", [person(1)])
    with pytest.raises(EngineError, match="there are: local, ray"):
        scored(path, tmp_path / "out", engine="spark")
