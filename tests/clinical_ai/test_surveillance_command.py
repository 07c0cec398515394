import json

import pytest
from typer.testing import CliRunner

from clinical_ai.cli import app
from risk_models.surveillance.errors import SurveillanceError
from tests.risk_models.surveillance.series import weekly_events, write_events


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_events(tmp_path / "events.csv", weekly_events(60, extra={55: 30}))
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["surveillance", *words], catch_exceptions=False)


def test_alarms_are_listed_and_reports_written(run, tmp_path):
    done = run(
        *("run", "events.csv", "--group", "stroke", "--method", "ears_c2"),
        *("--as-of", "2026-06-30", "--language", "zh", "--format", "html", "--out", "out"),
    )
    assert done.exit_code == 0
    assert "2025-W04" in done.output and "1 alarms; reports in out" in done.output
    assert (tmp_path / "out" / "report.zh.html").is_file()
    assert not (tmp_path / "out" / "report.zh.pdf").exists()


def test_json(run):
    done = run(
        *("run", "events.csv", "--group", "stroke", "--method", "ears_c1", "--out", "out"),
        *("--as-of", "2026-06-30", "--language", "en", "--format", "html", "--json"),
    )
    (alarm,) = json.loads(done.stdout)
    assert (alarm["observed"], alarm["expected"]) == (36, 6.0)
    assert alarm["reason"] == "36 observed, 6.0 expected, threshold 6.0"


def test_a_short_table_is_refused_with_a_cure(run):
    with pytest.raises(SurveillanceError, match="needs 264 completely reported weeks"):
        run("run", "events.csv", "--group", "stroke", "--method", "farrington", "--out", "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--by", "day"), "there are: week, month"),
        (("--ages", "60"), "60-79"),
        (("--since", "soon"), "is not a day such as"),
        (("--language", "fr"), "there are: zh, en"),
    ],
)
def test_wrong_usage(run, words, message):
    done = run("run", "events.csv", "--group", "stroke", "--out", "out", *words)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_lists(run):
    assert "I60-I64" in run("groups").output
    methods = json.loads(run("methods", "--json").stdout)
    assert {row["method"]: row["weeks_needed"] for row in methods}["farrington"] == 264
