import gzip
import json

import pytest
from typer.testing import CliRunner

from clinical_ai.cli import app
from clinical_ai.errors import RecordError
from tests.clinical_ai.records.test_store import heart_rate, patient


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLINICAL_AI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "120")
    lines = [json.dumps(patient()), "{oops", json.dumps(heart_rate(value=71))]
    (tmp_path / "in.ndjson.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["records", *words], catch_exceptions=False)


def test_import_list_show_and_export(run, tmp_path):
    done = run("import", "in.ndjson.gz", "--json")
    assert done.exit_code == 0
    (report,) = json.loads(done.stdout)
    assert (report["state"], report["new"], report["refused"]) == ("imported", 2, 1)

    (listed,) = json.loads(run("list", "--name", "muller", "--json").stdout)
    assert (listed["person"], listed["birth_date"]) == ("p1", "1960-05-01")
    assert json.loads(run("list", "--birth-date", "1999-01-01", "--json").stdout) == []

    shown = run("show", "p1").stdout
    assert "heart rate" in shown and "71 /min" in shown and "Observation/o1" in shown
    whole = json.loads(run("show", "p1", "--json").stdout)
    assert whole["measurements"][0]["value"] == 71

    (refused,) = json.loads(run("refused", "--json").stdout)
    assert (refused["file"], refused["place"]) == ("in.ndjson.gz", "line 2")

    assert "2 resources of 1 patients" in run("export", "out.ndjson").output
    assert len((tmp_path / "out.ndjson").read_text().splitlines()) == 2
    with pytest.raises(RecordError, match="exists already"):
        run("export", "out.ndjson")


def test_a_failed_file_is_said_and_the_exit_code_is_one(run, tmp_path):
    (tmp_path / "bad.json.gz").write_bytes(b"no gzip")
    done = run("import", "bad.json.gz", "in.ndjson.gz")
    assert done.exit_code == 1
    assert "bad.json.gz: the compressed file is damaged" in done.output


@pytest.mark.parametrize(
    ("words", "reason"),
    [(("show", "nobody"), "no patient 'nobody'"), (("import", "none"), "no such file or folder")],
)
def test_what_does_not_exist_is_said_with_a_cure(run, words, reason):
    with pytest.raises(RecordError, match=reason):
        run(*words)


def test_a_bad_date_is_wrong_usage(run):
    done = run("list", "--birth-date", "1960")
    assert done.exit_code == 2 and "1960-05-01" in done.output


def test_control_characters_of_a_name_do_not_reach_the_terminal(run, tmp_path):
    evil = patient("p7", name=[{"text": "Li\u001b[2J\u202eNa"}])
    (tmp_path / "evil.json").write_text(json.dumps(evil))
    run("import", "evil.json")
    for shown in (run("list").stdout, run("show", "p7").stdout):
        assert "\u001b[2J" not in shown and "\u202e" not in shown
        assert "Li" in shown
