"""``clinical-ai route`` and what it says, run inside this process."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clinical_ai.cli import app
from clinical_ai.doctor import examine
from clinical_ai.routing import route, rule_source
from clinical_ai.services import open_services
from clinical_ai.settings import load_settings
from pacs_bridge.assembly import Assembler
from tests.pacs_bridge.support import ct_slice, store, write_file

RULES = """\
rules:
- name: other hospital
  when: {calling_ae: [OTHER]}
  then: {hold: true}
- name: chest
  when:
    all: [{modality: CT}, {not: {patient_age: {max: 17}}}, {tags: {PatientID: {exists: true}}}]
  then: {read: lung_nodule, priority: high}
"""
NEW = """\
rules:
- name: thin chest
  when: {tags: {SliceThickness: {max: 1}}}
  then: {read: lung_nodule, priority: stat, forward_to: pacs}
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder with settings that name a rule file."""
    peers = {"pacs": {"ae_title": "PACS", "host": "127.0.0.1", "port": 104}}
    for name, value in {
        "CONFIG": str(tmp_path / "none.toml"),
        "DATA_DIR": str(tmp_path / "data"),
        "ROUTING_FILE": str(tmp_path / "rules.yaml"),
        "PEERS": json.dumps(peers),
        "DICOM__WATERMARK_MB": "0",
    }.items():
        monkeypatch.setenv(f"CLINICAL_AI_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


@pytest.fixture
def services(site):
    opened = open_services(load_settings())
    yield opened
    opened.close()


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output if code == 2 else result.stdout


def archived(services, *slices) -> None:
    """Receive slices, and route their studies by the rules in force."""
    for image in slices:
        assert store(services.archive, image).status == 0
    rules = rule_source(services.settings, applies=True).current().rules
    handed_on = Assembler(
        services.archive, {"default": 0.0}, lambda version: route(services, rules, version)
    )
    assert handed_on.run_due(2**33)


def test_check_lists_the_rules_of_a_good_file(site):
    shown = run("route", "check")
    assert "chest" in shown
    assert "read: lung_nodule; priority: high" in shown
    assert "2 rules, good" in shown
    found = json.loads(run("route", "check", "--json"))
    assert found["good"]
    assert [r["name"] for r in found["rules"]] == ["other hospital", "chest", "(default)"]


def test_check_tells_every_mistake_of_a_bad_file(site):
    bad = site / "bad.yaml"
    bad.write_text(RULES.replace("modality", "modalty").replace("high", "fast"))
    shown = run("route", "check", str(bad), code=1)
    assert f"{bad}:7:12: unknown key 'modalty'" in shown
    assert f"{bad}:8:39: unknown priority 'fast'" in shown
    assert "2 problems; these rules cannot be used" in shown
    found = json.loads(run("route", "check", str(bad), "--json", code=1))
    assert not found["good"]
    assert [(p["line"], p["column"]) for p in found["problems"]] == [(7, 12), (8, 39)]


def test_explain_shows_rules_conditions_and_values_but_no_patient(site, services):
    archived(services, ct_slice())
    shown = run("route", "explain", "1.2.3")
    assert "decided by: chest" in shown
    assert "actions:    read: lung_nodule; priority: high" in shown
    assert "[ ] other hospital\n      no  calling AE is OTHER: found TEST\n" in shown
    assert "no  age in years is at most 17: found 66" in shown
    assert "PatientID (0010,0020) has a value: found a value that is not shown" in shown
    assert "the rules have not changed since" in shown
    assert "P1" not in shown


def test_explain_tells_what_changed_rules_would_do(site, services):
    archived(services, ct_slice())
    (site / "rules.yaml").write_text("default: {priority: low}\n")
    shown = run("route", "explain", "1.2.3")
    assert "DIFFERENT" in shown
    assert "decided by: (default)" in shown
    found = json.loads(run("route", "explain", "1.2.3", "--json"))
    assert found["differs"]
    assert found["stored"]["rule"] == "chest"
    assert found["stored"]["actions"]["priority"] == "high"
    assert found["now"]["actions"]["priority"] == "low"
    (site / "rules.yaml").write_text("default: {priority: fast}\n")
    shown = run("route", "explain", "1.2.3")
    assert "rules.yaml:1:21: unknown priority 'fast'" in shown


def test_explain_names_who_released_a_study(site, services):
    (site / "rules.yaml").write_text("default: {hold: true}\n")
    archived(services, ct_slice())
    assert "held" in run("studies")
    assert "Held by the default" in run("studies")
    assert "released; the study is queued" in run("studies", "--release", "1.2.3")
    assert "released by command line" in run("route", "explain", "1.2.3")


def test_a_study_that_was_never_complete_is_explained_by_the_present_rules(site, services):
    store(services.archive, ct_slice())
    shown = run("route", "explain", "1.2.3")
    assert "no decision is stored" in shown
    assert "decided by: chest" in shown


def test_rules_are_tried_on_the_archive_and_change_nothing(site, services):
    archived(services, ct_slice(SliceThickness="1"))
    archived(services, ct_slice(study="1.9", series="1.9.1", SliceThickness="5"))
    new = site / "new.yaml"
    new.write_text(NEW)
    found = json.loads(run("route", "test", str(new), "--archive", "--json"))
    rows = {row["study_uid"]: row for row in found["studies"]}
    assert rows["1.2.3"]["rule"] == "thin chest"
    assert rows["1.2.3"]["actions"] == "read: lung_nodule; priority: stat; forward_to: pacs"
    assert rows["1.2.3"]["actions_in_force"] == "read: lung_nodule; priority: high"
    assert rows["1.9"]["rule"] == "(default)"
    assert all(row["differs"] for row in rows.values())
    shown = run("route", "test", str(new), "--archive", "--limit", "1")
    assert "1 studies, 1 treated differently" in shown
    same = run("route", "test", str(site / "rules.yaml"), "--archive")
    assert "2 studies, 0 treated differently" in same
    assert {row["priority"] for row in json.loads(run("studies", "--json"))} == {"high"}


def test_rules_are_tried_on_a_folder(site):
    folder = site / "images"
    folder.mkdir()
    for number in (1, 2):
        write_file(ct_slice(number), folder)
    (folder / "notes.txt").write_text("no image")
    arguments = ("route", "test", str(site / "rules.yaml"), str(folder), "--json")
    (row,) = json.loads(run(*arguments))["studies"]
    assert (row["rule"], row["images"], row["differs"]) == ("chest", 2, False)
    found = json.loads(run(*arguments, "--calling-ae", "OTHER"))
    assert found["studies"][0]["rule"] == "other hospital"
    assert found["skipped"][0][0].endswith("notes.txt")


def test_time_of_day_can_be_pretended(site):
    folder = site / "images"
    folder.mkdir()
    write_file(ct_slice(), folder)
    night = site / "night.yaml"
    night.write_text(
        "rules: [{name: night, when: {time_of_day: {from: 22:00, to: 06:00}},"
        " then: {priority: low}}]\n"
    )
    for at, rule in (("2026-01-02T23:00:00", "night"), ("2026-01-02T12:00:00", "(default)")):
        found = json.loads(run("route", "test", str(night), str(folder), "--at", at, "--json"))
        assert found["studies"][0]["rule"] == rule


def test_wrong_usage_says_what_to_give(site, monkeypatch):
    rules = str(site / "rules.yaml")
    assert "one of them" in run("route", "test", rules, code=2)
    assert "one of them" in run("route", "test", rules, str(site), "--archive", code=2)
    monkeypatch.delenv("CLINICAL_AI_ROUTING_FILE")
    assert "give the file" in run("route", "check", code=2)


def test_schema_is_json(site):
    assert json.loads(run("route", "schema"))["title"] == "Routing rules of clinical-ai"


def routing_check(name: str = "routing rules"):
    return next(check for check in examine(load_settings()) if check.name == name)


def test_doctor_reports_the_rule_file(site, services):
    assert routing_check().level == "ok"
    rules: Path = site / "rules.yaml"
    rules.write_text(RULES.replace("CT", "PET"))
    assert routing_check().level == "warning"
    rules.write_text("default: {priority: fast}\n")
    found = routing_check()
    assert found.level == "error"
    assert "rules.yaml:1:21: unknown priority 'fast'" in found.detail
    assert "the listener will not start" in found.detail
    rules.write_text(RULES)
    rule_source(services.settings, applies=True).current()
    rules.unlink()
    found = routing_check()
    assert (found.level, "stay in force" in found.detail) == ("error", True)
