import json

import pytest
from typer.testing import CliRunner

from clinical_ai.cli import app
from risk_models.cohort.errors import CohortError, MappingError
from tests.risk_models.cohort.tables import person, write_csv

MAPPING = "[constants]\nnorth_of_yangtze = true\nurban = true\nfamily_history_ascvd = false\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mapping.toml").write_text(MAPPING, "utf-8")
    write_csv(tmp_path / "people.csv", [person(1), person(2, 收缩压="1200")], "gbk")
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["cohort", *words], catch_exceptions=False)


def test_score_says_what_was_done(run, tmp_path):
    done = run(
        "score",
        "people.csv",
        "--out",
        "out",
        "--mapping",
        "mapping.toml",
        "--as-of",
        "2025-06-30",
        "--equation",
        "china_par_10y",
    )
    assert done.exit_code == 0
    assert "GB18030" in done.output and "1 cells or rows not used" in done.output
    assert "姓名" in done.output  # a column that is not used
    assert (tmp_path / "out" / "issues.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_score_as_json(run):
    done = run(
        "score",
        "people.csv",
        "--out",
        "out",
        "--mapping",
        "mapping.toml",
        "--as-of",
        "2025-06-30",
        "--equation",
        "china_par_10y",
        "--json",
    )
    answer = json.loads(done.output.splitlines()[-1])
    assert answer == [{"equation": "china_par_10y", "scored": 1, "people": 2}]


def test_clear_errors(run, tmp_path):
    write_csv(tmp_path / "bare.csv", [{"编号": "1", "TC": "5"}])
    with pytest.raises(MappingError, match="unit not stated"):
        run("score", "bare.csv", "--out", "out")
    with pytest.raises(CohortError, match="no such file"):
        run("score", "absent.csv", "--out", "out")
    assert run("score", "people.csv", "--out", "o", "--as-of", "yesterday").exit_code == 2


def test_help_teaches(run):
    text = run("score", "--help").output
    for word in ("FHIR", "GBK", "Units are never guessed", "issues.csv", "records/"):
        assert word in text


def test_report_explain_and_followup(run, tmp_path):
    run(
        "score",
        "people.csv",
        "--out",
        "out",
        "--mapping",
        "mapping.toml",
        "--as-of",
        "2025-06-30",
        "--equation",
        "china_par_10y",
    )
    done = run("report", "out", "--format", "html", "--format", "fhir", "--language", "zh")
    assert done.exit_code == 0
    assert "report.zh.html" in done.output and "group.json" in done.output
    why = json.loads(run("explain", "out", "--json").output)
    assert {"equation": "china_par_10y", "reason": "scored", "people": 1} in why
    one = json.loads(run("explain", "out", "p1", "--json").output)
    by_field = {value["field"]: value for value in one["record"]}
    assert by_field["systolic_bp"]["origin"] == "row 1 of 2025-05-01"
    assert by_field["urban"]["origin"] == "row or taken for everyone"
    shares = sum(share["share"] for share in one["shares"])
    assert 0 < shares < one["outcomes"][0]["value"]  # the rest is the risk at optimal factors
    other = run("explain", "out", "p2").output
    assert "1200" in other and "systolic_bp: missing" in other.replace("\n", " ")
    assert "people in" in run("followup", "out", "due.csv").output
    assert (tmp_path / "due.csv").read_text("utf-8-sig").startswith("person_id,district,due")
    with pytest.raises(CohortError, match="nobody"):
        run("explain", "out", "p9")
    with pytest.raises(CohortError, match="first run"):
        run("report", "elsewhere")
    assert run("report", "out", "--format", "docx").exit_code == 2
    assert run("report", "out", "--ages", "33-70").exit_code == 2


def test_an_equation_twice_is_refused(run):
    with pytest.raises(CohortError, match="chosen twice: china_par_10y"):
        run(
            "score",
            "people.csv",
            "--out",
            "out",
            "--equation",
            "china_par_10y",
            "--equation",
            "china_par_10y:paper_refined",
        )
