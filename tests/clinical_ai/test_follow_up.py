"""Follow-up of the people of a record store: overdue list, alarms, FHIR, the command."""

import csv
import io
import json
from contextlib import closing
from datetime import date

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from clinical_ai.accounts import add_account
from clinical_ai.care_plans import send_care_plan
from clinical_ai.cli import app
from clinical_ai.errors import KnowledgeError, RecordError
from clinical_ai.follow_up import (
    keep_alarms,
    overdue,
    person_named,
    rules_in_force,
    standing,
    standings,
)
from clinical_ai.follow_up_rows import OVERDUE_COLUMNS, as_csv, overdue_row
from clinical_ai.records.outgoing import list_transactions
from clinical_ai.records.store import RecordStore
from clinical_ai.services import open_services
from clinical_ai.settings import Settings, load_settings
from clinical_ai.store.tables import audit_event
from tests.support.fhir_people import (
    blood_pressure,
    condition,
    patient,
    value,
    week_at_home,
)

ON = date(2026, 6, 30)


def people():
    """One at goal, one late and bad, one with bad readings at home, one healthy, one dead."""
    address = [{"district": "Haidian"}]
    yield patient("good", address=address)
    yield condition("good", 1, "I10", "2020-01-01")
    yield blood_pressure("good", 1, 126, 76, "2026-06-01")
    yield patient("late", family="=HYPERLINK(1)", address=[{"district": "Chaoyang"}])
    yield condition("late", 1, "I10", "2020-01-01")
    yield blood_pressure("late", 1, 166, 98, "2026-01-01")
    yield patient("home", address=address)
    yield condition("home", 1, "I10", "2020-01-01")
    yield blood_pressure("home", 1, 136, 86, "2026-06-20")
    yield from week_at_home("home", 150, 92, ON)
    yield value("home", 1, "2345-7", 2.4, "mmol/L", "2026-06-30T03:00:00+08:00")
    yield patient("healthy")
    yield blood_pressure("healthy", 1, 112, 70, "2026-06-01")
    yield patient("dead", deceasedBoolean=True)
    yield condition("dead", 1, "I10", "2020-01-01")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The services of a site with those people; commands use the same settings."""
    monkeypatch.setenv("CLINICAL_AI_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("CLINICAL_AI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "240")
    with closing(open_services(load_settings())) as services:
        RecordStore(services.engine).put(people(), origin="local")
        add_account(services.engine, "smith", "Anna Smith", "physician", "correct horse battery")
        yield services


def everybody(site, **more):
    persons = RecordStore(site.engine).persons()
    return list(standings(site, rules_in_force(site.settings), ON, persons=persons, **more))


def listed(*arguments):
    return json.loads(run(*arguments, "--on", "2026-06-30", "--json").stdout)


def run(*arguments):
    return CliRunner().invoke(app, ["pathways", *arguments], catch_exceptions=False)


def test_each_person_stands_where_the_record_says(site):
    found = {s.who.person: s for s in everybody(site)}
    stages = {
        person: {
            state.pathway.pathway: state.stage.id if state.stage else state.place
            for state in one.states
        }["hypertension"]
        for person, one in found.items()
    }
    assert stages == {
        "good": "at_goal",
        "late": "not_at_goal",
        "home": "not_at_goal",
        "healthy": "off",
        "dead": "left",
    }
    assert [t.kind for t in found["home"].trends] == ["systolic_bp", "diastolic_bp"]


def test_progress_goes_to_the_last_person(site):
    seen = []
    everybody(site, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 5) for n in range(1, 6)]


def test_the_longest_overdue_comes_first_and_what_was_never_recorded_last(site):
    rows = overdue(everybody(site))
    assert (rows[0].who.person, rows[0].due.rule.id) == ("late", "visit_not_at_goal")
    assert rows[0].due.days_overdue == (ON - date(2026, 1, 29)).days
    assert {r.due.status for r in rows[1:]} == {"never recorded"}
    assert "dead" not in {r.who.person for r in rows}


def test_csv_runs_nothing_in_a_spreadsheet(site):
    rows = [overdue_row(one, "en") for one in overdue(everybody(site))]
    read = list(csv.DictReader(io.StringIO(as_csv(rows, OVERDUE_COLUMNS))))
    assert len(read) == len(rows)
    assert as_csv([{"name": "=1+1"}], ["name"]) == "name\r\n'=1+1\r\n"
    assert as_csv([{"name": "San =1"}], ["name"]) == "name\r\nSan =1\r\n"


def test_alarms_are_raised_once(site):
    assert keep_alarms(site.engine, everybody(site)) == 2
    assert keep_alarms(site.engine, everybody(site)) == 0


def test_a_pathway_and_a_person_must_exist(site):
    rules = rules_in_force(site.settings)
    assert list(rules.chosen("stroke").pathways) == ["stroke"]
    with pytest.raises(KnowledgeError, match=r"no pathway 'x'; there are: diabetes"):
        rules.chosen("x")
    with pytest.raises(KnowledgeError, match="knows no Patient 'nobody'"):
        person_named(RecordStore(site.engine), "nobody")
    who = person_named(RecordStore(site.engine), "good")
    RecordStore(site.engine).remove([("Patient", "good")], origin="local")
    assert standing(site, rules, who, ON) is None


def test_the_overdue_command_lists_filters_and_writes_csv_and_json(site):
    table = run("overdue", "--on", "2026-06-30", "--limit", "1")
    assert table.exit_code == 0
    assert "late" in table.output and "of 3 people" in table.output
    rows = listed("overdue", "--pathway", "hypertension")
    assert {r["person"] for r in rows} == {"good", "late", "home"}
    district = listed("overdue", "--district", "Chaoyang")
    assert {r["person"] for r in district} == {"late"}
    lines = run("overdue", "--on", "2026-06-30", "--csv").stdout.splitlines()
    assert lines[0].startswith("person,name,district,pathway")
    assert len(lines) > 3


def test_the_state_command_says_why_and_what_is_missing(site):
    shown = run("state", "late", "--on", "2026-06-30", "--pathway", "hypertension").output
    for part in (
        "Not at goal",
        "hypertension 2020-01-01",
        "166 mm[Hg]",
        "Follow-up visit",
        "overdue",
    ):
        assert part in shown
    body = listed("state", "home", "--language", "zh")
    state = next(s for s in body["states"] if s["pathway"] == "hypertension")
    assert state["stage_title"] == "已确诊，血压未达标或未测"
    goals = {g["id"]: g["status"] for g in state["goals"]}
    assert goals == {"office_bp": "met", "home_bp": "not met"}
    assert state["why"][1]["source"] == "Condition/home-c1"
    assert [t["direction"] for t in body["trends"]] == ["no trend shown", "no trend shown"]


def test_alarms_are_listed_and_acknowledged_by_a_person_with_an_account(site):
    rows = json.loads(run("alarms", "--on", "2026-06-30", "--json").stdout)
    assert [(r["person"], r["rule"], r["level"]) for r in rows] == [
        ("home", "home.glucose_below_3_0", "urgent"),
        ("home", "home.home_bp_above_goal", "soon"),
    ]
    number = str(rows[0]["alarm"])
    assert (
        CliRunner().invoke(app, ["pathways", "acknowledge", number, "--by", "nobody"]).exit_code
        == 2
    )
    assert run("acknowledge", number, "--by", "smith", "--note", "called").exit_code == 0
    left = json.loads(run("alarms", "--no-look", "--json").stdout)
    assert [r["rule"] for r in left] == ["home.home_bp_above_goal"]
    everything = json.loads(run("alarms", "--no-look", "--all", "--json").stdout)
    assert {r["acknowledged_by"] for r in everything} == {"smith", None}


def test_files_are_checked_and_listed(site, tmp_path):
    listed = json.loads(run("list", "--json").stdout)
    assert {r["pathway"] for r in listed} >= {"hypertension", "diabetes"}
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\npathwya: x\n")
    found = run("check", str(bad))
    assert found.exit_code == 1
    assert (
        "bad.yaml:2:1: " in found.output.replace("\n", "")
        and "did you mean 'pathway'" in found.output
    )
    problems = json.loads(run("check", str(bad), "--json").stdout)["problems"]
    assert problems[0]["line"] == 2


def test_a_site_file_that_cannot_be_used_stops_with_its_problems(site, tmp_path):
    (tmp_path / "own.yaml").write_text("version: 1\n")
    with pytest.raises(KnowledgeError, match=r"own\.yaml:1:1"):
        rules_in_force(Settings(data_dir=tmp_path, pathways_dir=tmp_path))


def test_a_care_plan_is_one_transaction(site):
    bundle = json.loads(run("care-plan", "late", "--on", "2026-06-30").stdout)
    kinds = [e["resource"]["resourceType"] for e in bundle["entry"]]
    assert bundle["type"] == "transaction"
    assert kinds.count("CarePlan") == 1 and "Goal" in kinds
    nobody = CliRunner().invoke(app, ["pathways", "care-plan", "healthy", "--on", "2026-06-30"])
    assert nobody.exit_code == 1


def test_a_care_plan_goes_once_to_the_server_that_the_record_is_from(tmp_path):
    settings = Settings(
        data_dir=tmp_path / "data",
        fhir_servers={"his": {"base_url": "http://127.0.0.1:9/fhir", "roles": ["read", "write"]}},
    )
    with closing(open_services(settings)) as services:
        store = RecordStore(services.engine)
        store.put(people(), origin="his")
        store.put([patient("alone")], origin="local")
        rules = rules_in_force(settings)

        def stands(person, origin, on=ON):
            return standing(services, rules, person_named(store, person, origin), on)

        late = stands("late", "his")
        assert send_care_plan(services, late, "zh", "smith")
        assert not send_care_plan(services, late, "zh", "smith")
        (queued,) = list_transactions(services.engine)
        assert (queued.peer, queued.state) == ("his", "queued")
        with services.engine.connect() as connection:
            events = connection.execute(select(audit_event.c.action)).scalars().all()
        assert events == ["care-plan-sent"]
        with pytest.raises(RecordError, match="on no pathway"):
            send_care_plan(services, stands("healthy", "his"), "zh", "smith")
        with pytest.raises(RecordError, match="'local', which is no FHIR server"):
            send_care_plan(services, stands("alone", "local"), "zh", "smith")
