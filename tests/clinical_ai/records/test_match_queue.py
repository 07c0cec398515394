from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from clinical_ai.errors import RecordError
from clinical_ai.records.match_queue import (
    accept,
    count_waiting,
    find_match,
    list_matches,
    match_known,
    match_patient,
    reject,
    revoke,
)
from clinical_ai.records.match_rows import candidate_rows, match_row
from clinical_ai.records.matching import MatchPolicy, PatientQuery
from clinical_ai.records.store import RecordStore
from clinical_ai.store.migrate import migrate
from clinical_ai.store.tables import audit_event
from pacs_bridge.database import open_engine

MRN = "http://hospital.example/mrn"
POLICY = MatchPolicy(default_issuer=MRN)
QUERY = PatientQuery("123456", "", "Zhang^Xiaoming", "19700305", "M")  # day and month swapped


def patient(name, number, family, given, born, gender="male"):
    return {
        "resourceType": "Patient",
        "id": name,
        "identifier": [{"system": MRN, "value": number}],
        "name": [{"family": family, "given": [given]}],
        "birthDate": born,
        "gender": gender,
    }


ZHANG = patient("p1", "123456", "张", "小明", "1970-05-03")
NAMESAKE = patient("p2", "654321", "张", "小明", "1970-03-05")


@pytest.fixture
def engine(database_url):
    engine = open_engine(database_url)
    migrate(engine)
    RecordStore(engine).put([ZHANG], origin="local")
    yield engine
    engine.dispose()


def ask(engine, query=QUERY):
    return match_patient(engine, query, POLICY, study_uid="1.2.3")


def test_an_uncertain_patient_is_asked_about_once_and_a_certain_one_never(engine):
    certain = replace(QUERY, birth_date="19700503")
    assert ask(engine, certain).outcome == "certain"
    assert count_waiting(engine) == 0
    with ThreadPoolExecutor(4) as pool:
        outcomes = {r.outcome for r in pool.map(lambda _: ask(engine), range(4))}
    assert outcomes == {"uncertain"}
    (one,) = list_matches(engine)
    assert (one.study_uid, one.state, one.query) == ("1.2.3", "waiting", QUERY)
    assert [c.person for c in one.candidates] == ["p1"]
    (row,) = candidate_rows(RecordStore(engine), one)
    assert row["name"] == "张 小明"
    assert "- birth date with day and month swapped" not in str(row["evidence"])
    assert "birth date with day and month swapped" in str(row["evidence"])
    assert match_row(one)["name"] == "Zhang Xiaoming"


def test_a_decision_is_remembered_audited_and_can_be_revoked(engine):
    ask(engine)
    (one,) = list_matches(engine)
    accepted = accept(engine, one.id, "local", "p1", reason="saw the ID card", username="liwei")
    assert (accepted.state, accepted.person) == ("accepted", "p1")
    result = ask(engine)
    assert result.outcome == "certain"
    assert result.match is not None
    assert result.match.person == "p1"
    assert "person has decided" in str(result.reason)
    assert count_waiting(engine) == 0
    with pytest.raises(RecordError, match="decided"):
        reject(engine, one.id, reason="no", username="liwei")
    revoke(engine, one.id, reason="wrong card", username="smith")
    assert ask(engine).outcome == "uncertain"
    history = find_match(engine, one.id).decisions
    assert [(d.action, d.username) for d in history] == [("accept", "liwei"), ("revoke", "smith")]
    with engine.connect() as connection:
        events = connection.execute(
            select(audit_event.c.action, audit_event.c.username, audit_event.c.study_uid)
        ).all()
    assert [tuple(e) for e in events] == [
        ("match-accept", "liwei", "1.2.3"),
        ("match-revoke", "smith", "1.2.3"),
    ]


def test_a_decision_counts_only_for_the_same_patient_data(engine):
    ask(engine)
    (one,) = list_matches(engine)
    accept(engine, one.id, "local", "p1", reason="known", username="liwei")
    assert match_known(engine, replace(QUERY, sex="F"), POLICY).outcome == "uncertain"
    assert match_known(engine, QUERY, POLICY).outcome == "certain"


def test_a_decision_is_asked_again_when_the_evidence_changes(engine):
    ask(engine)
    (one,) = list_matches(engine)
    accept(engine, one.id, "local", "p1", reason="known", username="liwei")
    RecordStore(engine).put([{**ZHANG, "gender": "female"}], origin="local")
    assert ask(engine).outcome == "uncertain"
    (again,) = list_matches(engine)
    assert (again.id, again.state, again.person) == (one.id, "waiting", None)


def test_who_was_rejected_stays_rejected_and_somebody_new_asks_again(engine):
    ask(engine)
    (one,) = list_matches(engine)
    reject(engine, one.id, reason="another person", username="liwei")
    assert ask(engine).outcome == "none"
    assert count_waiting(engine) == 0
    other = patient("p3", "123456", "Zhang", "Xiaoming", "1970-03-06")
    RecordStore(engine).put([other], origin="hospital")
    assert ask(engine).outcome == "uncertain"
    (again,) = list_matches(engine)
    assert [(c.origin, c.person) for c in again.candidates] == [("hospital", "p3")]


def test_two_persons_alike_are_both_shown(engine):
    RecordStore(engine).put([NAMESAKE], origin="local")
    assert ask(engine).outcome == "uncertain"
    (one,) = list_matches(engine)
    assert {c.person for c in one.candidates} == {"p1", "p2"}


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_decision_needs_a_reason_and_a_candidate(engine, reason):
    ask(engine)
    (one,) = list_matches(engine)
    with pytest.raises(RecordError, match="reason"):
        accept(engine, one.id, "local", "p1", reason=reason, username="liwei")
    with pytest.raises(RecordError, match="candidates"):
        accept(engine, one.id, "local", "p9", reason="x", username="liwei")
    with pytest.raises(RecordError, match="no such"):
        find_match(engine, one.id + 1)
    with pytest.raises(RecordError, match="not decided"):
        revoke(engine, one.id, reason="x", username="liwei")
    assert find_match(engine, one.id).state == "waiting"


def test_keys_follow_the_person(engine):
    store = RecordStore(engine)
    moved = patient("p1", "999999", "李", "娜", "1988-01-02")
    store.put([moved], origin="local")
    assert ask(engine).outcome == "none"
    store.remove([("Patient", "p1")], origin="local")
    assert store.candidates({"number:999999"}) == []
