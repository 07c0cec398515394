"""``clinical-ai case`` from the shell."""

import json
from contextlib import closing

import pytest
from typer.testing import CliRunner

from clinical_ai.accounts import add_account
from clinical_ai.cli import app
from clinical_ai.services import open_services
from clinical_ai.settings import load_settings
from tests.support.case_site import PASSWORD, STUDY, archive_study


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("CLINICAL_AI_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("CLINICAL_AI_DATA_DIR", str(tmp_path / "data"))
    with closing(open_services(load_settings())) as services:
        archive_study(services)
        add_account(services.engine, "smith", "Anna Smith", "physician", PASSWORD)
    return tmp_path


def run(*arguments, answer=None):
    return CliRunner().invoke(app, ["case", *arguments], input=answer)


def test_a_case_from_opening_to_closing(site):
    asked = ("--study", STUDY, "--question", "Operate?", "--by", "smith")
    assert run("open", "Nodule", *asked, answer="not the password\n").exit_code != 0
    opened = run("open", "Nodule", *asked, answer=f"{PASSWORD}\n")
    assert opened.exit_code == 0, opened.output
    case_id = opened.stdout.strip()
    (row,) = json.loads(run("list", "--json").stdout)
    assert (row["case"], row["state"], row["studies"]) == (case_id, "open", 1)
    said = run("opinion", case_id, "Wait", "--by", "smith", answer=f"{PASSWORD}\n")
    assert said.exit_code == 0, said.output
    out = site / "case.zip"
    exported = run("export", case_id, str(out))
    assert "2 images of patient" in exported.stdout
    assert out.exists()
    refused = run("close", case_id, "Surgery", "--by", "smith", answer="wrong password\n")
    assert refused.exit_code != 0
    closed = run("close", case_id, "Surgery", "--by", "smith", answer=f"{PASSWORD}\n")
    assert closed.exit_code == 0, closed.output
    kinds = [e["kind"] for e in json.loads(run("show", case_id, "--json").stdout)]
    assert kinds == ["question", "opinion", "conclusion"]


def test_an_unknown_name_is_refused_like_a_wrong_password(site):
    arguments = ("open", "t", "--study", STUDY, "--question", "q", "--by", "nobody")
    result = run(*arguments, answer=f"{PASSWORD}\n")
    assert result.exit_code != 0
    assert run("list", "--json").stdout.strip() == "[]"
